//! `dead-letters`: lists, replays and discards dead letters, beside a running server too.

use std::io::{Write, stdout};

use sk_tickets_core::{
    Delivery, DeliveryFilter, DeliveryId, Desk, DiscardDeadLetter, Entropy, IdempotencyKey, PageRequest, Realm,
    ReplayDeadLetters, ReplayJob, SystemEntropy, Tickets,
    limits::PAGE_MAX,
    model::{
        delivery::DeadReason,
        replay_job::{EventTypes, JobStatus},
    },
};

use crate::{
    Failure,
    cli::{DeadLetters, Letters, LettersCommand, Location},
    progress::Progress,
    store,
};

/// How many letters of a job are replayed in one transaction.
const REPLAYED_AT_A_TIME: usize = 100;

pub(crate) async fn run(location: &Location, options: DeadLetters) -> Result<(), Failure> {
    let DeadLetters { tenant, environment, command } = options;
    let tickets = Tickets::new(store::open(location).await?);
    let desk = tickets.desk(Realm::assume(tenant, environment));
    match command {
        LettersCommand::List { letters, limit, json } => list(&desk, letters, limit, json).await,
        LettersCommand::Replay { id: Some(id), letters: _, idempotency_key } => {
            let letter = desk.replay_dead_letter(&key(idempotency_key)?, id).await?.value;
            Ok(writeln!(stdout(), "{} is {}", letter.id, letter.status)?)
        }
        LettersCommand::Replay { id: None, letters, idempotency_key } => {
            let job = desk.replay_dead_letters(&key(idempotency_key)?, replay(letters)?).await?.value;
            let ReplayJob { id, done, failed, total, .. } = complete(&tickets, &desk, job).await?;
            Ok(writeln!(stdout(), "{id}: {done} of {total} dead letters were replayed, {failed} could not be")?)
        }
        LettersCommand::Discard { id, reason, idempotency_key } => discard(&desk, id, &reason, idempotency_key).await,
    }
}

async fn list(desk: &Desk, letters: Letters, limit: usize, json: bool) -> Result<(), Failure> {
    let Letters { endpoint, types, from, to } = letters;
    let filter = DeliveryFilter { status: None, endpoint_id: endpoint, types, from, to, dead_letters: true };
    let mut out = stdout().lock();
    if !json {
        writeln!(out, "{}", line(["id", "event type", "endpoint", "created", "attempts", "last error"]))?;
    }
    let mut left = limit;
    let mut page = PageRequest::first();
    while left > 0 {
        let read = desk.deliveries(&filter, &page.limit(left.min(PAGE_MAX))).await?;
        for letter in &read.data {
            let text = if json { serde_json::to_string(letter)? } else { row(letter) };
            writeln!(out, "{text}")?;
        }
        left -= read.data.len();
        let Some(cursor) = read.next_cursor else { return Ok(()) };
        page = PageRequest::first().after(cursor);
    }
    eprintln!("there are more; --limit shows more of them");
    Ok(())
}

fn row(letter: &Delivery) -> String {
    let last_error = letter.attempts.last().and_then(|attempt| attempt.error.as_deref());
    // One that was never attempted says why.
    let why = last_error.or(letter.reason.map(DeadReason::as_str)).unwrap_or("-");
    line([
        &letter.id.to_string(),
        letter.event_type.as_str(),
        &letter.endpoint_id.to_string(),
        &letter.created_at.to_string(),
        &letter.attempts.len().to_string(),
        why,
    ])
}

fn line([id, event_type, endpoint, created, attempts, why]: [&str; 6]) -> String {
    format!("{id:30}  {event_type:22}  {endpoint:30}  {created:24}  {attempts:>8}  {why}")
}

fn replay(letters: Letters) -> Result<ReplayDeadLetters, Failure> {
    let Letters { endpoint, types, from, to } = letters;
    let types = if types.is_empty() { None } else { Some(EventTypes::new(types)?) };
    Ok(ReplayDeadLetters { endpoint_id: endpoint, types, from, to })
}

/// Does what is left of a job, with whatever workers run.
async fn complete(tickets: &Tickets, desk: &Desk, job: ReplayJob) -> Result<ReplayJob, Failure> {
    let mut progress = Progress::begin();
    let job = loop {
        let job = desk.replay_job(job.id).await?.ok_or("the job is gone")?;
        progress.at(job.done + job.failed, job.total);
        if job.status == JobStatus::Completed {
            break job;
        }
        if let Err(error) = tickets.store().replay_some(tickets.now(), REPLAYED_AT_A_TIME).await {
            let wait = error.retry_after().ok_or(error)?;
            tokio::time::sleep(wait).await;
        }
    };
    progress.end();
    Ok(job)
}

async fn discard(desk: &Desk, id: DeliveryId, reason: &str, named: Option<String>) -> Result<(), Failure> {
    let letter = desk.discard_dead_letter(&key(named)?, id, DiscardDeadLetter { reason: reason.parse()? }).await?.value;
    Ok(writeln!(stdout(), "{} is discarded", letter.id)?)
}

/// The key that was named; else one that nobody has used, in the namespace that no client can name.
fn key(named: Option<String>) -> Result<IdempotencyKey, Failure> {
    if let Some(named) = named {
        return Ok(IdempotencyKey::client(&named)?);
    }
    let mut random = [0; 16];
    SystemEntropy.fill(&mut random);
    Ok(IdempotencyKey::system(&format!("dead-letters {:032x}", u128::from_be_bytes(random))))
}
