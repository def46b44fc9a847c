use super::Context;
use crate::{
    model::{
        sla::{KeptPolicy, SetSlaPolicy, SlaPolicy},
        ticket::Priority,
    },
    platform::number::Whole,
    store::{Effect, Loaded, PolicyChange},
};

/// Decides what is aimed at for the tickets of a priority: what that changes, and the policy as it is afterwards.
#[must_use]
pub fn decide_sla_policy(
    known: &Loaded,
    priority: Priority,
    command: &SetSlaPolicy,
    cx: &Context<'_>,
) -> (Effect, SlaPolicy) {
    let SetSlaPolicy { first_response_seconds, resolution_seconds, warn_before_seconds } = command;
    let before = known.policies.iter().find(|kept| kept.policy.priority == priority);
    let (id, created_at, updated_at, revision) = match before {
        Some(KeptPolicy { policy, revision }) => {
            (policy.id, policy.created_at, policy.updated_at.max(cx.now), *revision)
        }
        None => (cx.ids.generate(cx.now), cx.now, cx.now, 0),
    };
    let policy = SlaPolicy {
        id,
        priority,
        first_response_seconds: first_response_seconds.map(Whole::get),
        resolution_seconds: resolution_seconds.map(Whole::get),
        warn_before_seconds: warn_before_seconds.map(Whole::get),
        created_at,
        updated_at,
    };
    match before {
        Some(KeptPolicy { policy: before, .. }) if (SlaPolicy { updated_at, ..before.clone() }) == policy => {
            (Effect::None, before.clone())
        }
        Some(_) | None => {
            let after = KeptPolicy { policy: policy.clone(), revision: revision + 1 };
            (Effect::Policy(Box::new(PolicyChange::Set { expect: revision, after })), policy)
        }
    }
}
