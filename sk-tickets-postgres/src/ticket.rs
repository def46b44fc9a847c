//! Commits that change tickets, any number of a realm in one transaction.

use serde_json::json;
use sk_tickets_core::{
    model::{
        id::TicketId,
        sla::{Targets, Timers},
        thread::ThreadEntry,
        ticket::{Ticket, Version},
    },
    platform::{idempotency::IdempotencyKey, time::Timestamp},
    store::{Commit, Effect, Expectation, TicketChange},
};
use sqlx::{
    Postgres,
    postgres::{PgArguments, PgRow},
    query::Query as Bound,
};
use uuid::Uuid;

use crate::{
    columns::{Columns, number_of, rank},
    commit::{Applied, UNFINDABLE, applied},
    effect,
    error::{Fault, Result},
    notification,
    realms::RealmNumber,
    record::Record,
    redaction,
    row::recorded_columns,
    statement::uuid,
};

/// A commit that changes a ticket, with the rows that it writes as the database takes them.
pub(crate) struct TicketCommit {
    commit: Commit,
    id: TicketId,
    ticket: String,
    entries: Vec<String>,
    /// What only one that goes alone can change besides.
    along: Option<String>,
}

impl TicketCommit {
    pub(crate) fn new(realm: RealmNumber, commit: Commit) -> Result<Self> {
        let change = change(&commit)?;
        let id = change.ticket.id;
        let ticket = ticket(realm, &change.ticket, &change.timers)?;
        let entries = change.entries.iter().map(|added| entry(realm, added)).collect::<Result<_>>()?;
        let along = along(realm, &commit, change)?;
        Ok(Self { commit, id, ticket, entries, along })
    }

    /// Whether a commit is one.
    pub(crate) const fn is(commit: &Commit) -> bool {
        matches!(commit.effect(), Effect::Ticket(_) | Effect::Redact(_))
    }

    pub(crate) const fn id(&self) -> TicketId {
        self.id
    }

    pub(crate) fn key(&self) -> Option<&IdempotencyKey> {
        self.commit.claim().map(|(claim, _)| &claim.key)
    }

    /// Whether it cannot share a transaction.
    pub(crate) const fn goes_alone(&self) -> bool {
        self.along.is_some()
    }
}

fn change(commit: &Commit) -> Result<&TicketChange> {
    match commit.effect() {
        Effect::Ticket(change) => Ok(change),
        Effect::Redact(redaction) => Ok(&redaction.change),
        _ => Err(Fault::Broken("a commit changes no ticket")),
    }
}

/// Stores commits in one transaction, all of them or none, by a statement that `run` runs. An outcome for each, in their
/// order; none where it was not stored because another could not be.
///
/// No two have the same key or the same ticket, and they come in the order of their tickets.
pub(crate) async fn store_tickets(
    realm: RealmNumber,
    commits: &[&TicketCommit],
    run: impl AsyncFnOnce(Bound<'_, Postgres, PgArguments>) -> sqlx::Result<Vec<PgRow>>,
) -> Result<Vec<Option<Applied>>> {
    let claims: Vec<_> = commits.iter().map(|each| each.commit.claim()).collect();
    let slots: Vec<_> = claims.iter().map(|claim| claim.and_then(|(_, response)| response.secret.as_ref())).collect();
    let offsets: Vec<_> = slots
        .iter()
        .map(|slot| slot.map(|slot| i64::try_from(slot.at)).transpose())
        .collect::<Result<_, std::num::TryFromIntError>>()?;
    macro_rules! of_each {
        (|$claim:ident, $response:ident| $value:expr) => {
            claims.iter().map(|claim| claim.and_then(|($claim, $response)| $value)).collect::<Vec<_>>()
        };
    }
    let rows = Rows::of(commits)?;
    let query = sqlx::query(concat!(
        "SELECT outcome, ",
        recorded_columns!(),
        " FROM sk_tickets.commit_tickets($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
             $14::text[]::sk_tickets.tickets[], $15, $16, $17, $18::text[]::sk_tickets.thread_entries[], $19, $20, $21,
             $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33::jsonb)"
    ))
    .bind(realm.tenant)
    .bind(number_of(realm.environment))
    .bind(commits.iter().map(|each| each.commit.at().as_millis()).collect::<Vec<_>>())
    .bind(of_each!(|claim, _response| Some(claim.key.as_str())))
    .bind(of_each!(|claim, _response| Some(claim.fingerprint.0.as_slice())))
    .bind(of_each!(|_claim, response| Some(i32::from(response.status))))
    .bind(of_each!(|_claim, response| response.location.as_deref()))
    .bind(of_each!(|_claim, response| response.etag.as_deref()))
    .bind(of_each!(|_claim, response| response.content_type.as_deref()))
    .bind(of_each!(|_claim, response| Some(response.body.as_slice())))
    .bind(offsets)
    .bind(slots.iter().map(|slot| slot.map(|slot| slot.secret.as_bytes())).collect::<Vec<_>>())
    .bind(commits.iter().map(|each| each.commit.shows().map(uuid)).collect::<Vec<_>>())
    .bind(commits.iter().map(|each| each.ticket.as_str()).collect::<Vec<_>>())
    .bind(rows.expect)
    .bind(rows.policies)
    .bind(rows.revisions)
    .bind(commits.iter().flat_map(|each| &each.entries).map(String::as_str).collect::<Vec<_>>())
    .bind(rows.words.terms)
    .bind(rows.words.tickets)
    .bind(rows.words.texts)
    .bind(rows.terms.terms)
    .bind(rows.terms.tickets)
    .bind(rows.terms.texts)
    .bind(rows.events.ids)
    .bind(rows.events.types)
    .bind(rows.events.tickets)
    .bind(rows.events.versions)
    .bind(rows.events.times)
    .bind(rows.bytes)
    .bind(rows.ahead)
    .bind(rows.behind)
    .bind(commits.iter().find_map(|each| each.along.as_deref()));
    let answers = run(query).await?;
    if answers.len() != commits.len() {
        return Err(UNFINDABLE);
    }
    let outcome = |(answer, claim): (&PgRow, Option<&(_, _)>)| {
        let mut columns = Columns::of(answer);
        applied(claim.map(|(claim, _)| claim), &mut columns)
    };
    answers.iter().zip(claims).map(outcome).collect()
}

