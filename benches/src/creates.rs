//! Tickets that are made, by many at a time.

use sk_tickets_core::{CreateTicket, Desk, IdempotencyKey};
use tokio::task::JoinSet;

/// A ticket to make, with sixty words as people write them.
///
/// # Panics
/// Never: what it says is lawful.
#[must_use]
pub fn request(serial: u64) -> CreateTicket {
    CreateTicket {
        body: Some(words(serial, 60).parse().expect("lawful")),
        ..CreateTicket::new(words(!serial, 4)).expect("lawful")
    }
}

/// A ticket to make, with hardly a word to be found by.
///
/// # Panics
/// Never: what it says is lawful.
#[must_use]
pub fn brief(serial: u64) -> CreateTicket {
    CreateTicket::new(words(serial, 4)).expect("lawful")
}

/// As many words as people write, some often and many rarely: the n-th most frequent of 20,000 as often as 1/n.
#[must_use]
pub fn words(seed: u64, count: usize) -> String {
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let chance = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
        word(20_000_f64.powf(chance) as u64)
    };
    (0..count).map(|_| next()).collect::<Vec<_>>().join(" ")
}

/// The n-th most frequent word; the most frequent one is the first.
#[must_use]
pub fn word(rank: u64) -> String {
    let mut name = rank.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let mut word = String::new();
    for _ in 0..2 + rank.ilog10() {
        word.push(char::from(b"bcdfghklmnprstvw"[(name % 16) as usize]));
        word.push(char::from(b"aeiou"[(name / 16 % 5) as usize]));
        name /= 80;
    }
    word
}

/// Makes so many tickets, by so many callers at a time. The keys of a round are its own.
///
/// # Panics
/// If one cannot be made.
pub async fn create_many(desk: &Desk, callers: u32, round: u32, count: u32, ticket: fn(u64) -> CreateTicket) {
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let desk = desk.clone();
        tasks.spawn(async move {
            for number in 0..count / callers {
                let key = IdempotencyKey::system(&format!("{round}-{caller}-{number}"));
                let serial = (u64::from(round) << 40) | (u64::from(caller) << 20) | u64::from(number);
                desk.create_ticket(&key, ticket(serial)).await.expect("made");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no caller failed");
    }
}
