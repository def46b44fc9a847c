//! A disk that fails under `SQLite`, and a clock that jumps under either store.

use sk_tickets_postgres::testing::Cluster;
use tokio::task::spawn_blocking;

use super::{
    faults,
    preload::{Errno, Preload},
    trial::Trial,
};

const HOUR_MS: usize = 3_600_000;

/// A server whose disk and clock can be told what to do.
fn preloaded(mut trial: Trial) -> (Trial, Preload) {
    let preload = Preload::build(trial.folder.path());
    trial.environment = preload.environment();
    trial.kill();
    trial.start();
    (trial, preload)
}

/// Half of what was written may be there. Nothing is acknowledged that is not, and it goes on once there is room again.
#[test]
fn the_disk_fails_under_sqlite() {
    let (mut trial, preload) = preloaded(Trial::on_sqlite("disk"));
    for fault in 0..faults() {
        trial.go_on();
        let after = trial.dice.roll(30);
        let named = match fault % 4 {
            0 => {
                preload.fail_syncs(after);
                "syncs that failed"
            }
            1 => {
                preload.fail_writes(Errno::NoSpace, after);
                "writes to a full disk"
            }
            2 => {
                preload.fail_writes(Errno::OverQuota, after);
                "writes over quota"
            }
            _ => {
                preload.fail_writes(Errno::Io, after);
                "writes that failed"
            }
        };
        let before = preload.faults();
        let wanted = 1 + trial.dice.roll(8);
        trial.until(named, || preload.faults() >= before + wanted);
        let is_killed = trial.dice.roll(2) == 0;
        if is_killed {
            // What was half written is all that the next one finds.
            trial.kill();
        }
        preload.mend();
        trial.count(named, preload.faults() - before);
        if is_killed {
            trial.start();
        }
    }
    // Attempts that could not be settled are leased to this very process; the next one need not wait for that.
    trial.kill();
    trial.end();
}

#[test]
fn the_clock_jumps_on_sqlite() {
    jumps(Trial::on_sqlite("clock, SQLite"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_jumps_on_postgres() {
    let url = Cluster::shared().database().await;
    spawn_blocking(move || jumps(Trial::on_postgres("clock, Postgres", url))).await.unwrap();
}

/// To and fro, by up to an hour; in the end so far ahead that nothing is yet to come.
fn jumps(trial: Trial) {
    let (mut trial, preload) = preloaded(trial);
    let hour = i64::try_from(HOUR_MS).unwrap();
    for _ in 0..faults() {
        trial.go_on();
        let ahead = i64::try_from(trial.dice.roll(2 * HOUR_MS)).unwrap() - hour;
        preload.set_clock(ahead);
        trial.count("jumps of the clock", 1);
        if trial.dice.roll(4) == 0 {
            trial.kill();
            trial.start();
        }
    }
    preload.set_clock(2 * hour);
    trial.end();
}
