//! What happens next. All choices follow from the seed and from what the reference store has.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Side,
    commands::TEXTS,
    realms,
    step::{Leases, Step},
};
use crate::{
    decide::{Command, TicketCommand},
    desk::Request,
    model::{
        contact::{Contact, ContactFilter},
        delivery::{Attempt, Delivery, DeliveryFilter},
        endpoint::Endpoint,
        event::EventType,
        form::Form,
        id::{EntryId, FormId, NotificationId, QueueId, TicketId},
        notification::{Notification, NotificationFilter, Outcome},
        page::Order,
        queue::Queue,
        replay_job::{JobStatus, ReplayJob},
        search::TermChanges,
        sla::{KeptPolicy, PolicyRevision, Target, Targets, Timers},
        ticket::{Ticket, TicketFilter, Version},
    },
    platform::{
        api_key::ApiKeyHash,
        id::{ApiKeyId, DeliveryId, EndpointId, JobId},
        idempotency::{Claim, Fingerprint, IdempotencyKey, SecretSlot, StoredResponse},
        json::Json,
        realm::Realm,
        seal::Sealed,
        text::Text,
        time::Timestamp,
    },
    store::{
        Commit, ContactChange, DeliveryAction, DeliveryChange, Effect, EndpointChange, Expectation, FormChange, Lease,
        NextStep, NotificationChange, NotificationLease, PageSpec, PolicyChange, Purge, Purged, QueueChange,
        RevivedNotification, SecretChange, SettledNotification, Settlement, Slots, TicketChange, WorkerId,
    },
    testing::dice::Dice,
};

/// All rows of a list.
pub(super) const fn all<K>() -> PageSpec<K> {
    PageSpec { after: None, order: Order::Asc, limit: usize::MAX >> 1 }
}

/// A secret of no use.
fn sealed(number: usize) -> Sealed {
    Sealed::from_bytes(vec![0, 0xFF, number as u8])
}

/// What a realm has.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) tickets: Vec<Ticket>,
    pub(super) contacts: Vec<Contact>,
    pub(super) queues: Vec<Queue>,
    pub(super) forms: Vec<Form>,
    pub(super) policies: Vec<KeptPolicy>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) notifications: Vec<Notification>,
    /// Of all threads.
    pub(super) entries: Vec<(TicketId, EntryId)>,
}

