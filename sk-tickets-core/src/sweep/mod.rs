//! Does what is due at tickets: warnings and breaches of their clocks, the close of those that were resolved for long
//! enough, and changes of SLA policies.

use std::{future::Future, pin::pin, time::Duration};

use tokio::{select, task::JoinSet};

use crate::{
    decide::Chore,
    desk::Tickets,
    model::{
        id::TicketId,
        sla::{DueTicket, PolicyWork},
        ticket::Priority,
    },
    platform::{realm::Realm, time::Timestamp},
    store::{Commit, CommitOutcome, Effect, PolicyChange, StoreError},
};

/// How many due tickets are listed at a time.
const LISTED_AT_A_TIME: usize = 100;
/// How many tickets are changed at a time by a sweeper that runs: a store shares one fsync among them.
const CHANGED_AT_A_TIME: usize = 16;
/// How many tickets are brought under a changed policy between two looks for what is due.
const POLICY_AT_A_TIME: usize = 100;
/// How often to look, even if nobody wakes it: another process may have written.
const POLL: Duration = Duration::from_millis(500);
/// How long to gather what is new before the next look, however often it is woken.
const GATHER: Duration = Duration::from_millis(20);

/// Does what is due at tickets, in all realms. Made by [`Tickets::sweeper`]. Any number may run, on any number of nodes:
/// each thing is done once, since a ticket's version and its times say whether it was.
#[derive(Debug, Clone)]
pub struct Sweeper {
    tickets: Tickets,
}

/// What a sweep came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Swept {
    /// How many tickets were changed.
    pub changed: u64,
    /// How many tickets could not be seen to; they are still due.
    pub failed: u64,
    /// Whether there is more to do about changed policies.
    pub more: bool,
    /// When something is due next; none for not yet known.
    pub next: Option<Timestamp>,
}

impl Sweeper {
    pub(crate) const fn new(tickets: Tickets) -> Self {
        Self { tickets }
    }

    /// Works until `shutdown` is ready. What is under way then is finished.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let store = self.tickets.store();
        loop {
            // A sweep that is dropped half way leaves nothing half done: each ticket is a commit.
            let swept = select! {
                biased;
                () = &mut shutdown => return,
                swept = self.sweep_with(CHANGED_AT_A_TIME) => swept,
            };
            let now = self.tickets.now();
            let swept = swept.unwrap_or_else(|error| {
                tracing::warn!(%error, "what is due could not be listed; trying again");
                Swept::default()
            });
            if swept.more && swept.failed == 0 {
                continue;
            }
            let poll = now + POLL;
            select! {
                biased;
                () = &mut shutdown => return,
                () = self.tickets.sleep_until(swept.next.map_or(poll, |next| next.min(poll))) => {}
                () = store.wait_for_due() => {
                    select! {
                        biased;
                        () = &mut shutdown => return,
                        () = self.tickets.sleep_until(now + GATHER) => {}
                    }
                }
            }
        }
    }

    /// Does all that is due now, one thing after the other, and some of what there is to do about changed policies.
    ///
    /// # Errors
    /// [`StoreError`] if what is due cannot be listed. What fails for one ticket is counted and stops no other.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        self.sweep_with(1).await
    }

    async fn sweep_with(&self, at_a_time: usize) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let now = self.tickets.now();
        let mut after = None;
        loop {
            let due = self.tickets.store().tickets_due(now, after.as_ref(), LISTED_AT_A_TIME).await?;
            let is_last = due.len() < LISTED_AT_A_TIME;
            after = due.last().cloned().or(after);
            for some in in_order(due).chunks(at_a_time) {
                let tickets = some.iter().map(|due| (due.realm.clone(), due.ticket_id));
                self.see_to(tickets, Chore::Sweep, &mut swept).await;
            }
            if is_last {
                break;
            }
        }
        let mut policies = self.tickets.store().policies_changed().await?;
        policies.sort();
        for (realm, priority) in policies {
            match self.apply_policy(&realm, priority, at_a_time, &mut swept).await {
                Ok(more) => swept.more |= more,
                Err(error) => {
                    tracing::warn!(%error, ?realm, %priority, "a changed policy could not be gone on with");
                    swept.failed += 1;
                }
            }
        }
        swept.next = self.tickets.store().next_due(now).await?;
        Ok(swept)
    }

    /// Brings some tickets under a changed policy; true if there are more.
    async fn apply_policy(
        &self,
        realm: &Realm,
        priority: Priority,
        at_a_time: usize,
        swept: &mut Swept,
    ) -> Result<bool, StoreError> {
        let store = self.tickets.store();
        let Some(work) = store.policy_work(realm, priority, POLICY_AT_A_TIME).await? else { return Ok(false) };
        let PolicyWork { policy, after, tickets } = work;
        let failed_before = swept.failed;
        for some in tickets.chunks(at_a_time) {
            let tickets = some.iter().map(|id| (realm.clone(), *id));
            self.see_to(tickets, Chore::ApplyPolicy, swept).await;
        }
        if swept.failed > failed_before {
            // The same ones once more.
            return Ok(true);
        }
        let to = tickets.last().copied().filter(|_| tickets.len() == POLICY_AT_A_TIME);
        let change = PolicyChange::Progress { policy, from: after, to };
        let effect = Effect::Policy(Box::new(change));
        match store.commit(Commit::new(realm.clone(), self.tickets.now(), None, effect)).await? {
            CommitOutcome::Applied => Ok(to.is_some()),
            // Another node has come as far, or the policy was changed again.
            CommitOutcome::Stale
            | CommitOutcome::Replayed(_)
            | CommitOutcome::KeyReused
            | CommitOutcome::Claimed(_) => Ok(true),
        }
    }

    /// Sees to some tickets at a time. One that fails, be it by a panic, harms no other.
    async fn see_to(&self, tickets: impl Iterator<Item = (Realm, TicketId)>, chore: Chore, swept: &mut Swept) {
        let mut under_way = JoinSet::new();
        for (realm, id) in tickets {
            let tickets = self.tickets.clone();
            under_way.spawn(async move {
                let done = tickets.perform(&realm, id, chore).await;
                done.inspect_err(|error| tracing::warn!(%error, ?realm, ticket = %id, "a due ticket was not seen to"))
            });
        }
        while let Some(done) = under_way.join_next().await {
            match done {
                Ok(Ok(changed)) => swept.changed += u64::from(changed),
                Ok(Err(_)) => swept.failed += 1,
                Err(panic) => {
                    tracing::error!(%panic, "a due ticket was not seen to");
                    swept.failed += 1;
                }
            }
        }
    }
}

/// Where several are due at the same time, in an order that does not depend on the store.
fn in_order(mut due: Vec<DueTicket>) -> Vec<DueTicket> {
    due.sort_by(|one, other| {
        let key = |due: &DueTicket| (due.wakes_at, due.ticket_id);
        key(one).cmp(&key(other)).then_with(|| one.realm.cmp(&other.realm))
    });
    due
}
