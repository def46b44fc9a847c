//! Differential tests: the same commands to the reference store and to a store under test, and everything that can be
//! seen compared.
//!
//! Where the [conformance](super::conformance) suite says what must hold, this finds what nobody thought of. A seed stands
//! for one run: the commands, the times, the ids and the secrets follow from it, so a run that failed fails again.
//!
//! ```
//! # tokio_test::block_on(async {
//! use std::sync::Arc;
//! use sk_tickets_core::{MemoryStore, testing::differential};
//!
//! for seed in 0..3 {
//!     differential::run(seed, 40, Arc::new(MemoryStore::new())).await;
//! }
//! # });
//! ```

mod commands;
mod observe;
mod script;
mod step;

use std::{sync::Arc, time::Duration};

use crate::{
    MemoryStore,
    desk::{Desk, Tickets},
    platform::{
        realm::{Environment, Realm},
        system::SeededEntropy,
        time::{Clock, Timestamp},
        webhook::TargetPolicy,
    },
    store::Store,
    testing::ManualClock,
};

use script::Script;
use step::Step;

/// After how many steps everything is compared, not the answers alone.
const CHECKPOINT_STEPS: usize = 40;
const BEGINNING: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Runs `steps` random steps, which follow from `seed`, on the reference store and on a fresh `store`.
///
/// # Panics
/// Where the two differ: with the seed, the step, and what each of them had to say.
pub async fn run(seed: u64, steps: usize, store: Arc<dyn Store>) {
    let clock = Arc::new(ManualClock::new(BEGINNING));
    let reference = Side::new(seed, Arc::new(MemoryStore::new()), &clock);
    let tested = Side::new(seed, store, &clock);
    let mut script = Script::new(seed);
    for number in 1..=steps {
        let step = script.next(&reference, clock.now()).await;
        match step {
            Step::Wait(millis) => clock.advance(Duration::from_millis(millis)),
            Step::TurnBack(millis) => {
                clock.set(Timestamp::from_millis(clock.now().as_millis().saturating_sub(millis.cast_signed())));
            }
            _ => {
                let (expected, given) = step.take(&reference).await;
                let (found, _) = step.take(&tested).await;
                same(seed, number, &format!("{step:?}"), &expected, &found);
                script.saw(&expected);
                script.leased(given);
            }
        }
        if number % CHECKPOINT_STEPS == 0 || number == steps {
            let expected = observe::everything(&reference, &script).await;
            let found = observe::everything(&tested, &script).await;
            assert_eq!(expected.len(), found.len(), "seed {seed}, step {number}: not as much is seen");
            for ((what, expected), (_, found)) in expected.iter().zip(&found) {
                same(seed, number, what, expected, found);
            }
        }
    }
}

/// A store, with engines that make the same ids on either side.
#[derive(Debug)]
struct Side {
    store: Arc<dyn Store>,
    nodes: [Tickets; 2],
}

impl Side {
    fn new(seed: u64, store: Arc<dyn Store>, clock: &Arc<ManualClock>) -> Self {
        let nodes = [1, 2].map(|node| {
            Tickets::builder(Arc::clone(&store))
                .clock(Arc::clone(clock) as Arc<dyn Clock>)
                .entropy(Arc::new(SeededEntropy::new(seed.wrapping_mul(1_000).wrapping_add(node))))
                .targets(TargetPolicy::LoopbackInTest)
                .build()
        });
        Self { store, nodes }
    }

    fn desk(&self, node: usize, realm: &Realm) -> Desk {
        self.nodes[node % self.nodes.len()].desk(realm.clone())
    }
}

/// The realms: two tenants, one of them with both environments.
fn realms() -> [Realm; 3] {
    [("acme", Environment::Test), ("acme", Environment::Live), ("globex", Environment::Test)]
        .map(|(tenant, environment)| Realm::assume(tenant.parse().expect("a lawful name"), environment))
}

/// Panics where two texts differ, with as much of them as shows how.
fn same(seed: u64, step: usize, what: &str, expected: &str, found: &str) {
    const AROUND: usize = 80;
    if expected == found {
        return;
    }
    let alike = expected.chars().zip(found.chars()).take_while(|(expected, found)| expected == found).count();
    let cut = |text: &str| text.chars().skip(alike.saturating_sub(AROUND)).take(2 * AROUND).collect::<String>();
    panic!("seed {seed}, step {step}: {what}\n  reference: …{}…\n      store: …{}…", cut(expected), cut(found));
}