/// What is neither a ticket nor an entry, column by column.
#[derive(Default)]
struct Rows<'a> {
    expect: Vec<Option<i64>>,
    policies: Vec<Option<i16>>,
    revisions: Vec<Option<i64>>,
    /// Of new tickets.
    words: Terms<'a>,
    /// Of others.
    terms: Terms<'a>,
    events: Events<'a>,
    /// Payloads of the events, and what is put in place of others.
    bytes: Vec<&'a [u8]>,
    /// How far the time in an id is ahead of when its row was made, and behind it, at most.
    ahead: i64,
    behind: i64,
}

#[derive(Default)]
struct Terms<'a> {
    terms: Vec<&'a str>,
    /// The place of the ticket in the group, from one.
    tickets: Vec<i32>,
    texts: Vec<i64>,
}

#[derive(Default)]
struct Events<'a> {
    ids: Vec<Uuid>,
    types: Vec<&'a str>,
    tickets: Vec<Option<Uuid>>,
    versions: Vec<Option<i64>>,
    times: Vec<i64>,
}

impl<'a> Rows<'a> {
    fn of(commits: &[&'a TicketCommit]) -> Result<Self> {
        let mut rows = Self::default();
        let mut words = Vec::new();
        for (place, commit) in (1..).zip(commits) {
            let change = change(&commit.commit)?;
            let TicketChange { expect, ticket, policy, events, terms, .. } = change;
            match expect {
                Expectation::Absent => {
                    rows.expect.push(None);
                    words.extend(terms.gained.iter().map(|(term, texts)| (term.as_str(), place, i64::from(*texts))));
                }
                Expectation::Version(Version(version)) => {
                    rows.expect.push(Some(i64::try_from(*version)?));
                    for (term, texts) in &terms.gained {
                        rows.terms.push(term, place, i64::from(*texts));
                    }
                    for (term, texts) in &terms.lost {
                        rows.terms.push(term, place, -i64::from(*texts));
                    }
                }
            }
            rows.policies.push(policy.map(|policy| rank(policy.priority)));
            rows.revisions.push(policy.map(|policy| i64::try_from(policy.revision)).transpose()?);
            // The ticket's own is the same in every version.
            rows.note_skew(effect::skew(ticket.id, ticket.created_at));
            for event in events {
                rows.note_skew(effect::skew(event.id, event.at));
                rows.events.ids.push(uuid(event.id));
                rows.events.types.push(event.event_type.as_str());
                rows.events.tickets.push(event.ticket_id.map(uuid));
                rows.events.versions.push(event.ticket_version.map(|version| i64::try_from(version.0)).transpose()?);
                rows.events.times.push(event.at.as_millis());
                rows.bytes.push(&event.payload);
            }
            if let Effect::Redact(redaction) = commit.commit.effect() {
                rows.bytes.extend(redaction::bytes(redaction));
            }
        }
        // In the order of the index, so that those of a group meet on its pages.
        words.sort_unstable();
        for (term, ticket, texts) in words {
            rows.words.push(term, ticket, texts);
        }
        Ok(rows)
    }

    fn note_skew(&mut self, skew: i64) {
        self.ahead = self.ahead.max(skew);
        self.behind = self.behind.max(skew.saturating_neg());
    }
}

impl<'a> Terms<'a> {
    fn push(&mut self, term: &'a str, ticket: i32, texts: i64) {
        self.terms.push(term);
        self.tickets.push(ticket);
        self.texts.push(texts);
    }
}

fn along(realm: RealmNumber, commit: &Commit, change: &TicketChange) -> Result<Option<String>> {
    let TicketChange { contact, notification, events, .. } = change;
    let redaction = match commit.effect() {
        Effect::Redact(redaction) => Some(redaction::replacements(redaction, events.len())?),
        _ => None,
    };
    if contact.is_none() && notification.is_none() && redaction.is_none() {
        return Ok(None);
    }
    let along = json!({
        "contact": contact.as_ref().map(|contact| effect::placed(realm, effect::contact(contact))),
        "notification": notification.as_ref().map(notification::change).transpose()?,
        "redaction": redaction,
    });
    Ok(Some(serde_json::to_string(&along)?))
}

/// A row of `tickets`.
fn ticket(realm: RealmNumber, ticket: &Ticket, timers: &Timers) -> Result<String> {
    let Ticket {
        id,
        environment: _,
        version,
        subject,
        status,
        priority,
        source,
        topic,
        queue,
        queued_at,
        owner_id,
        contact_id,
        call_id,
        tags,
        metadata,
        resolution_note,
        reopen_count,
        follow_up_of,
        sla,
        created_at,
        updated_at,
        first_resolved_at,
        resolved_at,
        closed_at,
    } = ticket;
    let Timers {
        first_replied_at,
        resolution_used_ms,
        resolution_since,
        targets,
        first_response_breached_at,
        resolution_breached_at,
        auto_close_at,
        wakes_at,
        at_risk_at,
        clocked,
    } = timers;
    let time = |at: &Option<Timestamp>| at.map(Timestamp::as_millis);
    let targets = (*targets != Targets::NONE).then(|| serde_json::to_string(targets)).transpose()?;
    let row = Record::new()
        .value(realm.tenant)
        .value(number_of(realm.environment))
        .value(uuid(*id))
        .value(version.0)
        .value(subject)
        .value(status.as_str())
        .value(rank(*priority))
        .value(source.as_str())
        .push(topic.as_ref())
        .value(queue)
        .push(time(queued_at))
        .push(*owner_id)
        .push(contact_id.map(uuid))
        .push(call_id.map(uuid))
        .array(tags)
        .json(metadata)?
        .push(resolution_note.as_ref())
        .value(reopen_count)
        .push(follow_up_of.map(uuid))
        .push(sla.as_ref().map(serde_json::to_string).transpose()?)
        .value(created_at.as_millis())
        .value(updated_at.as_millis())
        .push(time(first_resolved_at))
        .push(time(resolved_at))
        .push(time(closed_at))
        .push(time(first_replied_at))
        .value(resolution_used_ms)
        .push(time(resolution_since))
        .push(targets)
        .push(time(first_response_breached_at))
        .push(time(resolution_breached_at))
        .push(time(auto_close_at))
        .push(time(wakes_at))
        .push(time(at_risk_at))
        .value(clocked);
    Ok(row.done())
}

/// A row of `thread_entries`.
fn entry(realm: RealmNumber, entry: &ThreadEntry) -> Result<String> {
    let ThreadEntry { id, ticket_id, sequence, visibility, actor, body, evidence, created_at, detail } = entry;
    let row = Record::new()
        .value(realm.tenant)
        .value(number_of(realm.environment))
        .value(uuid(*ticket_id))
        .value(sequence)
        .value(uuid(*id))
        .value(visibility.as_str())
        .json(actor)?
        .push(body.as_ref())
        .json(evidence)?
        .json(detail)?
        .value(created_at.as_millis());
    Ok(row.done())
}
