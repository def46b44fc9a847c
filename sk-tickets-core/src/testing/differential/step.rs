//! What is done on either side, and what it answers, as text.

use std::{fmt::Write, time::Duration};

use super::Side;
use crate::{
    desk::Request,
    model::api_key::{ApiKey, Scope},
    platform::{api_key::ApiKeyHash, id::ApiKeyId, idempotency::StoredResponse, realm::Realm, time::Timestamp},
    store::{
        Claimed, ClaimedNotifications, Commit, CommitOutcome, Lease, LeasedDelivery, NotificationLease, Settlement,
        Slots, WorkerId,
    },
};

/// One thing to do.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A request, by one of two nodes.
    Ask(usize, Realm, Box<Request>),
    /// A commit that was decided on what may no longer be so.
    Commit(Box<Commit>),
    Claim(WorkerId, Timestamp, Duration, Slots),
    /// A part of a replay, of at most so many letters.
    Replay(Timestamp, usize),
    Renew(Lease, Timestamp),
    Settle(Vec<Settlement>),
    Release(WorkerId),
    /// Notifications, at most so many.
    ClaimMail(WorkerId, Timestamp, Duration, usize),
    RenewMail(NotificationLease, Timestamp),
    RetryMail(NotificationLease, String, Timestamp),
    /// By one of two nodes: sent or, for a reason, dead.
    SettleMail(usize, NotificationLease, Option<String>),
    ReleaseMail(WorkerId),
    MakeKey(usize, Realm),
    RevokeKey(ApiKeyId, Timestamp),
    UseKey(ApiKeyId, Timestamp),
    FindKey(ApiKeyHash),
    /// A node does what is due at tickets.
    Sweep(usize),
    /// The clock goes on by so many milliseconds.
    Wait(u64),
    /// The clock is set back by so many milliseconds.
    TurnBack(u64),
}

/// The leases that a step gave.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// Each with how many attempts were made before.
    pub(super) deliveries: Vec<(Lease, u32)>,
    pub(super) notifications: Vec<NotificationLease>,
}

impl Step {
    /// Does it; answers all that can be seen of how it went, and the leases it gave.
    pub(super) async fn take(&self, side: &Side) -> (String, Leases) {
        if let Self::ClaimMail(worker, now, lease, limit) = self {
            let ClaimedNotifications { notifications, next } =
                side.store.notification_claim(*worker, *now, *lease, *limit).await.expect("answered");
            let seen = format!("{next:?} {notifications:?}");
            let notifications = notifications.into_iter().map(|one| one.lease).collect();
            return (seen, Leases { deliveries: Vec::new(), notifications });
        }
        if let Self::Claim(worker, now, lease, slots) = self {
            let Claimed { deliveries, next, replaying } =
                side.store.claim_due(*worker, *now, *lease, *slots).await.expect("answered");
            let seen = format!("{next:?} {replaying} {}", leased(&deliveries));
            let deliveries = deliveries.into_iter().map(|one| (one.lease, one.attempts_before)).collect();
            return (seen, Leases { deliveries, notifications: Vec::new() });
        }
        (self.answer(side).await, Leases::default())
    }

    async fn answer(&self, side: &Side) -> String {
        match self {
            Self::Ask(node, realm, request) => match side.desk(*node, realm).execute(Request::clone(request)).await {
                Ok(answer) => format!("replayed: {}, {}", answer.replayed, response(&answer.response)),
                Err(error) => format!("{error}"),
            },
            Self::Commit(commit) => match side.store.commit((**commit).clone()).await.expect("answered") {
                CommitOutcome::Claimed(answer) => format!("Claimed {}", response(&answer)),
                CommitOutcome::Replayed(recorded) => format!("Replayed {}", response(&recorded)),
                other @ (CommitOutcome::Applied | CommitOutcome::KeyReused | CommitOutcome::Stale) => {
                    format!("{other:?}")
                }
            },
            Self::Renew(lease, until) => format!("{:?}", side.store.renew(lease, *until).await.expect("answered")),
            Self::Settle(settlements) => {
                format!("{:?}", side.store.settle(settlements).await.expect("answered"))
            }
            Self::Replay(now, limit) => {
                format!("{:?}", side.store.replay_some(*now, *limit).await.expect("answered"))
            }
            Self::Sweep(node) => format!("{:?}", side.nodes[*node].sweeper().sweep().await.expect("answered")),
            Self::Release(worker) => format!("{:?}", side.store.release(*worker).await.expect("answered")),
            Self::RenewMail(lease, until) => {
                format!("{:?}", side.store.notification_renew(lease, *until).await.expect("answered"))
            }
            Self::RetryMail(lease, error, at) => {
                format!("{:?}", side.store.notification_retry(lease, error, *at).await.expect("answered"))
            }
            Self::SettleMail(node, lease, error) => {
                format!("{:?}", side.nodes[*node].settle_notification(lease, error.clone()).await.expect("answered"))
            }
            Self::ReleaseMail(worker) => {
                format!("{:?}", side.store.notification_release(*worker).await.expect("answered"))
            }
            Self::MakeKey(node, realm) => {
                let name = Some("a key".to_owned());
                let made = side.nodes[*node].create_api_key(realm.clone(), name, [Scope::Webhooks], None).await;
                let (key, secret) = made.expect("answered");
                let found = side.store.api_key_by_hash(secret.hash()).await.expect("answered");
                format!("{} {} {}", api_key(&key), secret.expose(), found == Some(key))
            }
            Self::RevokeKey(id, at) => format!("{}", side.store.api_key_revoke(*id, *at).await.expect("answered")),
            Self::UseKey(id, at) => format!("{:?}", side.store.api_key_used(*id, *at).await.expect("answered")),
            Self::FindKey(hash) => {
                let found = side.store.api_key_by_hash(*hash).await.expect("answered");
                found.as_ref().map_or_else(String::new, api_key)
            }
            Self::Claim(..) | Self::ClaimMail(..) | Self::Wait(_) | Self::TurnBack(_) => String::new(),
        }
    }
}

pub(super) fn api_key(key: &ApiKey) -> String {
    format!("{key:?}")
}

/// An answer, byte for byte.
pub(super) fn response(response: &StoredResponse) -> String {
    let StoredResponse { status, location, etag, content_type, body, secret } = response;
    let secret = secret.as_ref().map(|slot| (slot.at, slot.secret.as_bytes()));
    let body = String::from_utf8_lossy(body);
    format!("{status} {location:?} {etag:?} {content_type:?} {body} {secret:?}")
}

fn leased(deliveries: &[LeasedDelivery]) -> String {
    let mut text = String::new();
    for one in deliveries {
        let LeasedDelivery { lease, endpoint_id, url, secret, old_secrets, event_id, payload, .. } = one;
        let LeasedDelivery { attempts_before, failures, lane, .. } = one;
        let old: Vec<_> = old_secrets.iter().map(|old| (old.secret.as_bytes(), old.until)).collect();
        let (secret, payload) = (secret.as_bytes(), String::from_utf8_lossy(payload));
        let _ = write!(
            text,
            "{lease:?} {endpoint_id} {url} {secret:?} {old:?} {event_id} {attempts_before} {failures} {lane:?} {payload}; "
        );
    }
    text
}
