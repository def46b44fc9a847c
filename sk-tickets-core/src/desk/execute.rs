use super::{Desk, Error, answer};
use crate::{
    decide::{
        Command, Context, Decision, Redaction, Rejection, TicketCommand, decide, decide_claim, decide_contact,
        decide_dead_letter, decide_endpoint, decide_form, decide_notification, decide_queue, decide_redaction,
        decide_replay, decide_sla_policy,
    },
    limits::CONTENTION_RETRIES_MAX,
    model::{
        id::TicketId,
        queue::{ClaimTicket, DEFAULT_QUEUE, QueueSlug},
        thread::ThreadEntry,
        ticket::Version,
    },
    platform::{
        idempotency::{Claim, Fingerprint, IdempotencyKey, Recorded, SecretSlot, StoredResponse},
        json::Json,
        problem::{self, Problem},
        time::Timestamp,
    },
    store::{Commit, CommitOutcome, Effect, Loaded, Lookup, QueueClaim, Subject},
};

/// A command with its key, on its way to [`Desk::execute`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Request {
    claim: Claim,
    if_match: Option<Vec<Version>>,
    records_rejections: bool,
    command: Command,
}

impl Request {
    /// A command from within the process: the key stands for the command as it is.
    pub fn new(key: &IdempotencyKey, command: Command) -> Self {
        // A command of ours can be written; were one not, its key would stand for an empty body.
        let body = command.body().unwrap_or(Json::Null);
        Self::as_sent(key, command, &body)
    }

    /// A command that came as JSON: the key stands for that very JSON.
    pub fn as_sent(key: &IdempotencyKey, command: Command, body: &Json) -> Self {
        let parameters = command.path_parameters();
        let parameters: Vec<_> = parameters.iter().map(String::as_str).collect();
        let fingerprint = Fingerprint::of(command.operation(), &parameters, body);
        Self { claim: Claim { key: key.clone(), fingerprint }, if_match: None, records_rejections: true, command }
    }

    /// Does not bind the key to a rejection: for a key that nobody chose for this very request, so that the request can be
    /// made again once things stand otherwise.
    pub fn forgets_rejections(mut self) -> Self {
        self.records_rejections = false;
        self
    }

    /// Only if the ticket is in one of these versions; in any, if none.
    pub fn if_match(mut self, versions: Option<Vec<Version>>) -> Self {
        self.if_match = versions;
        self
    }
}

/// The answer to a request: a success or a rejection, recorded with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct Answer {
    /// The answer, byte for byte what every repetition gets.
    pub response: StoredResponse,
    /// Whether this is a repetition.
    pub replayed: bool,
}

/// What came of a request.
pub(crate) enum Attempt {
    /// It was answered.
    Answered(Answer),
    /// Its key had been used for another request; this was the answer to that one.
    KeyReused(StoredResponse),
}

impl Desk {
    /// Does what a request asks for, once. The typed methods go through here; so do the doors that have their requests
    /// as JSON.
    ///
    /// # Errors
    /// What is not recorded: a fault of the request itself, a key used for another request, a failed precondition,
    /// contention, and faults of the store. A rejection is an [`Answer`].
    pub async fn execute(&self, request: Request) -> Result<Answer, Error> {
        match self.attempt(request).await? {
            Attempt::Answered(answer) => Ok(answer),
            Attempt::KeyReused(_) => {
                Err(Problem::new(problem::IDEMPOTENCY_KEY_REUSED, "use a new key for a new request").into())
            }
        }
    }