/// Thinks up steps.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) dice: Dice,
    realms: [Realm; 3],
    /// What was asked before, to be asked again.
    asked: Vec<(usize, Realm, IdempotencyKey, Request)>,
    /// Decided on what was then, to be committed later.
    held: Vec<Commit>,
    /// The keys of those.
    committed: Vec<IdempotencyKey>,
    leases: Vec<(Lease, u32)>,
    mail_leases: Vec<NotificationLease>,
    /// The endpoints there ever were: a deleted one can still be asked for.
    pub(super) endpoints: Vec<EndpointId>,
    /// The forms there ever were, in whatever realm.
    pub(super) forms: BTreeSet<FormId>,
    /// The jobs there ever were.
    jobs: BTreeSet<JobId>,
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(!seed),
            realms: realms(),
            asked: Vec::new(),
            held: Vec::new(),
            committed: Vec::new(),
            leases: Vec::new(),
            mail_leases: Vec::new(),
            endpoints: Vec::new(),
            forms: BTreeSet::from([FormId::from_bytes([7; 16])]),
            jobs: (0..4).map(|number| JobId::from_bytes([number; 16])).collect(),
        }
    }

    pub(super) async fn next(&mut self, reference: &Side, now: Timestamp) -> Step {
        // The first one most of the time, so that much happens to the same things.
        let realm = self.realms[self.dice.below(5).saturating_sub(2)].clone();
        // Now and then with the ids of another realm, which must be as good as unknown.
        let owner =
            if self.dice.once_in(12) { self.dice.pick(&self.realms).expect("there are some") } else { realm.clone() };
        let known = self.look(reference, &owner).await;
        match self.dice.below(20) {
            0..8 => self.ask(realm, &known),
            8 => self.again(),
            9 => self.reuse(&known),
            10 | 11 => self.commit(&realm, &known, now),
            12 | 13 => self.claim(now),
            14..17 => self.settle(now),
            17 if self.dice.once_in(2) => Step::Replay(now, 1 + self.dice.below(4)),
            17 => self.release(now),
            18 if self.dice.once_in(2) => self.mail(now),
            18 if self.dice.once_in(2) => self.directory(reference, &realm, now).await,
            19 if self.dice.once_in(2) => Step::Sweep(self.dice.below(2)),
            18 if self.dice.once_in(4) => Step::TurnBack(self.dice.below(5_000) as u64),
            _ => Step::Wait(self.dice.below(30_000) as u64),
        }
    }

    async fn look(&mut self, reference: &Side, realm: &Realm) -> Known {
        let store = &reference.store;
        let endpoints = store.endpoint_page(realm, all()).await.expect("read");
        for endpoint in &endpoints {
            if !self.endpoints.contains(&endpoint.id) {
                self.endpoints.push(endpoint.id);
            }
        }
        let forms = store.form_page(realm, all()).await.expect("read");
        self.forms.extend(forms.iter().map(|form| form.id));
        let tickets = store.ticket_page(realm, &TicketFilter::ALL, all()).await.expect("read");
        let mut entries = Vec::new();
        for ticket in &tickets {
            let thread = store.thread_page(realm, ticket.id, all()).await.expect("read").unwrap_or_default();
            entries.extend(thread.into_iter().map(|entry| (ticket.id, entry.id)));
        }
        Known {
            tickets,
            entries,
            deliveries: store.delivery_page(realm, &DeliveryFilter::default(), all()).await.expect("read"),
            contacts: store.contact_page(realm, &ContactFilter::default(), all()).await.expect("read"),
            queues: store.queues(realm).await.expect("read"),
            forms,
            notifications: store.notification_page(realm, &NotificationFilter::default(), all()).await.expect("read"),
            policies: store.policies(realm).await.expect("read"),
            endpoints,
        }
    }

    fn ask(&mut self, realm: Realm, known: &Known) -> Step {
        let command = self.command(known);
        let node = self.dice.below(2);
        let key = IdempotencyKey::system(&format!("key {}", self.asked.len()));
        let mut request = Request::new(&key, command.clone());
        if let Command::Ticket(
            TicketCommand::Update(id, _)
            | TicketCommand::Assign(id, _)
            | TicketCommand::Transition(id, _)
            | TicketCommand::Post(id, _),
        ) = &command
            && self.dice.once_in(4)
        {
            // What the other node has last seen, or what is.
            let version = known.tickets.iter().find(|ticket| ticket.id == *id).map_or(1, |ticket| ticket.version.0);
            let stale = u64::from(self.dice.once_in(2));
            request = request.if_match(Some(vec![Version(version.saturating_sub(stale))]));
        }
        self.asked.push((node, realm.clone(), key, request.clone()));
        Step::Ask(node, realm, Box::new(request))
    }

    /// The same once more, by either node.
    fn again(&self) -> Step {
        match self.dice.pick(&self.asked) {
            Some((_, realm, _, request)) => Step::Ask(self.dice.below(2), realm, Box::new(request)),
            None => Step::Wait(1),
        }
    }

    /// A key that was used, for another request; or in another realm, where it is a key of its own.
    fn reuse(&self, known: &Known) -> Step {
        let command = self.command(known);
        match self.dice.pick(&self.asked) {
            Some((node, realm, key, _)) => {
                let realm = if self.dice.once_in(3) { self.realms[self.dice.below(3)].clone() } else { realm };
                Step::Ask(node, realm, Box::new(Request::new(&key, command)))
            }
            None => Step::Wait(1),
        }
    }

    /// A commit decided on what is now, taken at once or after whatever comes between.
    fn commit(&mut self, realm: &Realm, known: &Known, now: Timestamp) -> Step {
        if !self.dice.once_in(3)
            && let Some(commit) = self.dice.pick(&self.held[self.held.len().saturating_sub(3)..])
        {
            return Step::Commit(Box::new(commit));
        }
        let Some(effect) = self.effect(realm, known, now) else { return Step::Wait(1) };
        let claim = self.dice.once_in(2).then(|| self.claim_of_commit());
        let shows = self.dice.maybe(&known.tickets).map(|ticket| ticket.id).filter(|_| claim.is_some());
        let commit = Commit::new(realm.clone(), now, claim, effect).showing(shows);
        self.held.push(commit.clone());
        if self.dice.once_in(2) { Step::Commit(Box::new(commit)) } else { Step::Wait(1) }
    }

    /// A key of its own or one that a request has used.
    fn claim_of_commit(&mut self) -> (Claim, StoredResponse) {
        let used = self.dice.pick(&self.asked).filter(|_| self.dice.once_in(3)).map(|(_, _, key, _)| key);
        let key = used.unwrap_or_else(|| IdempotencyKey::system(&format!("commit {}", self.held.len())));
        self.committed.push(key.clone());
        let fingerprint = Fingerprint::of("commit", &[], &Json::Null);
        let response = StoredResponse {
            status: 299,
            location: self.dice.maybe(&TEXTS).map(str::to_owned),
            etag: None,
            content_type: None,
            body: vec![0, 0xFF],
            secret: self.dice.maybe(&[1, 2]).map(|at| SecretSlot { at, secret: sealed(at) }),
        };
        (Claim { key, fingerprint }, response)
    }

    fn effect(&self, realm: &Realm, known: &Known, now: Timestamp) -> Option<Effect> {
        let dice = &self.dice;
        Some(match dice.below(16) {
            0..3 => {
                let mut ticket = dice.pick(&known.tickets)?;
                let expect = if dice.once_in(4) { Expectation::Absent } else { Expectation::Version(ticket.version) };
                // It may be another realm's.
                ticket.environment = realm.environment();
                ticket.version = ticket.version.next();
                ticket.tags = self.tags::<20>().into_vec().into_iter().map(Text::into_string).collect();
                ticket.tags.dedup();
                let (timers, contact) = (self.timers(), None);
                let policy = self.policy(known).filter(|_| dice.once_in(2));
                let notification = if dice.once_in(2) { self.notification_change(&ticket, known) } else { None };
                let (entries, events) = (Vec::new(), Vec::new());
                let change = TicketChange {
                    expect,
                    ticket,
                    timers,
                    policy,
                    contact,
                    notification,
                    entries,
                    events,
                    terms: TermChanges::default(),
                };
                Effect::Ticket(Box::new(change))
            }
            3 => {
                let before = dice.pick(&known.endpoints)?;
                let after = Endpoint { description: Some("changed".to_owned()), ..before.clone() };
                Effect::Endpoint(Box::new(EndpointChange::Update { before, after }))
            }
            4 => Effect::Endpoint(Box::new(match dice.pick(&known.endpoints) {
                Some(endpoint) if dice.once_in(2) => EndpointChange::Create(endpoint),
                Some(_) | None => EndpointChange::Delete(dice.pick(&self.endpoints)?),
            })),
            5 => {
                let job = ReplayJob {
                    id: JobId::from_bytes([dice.below(4) as u8; 16]),
                    status: JobStatus::Pending,
                    endpoint_id: dice.maybe(&self.endpoints),
                    types: dice.maybe(EventType::ALL).into_iter().collect(),
                    from: dice.maybe(&known.deliveries).map(|delivery| delivery.created_at),
                    to: dice.maybe(&known.deliveries).map(|delivery| delivery.created_at),
                    total: dice.below(5) as u64,
                    done: 0,
                    failed: 0,
                    created_at: Timestamp::from_millis(0),
                    finished_at: None,
                };
                Effect::Replay(Box::new(job))
            }
            9 => {
                let Notification { id, ticket_id, .. } = dice.pick(&known.notifications)?;
                let to = dice.maybe(&["ann@example.com"]).map(str::to_owned);
                let version = known.tickets.iter().find(|ticket| ticket.id == ticket_id)?.version;
                let version = if dice.once_in(4) { version.next() } else { version };
                Effect::Notification(Box::new(RevivedNotification { id, to, ticket: (ticket_id, version) }))
            }
            10 => Effect::Policy(Box::new(self.policy_change(known)?)),
            7 => {
                let before = dice.pick(&known.contacts)?;
                let email = dice.pick(&known.contacts)?.email;
                let after = Contact { email, ..before.clone() };
                Effect::Contact(Box::new(if dice.once_in(3) {
                    ContactChange::Create(after)
                } else {
                    ContactChange::Update { before, after }
                }))
            }
            8 => {
                let before = dice.pick(&known.queues)?;
                let topics = dice.pick(&known.queues)?.topics;
                let after = Queue { topics, ..before.clone() };
                let others = known.queues.len().saturating_sub(dice.below(2));
                Effect::Queue(Box::new(if dice.once_in(3) {
                    let key = if dice.once_in(2) { "fourth".to_owned() } else { after.key.clone() };
                    let id = if dice.once_in(3) { after.id } else { QueueId::from_bytes([7; 16]) };
                    QueueChange::Create { queue: Queue { id, key, ..after }, others }
                } else {
                    QueueChange::Update { before, after }
                }))
            }
            6 => {
                let key = dice.pick(&self.committed)?;
                Effect::Secret(Box::new(SecretChange { key, before: sealed(1 + dice.below(2)), after: sealed(2) }))
            }
            12 => {
                let before = dice.pick(&known.forms)?;
                let topics = dice.pick(&known.forms)?.topics;
                let after = Form { topics, ..before.clone() };
                let others = known.forms.len().saturating_sub(dice.below(2));
                Effect::Form(Box::new(if dice.once_in(2) {
                    // Its own, another one's, perhaps of another realm, or a new one.
                    let id = self.dice.pick(&self.forms.iter().copied().collect::<Vec<_>>())?;
                    FormChange::Create { form: Form { id, ..after }, others }
                } else {
                    FormChange::Update { before, after }
                }))
            }
            13 | 14 => {
                let what = dice.pick(&[Purged::Answers, Purged::Events, Purged::Deliveries, Purged::Responses])?;
                // All of what is old, since of what is as old as the last one any may stay.
                let before = now - Duration::from_secs(dice.pick(&[0, 1, 60])?);
                Effect::Purge(Purge { what, before, limit: usize::MAX >> 1 })
            }
            11 => {
                let Ticket { id, version, .. } = dice.pick(&known.tickets)?;
                Effect::Unchanged(id, if dice.once_in(4) { version.next() } else { version })
            }
            _ => {
                let delivery = dice.pick(&known.deliveries)?;
                let action = if dice.once_in(2) {
                    DeliveryAction::Replay
                } else {
                    DeliveryAction::Discard(dice.pick(&TEXTS)?.to_owned())
                };
                let of_event = known.tickets.iter().find(|ticket| Some(ticket.id) == delivery.ticket_id);
                let mut ticket = of_event.map(|ticket| (ticket.id, ticket.version));
                if dice.once_in(5) {
                    ticket = dice.pick(&known.tickets).map(|ticket| (ticket.id, ticket.version.next()));
                }
                Effect::Delivery(Box::new(DeliveryChange { id: delivery.id, ticket, action }))
            }
        })
    }

    /// A policy as it is or as it was.
    fn policy(&self, known: &Known) -> Option<PolicyRevision> {
        let kept = self.dice.pick(&known.policies)?;
        let revision = kept.revision - u64::from(self.dice.once_in(4));
        Some(PolicyRevision { priority: kept.policy.priority, revision })
    }

    fn policy_change(&self, known: &Known) -> Option<PolicyChange> {
        let dice = &self.dice;
        if dice.once_in(3) {
            let mut after = dice.pick(&known.policies)?;
            let expect = after.revision - u64::from(dice.once_in(3));
            after.policy.resolution_seconds = dice.maybe(&[1, 60, 3_600]);
            after.revision += 1;
            return Some(PolicyChange::Set { expect, after });
        }
        let tickets: Vec<_> = known.tickets.iter().map(|ticket| ticket.id).collect();
        Some(PolicyChange::Progress {
            policy: self.policy(known)?,
            from: dice.maybe(&tickets),
            to: dice.maybe(&tickets),
        })
    }

    /// Times as no ticket has them.
    fn timers(&self) -> Timers {
        let dice = &self.dice;
        let time = || dice.maybe(&[0, 1_800_000_010_000]).map(Timestamp::from_millis);
        let target = || {
            let warn_before_seconds = dice.maybe(&[1, 59]);
            dice.once_in(2).then(|| Target { seconds: 60, warn_before_seconds, warned: dice.once_in(2) })
        };
        Timers {
            first_replied_at: time(),
            resolution_used_ms: dice.below(90_000) as u64,
            resolution_since: time(),
            targets: Targets { first_response: target(), resolution: target() },
            first_response_breached_at: time(),
            resolution_breached_at: time(),
            auto_close_at: time(),
            wakes_at: time(),
            at_risk_at: time(),
            clocked: dice.once_in(2),
        }
    }

    /// One that is new, or what a lease came to that may be lost by now.
    fn notification_change(&self, ticket: &Ticket, known: &Known) -> Option<NotificationChange> {
        let dice = &self.dice;
        if dice.once_in(2) {
            let id = dice.pick(&known.notifications).map_or(NotificationId::from_bytes([2; 16]), |one| one.id);
            let lease = dice.pick(&self.mail_leases);
            return Some(NotificationChange::Settle(SettledNotification {
                id: lease.as_ref().map_or(id, |lease| lease.notification_id),
                token: lease.map_or(1, |lease| lease.token),
                outcome: Outcome::Dead,
                attempts: dice.below(9) as u32,
                last_error: dice.maybe(&TEXTS).map(str::to_owned),
                sent_at: None,
            }));
        }
        let mut new = dice.pick(&known.notifications)?;
        if dice.once_in(2) {
            new.id = NotificationId::from_bytes([dice.below(4) as u8; 16]);
        }
        new.ticket_id = ticket.id;
        Some(NotificationChange::Create(new))
    }

    fn worker(&self) -> WorkerId {
        WorkerId([1, u64::MAX][self.dice.below(2)])
    }

    fn claim(&self, now: Timestamp) -> Step {
        let lease = Duration::from_secs(self.dice.below(20) as u64);
        let slots = Slots { first: self.dice.below(6), retry: self.dice.below(4) };
        Step::Claim(self.worker(), now, lease, slots)
    }

    /// Takes note of leases that were given.
    pub(super) fn leased(&mut self, given: Leases) {
        self.leases.extend(given.deliveries);
        self.mail_leases.extend(given.notifications);
    }

    /// Takes note of the jobs that an answer tells of.
    pub(super) fn saw(&mut self, answer: &str) {
        const LENGTH: usize = "job_".len() + 26;
        let places = answer.match_indices("job_");
        self.jobs.extend(places.filter_map(|(at, _)| answer.get(at..at + LENGTH)?.parse::<JobId>().ok()));
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = JobId> {
        self.jobs.iter().copied()
    }

    /// Every key that was ever used.
    pub(super) fn keys(&self) -> impl Iterator<Item = &IdempotencyKey> {
        self.asked.iter().map(|(_, _, key, _)| key).chain(&self.committed)
    }

    fn settle(&self, now: Timestamp) -> Step {
        // The latest most of the time: the others are mostly lost.
        let back = if self.dice.once_in(4) { self.dice.below(self.leases.len()) } else { self.dice.below(4) };
        let at = self.leases.len().checked_sub(back + 1);
        let Some((lease, before)) = at.and_then(|at| self.leases.get(at).cloned()) else { return Step::Wait(1) };
        if self.dice.once_in(6) {
            return Step::Renew(lease, now + Duration::from_secs(10));
        }
        let mut settlements = vec![self.settlement(lease, before, now)];
        while self.dice.once_in(2) {
            // Of those that are held now, and now and then one more time the same.
            let (lease, before) =
                self.leases[self.leases.len() - 1 - self.dice.below(self.leases.len().min(6))].clone();
            settlements.push(self.settlement(lease, before, now));
        }
        Step::Settle(settlements)
    }

    fn settlement(&self, lease: Lease, attempts_before: u32, now: Timestamp) -> Settlement {
        let status_code = self.dice.maybe(&[200, 410, 500]);
        let attempt = Attempt {
            number: attempts_before + 1,
            at: now,
            status_code,
            error: if status_code.is_none() { Some("no answer".to_owned()) } else { None },
            latency_ms: self.dice.below(1_000) as u64,
            response: self.dice.maybe(&TEXTS).map(str::to_owned),
        };
        let next = match self.dice.below(6) {
            0 => NextStep::Delivered,
            1 | 2 => NextStep::RetryAt(now + Duration::from_secs(self.dice.below(60) as u64)),
            3 | 4 => NextStep::DeadLetter,
            _ => NextStep::DisableEndpoint,
        };
        Settlement { lease, attempt, next }
    }

    /// What a worker that tells customers does.
    fn mail(&self, now: Timestamp) -> Step {
        let dice = &self.dice;
        let lease = Duration::from_secs(dice.below(20) as u64);
        let claim = || Step::ClaimMail(self.worker(), now, lease, dice.below(4));
        let latest = self.mail_leases.len().saturating_sub(3);
        let held = if dice.once_in(4) { dice.pick(&self.mail_leases) } else { dice.pick(&self.mail_leases[latest..]) };
        match (dice.below(8), held) {
            (0..3, _) | (_, None) => claim(),
            (3, Some(held)) => Step::RenewMail(held, now + Duration::from_secs(10)),
            (4, Some(held)) => {
                let error = dice.pick(&TEXTS).unwrap_or_default().to_owned();
                Step::RetryMail(held, error, now + Duration::from_secs(dice.below(30) as u64))
            }
            (5, Some(_)) => Step::ReleaseMail(self.worker()),
            (_, Some(held)) => Step::SettleMail(dice.below(2), held, dice.maybe(&TEXTS).map(str::to_owned)),
        }
    }

    fn release(&self, now: Timestamp) -> Step {
        if self.dice.once_in(2) { Step::Release(self.worker()) } else { self.settle_nothing(now) }
    }

    /// A lease that nobody was ever given.
    fn settle_nothing(&self, now: Timestamp) -> Step {
        let realm = self.realms[self.dice.below(3)].clone();
        let lease = Lease { realm, delivery_id: DeliveryId::from_bytes([1; 16]), token: 1 };
        Step::Renew(lease, now)
    }

    async fn directory(&self, reference: &Side, realm: &Realm, now: Timestamp) -> Step {
        let keys = reference.store.api_keys().await.expect("read");
        let id = self.dice.pick(&keys).map_or(ApiKeyId::from_bytes([1; 16]), |key| key.id);
        match self.dice.below(4) {
            0 => Step::MakeKey(self.dice.below(2), realm.clone()),
            1 => Step::RevokeKey(id, now),
            2 => Step::UseKey(id, now),
            _ => Step::FindKey(ApiKeyHash([1; 32])),
        }
    }
}
