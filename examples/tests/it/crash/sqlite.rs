//! What can happen to a server on `SQLite`.

use super::{faults, trial::Trial};

/// Where the process can die. Everything is written by one thread, a group of commits as one alone.
const POINTS: [&str; 8] = [
    "commit.begin",
    "commit.claimed",
    "commit.stored",
    "commit.committed",
    "reply",
    "delivery.claimed",
    "delivery.sent",
    "delivery.settle",
];

#[test]
fn killed_wherever_it_is() {
    let mut trial = Trial::on_sqlite("killed, SQLite");
    for fault in 0..faults() {
        trial.go_on();
        let nth = 1 + trial.dice.roll(12);
        trial.die_at(POINTS[fault % POINTS.len()], nth);
        // Now and then while it starts.
        if trial.dice.roll(3) == 0 {
            trial.doze(200);
            trial.kill();
            trial.start();
        }
    }
    trial.end();
}