    /// The same, where a key that was used for another request is an outcome.
    pub(crate) async fn attempt(&self, request: Request) -> Result<Attempt, Error> {
        let Request { claim, if_match, records_rejections, command } = request;
        let faults = command.faults();
        if !faults.is_empty() {
            return Err(Problem::validation(faults).into());
        }
        let contact = command.contact_handle();

        for _ in 0..=CONTENTION_RETRIES_MAX {
            let lookup = Lookup { key: Some(&claim.key), subject: command.subject(contact.as_ref()) };
            let known = self.inner.store.load(&self.realm, lookup).await?;
            // Before anything is decided: a repetition must not be judged by what has happened since.
            if let Some(recorded) = known.recorded {
                return self.replay(recorded, &claim);
            }
            if let (Some(wanted), Subject::Ticket(_) | Subject::TicketAndQueue(..) | Subject::Redaction(_)) =
                (&if_match, lookup.subject)
            {
                check_version(wanted, &known)?;
            }

            // Judged by how this engine is set up and not by what it knows, so it is not recorded.
            let faults = command.target_faults(self.inner.targets, self.realm.environment());
            if !faults.is_empty() {
                return Err(Problem::validation(faults).into());
            }

            let now = self.inner.clock.now();
            let Decided { effect, response, shows } = self.decide(&known, &command, now);
            if response.status >= 400 && !records_rejections {
                // A twin may have done it since: what it did itself is no reason to refuse it.
                return match self.recorded(&claim.key).await? {
                    Some(recorded) => self.replay(recorded, &claim),
                    None => self.answered(response, false),
                };
            }
            let recorded = Some((claim.clone(), response.clone()));
            let commit = Commit::new(self.realm.clone(), now, recorded, effect).showing(shows);
            match self.inner.store.commit(commit).await? {
                CommitOutcome::Applied => return self.answered(response, false),
                CommitOutcome::Claimed(response) => return self.answered(response, false),
                CommitOutcome::Replayed(response) => return self.answered(response, true),
                // What was recorded meanwhile is found by the next look.
                CommitOutcome::KeyReused => {}
                CommitOutcome::Stale => tokio::task::yield_now().await,
            }
        }
        Err(Error::contention())
    }

    /// What a key is bound to, if it was used.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn recorded(&self, key: &IdempotencyKey) -> Result<Option<Recorded>, Error> {
        // A lookup is about something; there is nothing smaller.
        let lookup = Lookup { key: Some(key), subject: Subject::Queue(DEFAULT_QUEUE) };
        Ok(self.inner.store.load(&self.realm, lookup).await?.recorded)
    }

    pub(super) fn context(&self, now: Timestamp) -> Context<'_> {
        self.inner.context(&self.realm, now, self.actor)
    }

    fn decide(&self, known: &Loaded, command: &Command, now: Timestamp) -> Decided {
        let cx = self.context(now);
        let decided = match command {
            Command::Ticket(command) => decide(known, command, &cx).map(|decision| of_ticket(command, decision)),
            Command::Contact(command) => decide_contact(known, command, &cx).map(|(effect, contact)| {
                Decided::new(effect, answer::contact(command, &contact, known.contact.is_none()))
            }),
            Command::Queue(command) => decide_queue(known, command, &cx)
                .map(|(effect, queue)| Decided::new(effect, answer::queue(command, &queue))),
            Command::Claim(key, claim) => match &known.queue {
                None if key.as_str() != DEFAULT_QUEUE => Err(Rejection::NotFound),
                Some(_) | None => Ok(self.claim(key, claim.clone(), now)),
            },
            Command::SetSlaPolicy(priority, command) => {
                let (effect, policy) = decide_sla_policy(known, *priority, command, &cx);
                Ok(Decided::new(effect, answer::sla_policy(&policy)))
            }
            Command::Form(command) => decide_form(known, command, &cx)
                .map(|(effect, form)| Decided::new(effect, answer::form(command, &form))),
            Command::Endpoint(command) => decide_endpoint(known, command, &cx).map(|(effect, endpoint)| {
                Decided::new(effect, answer::endpoint(command, endpoint, known.dead_letters))
            }),
            Command::DeadLetter(command) => decide_dead_letter(known, command, &cx).map(|(effect, delivery)| Decided {
                shows: delivery.ticket_id,
                ..Decided::new(effect, answer::delivery(&delivery))
            }),
            Command::ReplayDeadLetters(command) => decide_replay(known, command, &cx).map(|job| {
                let response = answer::replay_job(&job);
                Decided::new(Effect::Replay(Box::new(job)), response)
            }),
            Command::Notification(command) => {
                decide_notification(known, command, &cx).map(|(effect, notification)| Decided {
                    shows: Some(notification.ticket_id),
                    ..Decided::new(effect, answer::notification(&notification))
                })
            }
            Command::Redact(_, entry, command) => {
                decide_redaction(known, *entry, command, &cx).map(|redaction| match redaction {
                    Redaction::Unchanged(entry) => Decided::new(Effect::None, answer::redacted(&entry)),
                    Redaction::Changed(change) => {
                        let response = answer::redacted(&change.entry);
                        Decided::new(Effect::Redact(change), response)
                    }
                })
            }
        };
        decided.unwrap_or_else(|rejection| Decided::new(Effect::None, self.reject(&rejection)))
    }

    /// What is decided when the store has found the head of the queue. Until then the answer is that there is none.
    fn claim(&self, queue: &QueueSlug, command: ClaimTicket, now: Timestamp) -> Decided {
        let desk = self.clone();
        let decide = move |head: &Loaded| {
            let decided = match decide_claim(head, &command, &desk.context(now)) {
                Ok(Some(decision)) => {
                    let response = answer::claimed(decision.ticket());
                    of_decision(decision, response, false)
                }
                Ok(None) => Decided::new(Effect::None, answer::nothing()),
                Err(rejection) => Decided::new(Effect::None, desk.reject(&rejection)),
            };
            (decided.effect, decided.response, decided.shows)
        };
        let claim = QueueClaim::new(queue.to_string(), decide);
        Decided::new(Effect::QueueClaim(Box::new(claim)), answer::nothing())
    }

    fn reject(&self, rejection: &Rejection) -> StoredResponse {
        let request_id = self.request_id.unwrap_or_else(|| self.inner.ids.generate(self.inner.clock.now()));
        answer::problem(&rejection.problem(), &self.inner.error_docs, request_id)
    }

    fn replay(&self, recorded: Recorded, claim: &Claim) -> Result<Attempt, Error> {
        if recorded.is_expired() {
            let detail = "what it was used for is done, and what was answered is no longer kept; use a new key for a new request";
            return Err(Problem::new(problem::IDEMPOTENCY_KEY_EXPIRED, detail).into());
        }
        if recorded.fingerprint == claim.fingerprint {
            self.answered(recorded.response, true)
        } else {
            Ok(Attempt::KeyReused(recorded.response))
        }
    }

    /// What is given to who asked: with the secret, if the answer tells one.
    fn answered(&self, response: StoredResponse, replayed: bool) -> Result<Attempt, Error> {
        let response = match response.secret {
            None => response,
            Some(SecretSlot { at, secret }) => {
                let mut body = response.body;
                let secret = self.open(&secret)?.expose();
                let at = at.min(body.len());
                body.splice(at..at, secret.into_bytes());
                StoredResponse { body, secret: None, ..response }
            }
        };
        Ok(Attempt::Answered(Answer { response, replayed }))
    }
}

