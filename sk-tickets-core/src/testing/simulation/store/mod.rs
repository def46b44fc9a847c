//! A store between a node and the store that all share: it fails, loses answers, takes its time, and lets the node die at
//! every step. It forwards each method by itself, so that a new one of the contract cannot be forgotten.

#![deny(clippy::missing_trait_methods)]

mod agenda;
mod directory;
mod notifications;
mod queue;
mod reader;
mod search;
mod writer;

use std::{future::Future, sync::Arc, time::Duration};

use super::{fault::Fault, node::Life, oracle::Window, world::World};
use crate::store::{Result, Store, StoreError};

/// How long a call takes at most when all is well, in milliseconds.
const LATENCY_MS: usize = 3;
/// How long one takes at most that is slow.
const SLOW_MS: usize = 6_000;

/// The store as one life of a node has it.
#[derive(Debug)]
pub(super) struct FaultyStore {
    inner: Arc<dyn Store>,
    world: Arc<World>,
    life: Arc<Life>,
}

impl FaultyStore {
    pub(super) const fn new(inner: Arc<dyn Store>, world: Arc<World>, life: Arc<Life>) -> Self {
        Self { inner, world, life }
    }

    /// Makes a call, with all that can go wrong before and after it. `seen` is told what came of it, whoever else is not,
    /// and answers what the trace says.
    async fn call<T>(
        &self,
        what: &str,
        call: impl Future<Output = Result<T>> + Send,
        seen: impl FnOnce(&T, Window) -> String + Send,
    ) -> Result<T> {
        self.before(what).await?;
        let from = self.world.tick();
        let stand_still = self.world.time.stand_still();
        let outcome = call.await;
        drop(stand_still);
        let window = Window { from, to: self.world.tick() };
        match &outcome {
            Ok(value) => {
                let told = seen(value, window);
                self.world.say(&self.life, &format_args!("{what} {told}"));
            }
            Err(error) => self.world.say(&self.life, &format_args!("{what} failed by itself: {error}")),
        }
        self.after(what).await?;
        outcome
    }

    /// A call of which nothing is to be told but that it was made.
    async fn read<T>(&self, what: &str, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.call(what, call, |_, _| String::new()).await
    }

    async fn before(&self, what: &str) -> Result<()> {
        self.life.must_go_on().await;
        self.take_time().await;
        let (world, weather) = (&self.world, &self.world.weather);
        if world.goes_wrong(weather.crash_before) {
            self.die(Fault::CrashBefore, what).await;
        }
        if world.is_store_away() || self.life.is_cut_off() {
            world.say(&self.life, &format_args!("{what}: the store is out of reach"));
            return Err(StoreError::unavailable("out of reach", Duration::from_secs(1)));
        }
        if world.goes_wrong(weather.store_refuses) {
            world.note(Fault::StoreRefused);
            world.say(&self.life, &format_args!("{what}: {}", Fault::StoreRefused));
            return Err(self.failure());
        }
        Ok(())
    }

    async fn after(&self, what: &str) -> Result<()> {
        let (world, weather) = (&self.world, &self.world.weather);
        if world.goes_wrong(weather.crash_after) {
            self.die(Fault::CrashAfter, what).await;
        }
        self.take_time().await;
        self.life.must_go_on().await;
        if world.goes_wrong(weather.store_answer_lost) {
            world.note(Fault::StoreAnswerLost);
            world.say(&self.life, &format_args!("{what}: {}", Fault::StoreAnswerLost));
            return Err(self.failure());
        }
        Ok(())
    }

    async fn take_time(&self) {
        let mut latency_ms = self.world.dice.between(0, LATENCY_MS);
        if self.world.goes_wrong(self.world.weather.store_slow) {
            self.world.note(Fault::StoreSlow);
            latency_ms += self.world.dice.between(100, SLOW_MS);
        }
        self.world.time.sleep(Duration::from_millis(latency_ms as u64)).await;
    }

    /// The node dies here, and whoever called never hears of it.
    async fn die(&self, fault: Fault, what: &str) {
        self.world.note(fault);
        self.world.say(&self.life, &format_args!("{what}: {fault}"));
        self.life.end();
        self.life.must_go_on().await;
    }

    fn failure(&self) -> StoreError {
        if self.world.dice.once_in(4) {
            StoreError::internal("made to fail")
        } else {
            StoreError::unavailable("made to fail", Duration::from_secs(1))
        }
    }
}