/// What a command comes to.
struct Decided {
    effect: Effect,
    response: StoredResponse,
    /// The ticket whose words the response shows.
    shows: Option<TicketId>,
}

impl Decided {
    /// With a response in which there are no words of a thread.
    const fn new(effect: Effect, response: StoredResponse) -> Self {
        Self { effect, response, shows: None }
    }
}

fn of_ticket(command: &TicketCommand, decision: Decision) -> Decided {
    let (entry, shows_entry): (Option<&ThreadEntry>, _) = match &decision {
        Decision::Unchanged(_) => (None, false),
        Decision::Changed(change) => (change.entries.first(), matches!(command, TicketCommand::Post(..))),
    };
    let response = answer::ticket(command, decision.ticket(), entry);
    of_decision(decision, response, shows_entry)
}

/// What a decision about a ticket comes to, with a response that shows the ticket or, if it says so, an entry.
fn of_decision(decision: Decision, response: StoredResponse, shows_entry: bool) -> Decided {
    let ticket = decision.ticket();
    let shows = (shows_entry || ticket.resolution_note.is_some()).then_some(ticket.id);
    let effect = match decision {
        Decision::Unchanged(ticket) => Effect::Unchanged(ticket.id, ticket.version),
        Decision::Changed(change) => Effect::Ticket(change),
    };
    Decided { effect, response, shows }
}

fn check_version(wanted: &[Version], known: &Loaded) -> Result<(), Error> {
    match &known.ticket {
        Some(ticket) if !wanted.contains(&ticket.version) => {
            let detail = format!("the ticket is in version {}", ticket.version.0);
            Err(Problem::new(problem::PRECONDITION_FAILED, detail).into())
        }
        Some(_) | None => Ok(()),
    }
}
