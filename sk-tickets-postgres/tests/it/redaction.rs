//! Words that are taken out: nowhere in the database, and by one door only.

use std::time::Duration;

use sk_tickets_core::{
    AssignTicket, CreateTicket, EntryId, Evidence, EvidenceKind, InlineContact, PageRequest, PostEntry, RedactEntry,
    Status, Timestamp, TransitionTicket, UpdateTicket, UserId,
    model::delivery::Attempt,
    platform::text::List,
    store::{DeliveryQueue, NextStep, Settled, Settlement, WorkerId},
};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::stage::{SLOTS, Stage, app_url, key, raw};

const MARK: &str = "xq411122223333";
/// What a statement is refused with that somebody may not run.
const DENIED: &str = "42501";

fn phrase() -> String {
    format!("\"{MARK}\" \\ ß")
}

/// The columns of the database in which the mark is, be it text, JSON or bytes.
async fn places(connection: &mut PgConnection) -> Vec<String> {
    let columns = sqlx::query(
        "SELECT c.relname::text, a.attname::text FROM pg_class AS c
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = 'sk_tickets'::regnamespace AND c.relkind IN ('r', 'p')",
    );
    let mut found = Vec::new();
    for row in columns.fetch_all(&mut *connection).await.unwrap() {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        // Bytes read as text are their hexadecimal digits.
        let sql = format!(
            "SELECT count(*) FROM sk_tickets.{table} AS t
             WHERE strpos(t.{column}::text, $1) > 0 OR strpos(t.{column}::text, encode(convert_to($1, 'UTF8'), 'hex')) > 0"
        );
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).bind(MARK).fetch_one(&mut *connection).await.unwrap();
        if count > 0 {
            found.push(format!("{table}.{column}"));
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_redacted_phrase_is_in_no_column_of_any_table() {
    let stage = Stage::set().await;
    let desk = &stage.mine;
    let email = Some("bob@example.com".parse().unwrap());
    let evidence =
        Evidence { label: Some(phrase()), ..Evidence::new(EvidenceKind::File, format!("https://example.com/{MARK}")) };
    let create = CreateTicket {
        contact: Some(InlineContact { name: None, email, phone: None }),
        body: Some(phrase().parse().unwrap()),
        evidence: List::new(vec![evidence]).unwrap(),
        ..CreateTicket::new("Refund").unwrap()
    };
    let ticket = desk.create_ticket(&key("create"), create).await.unwrap().value.id;
    let assign =
        AssignTicket { reason: Some(phrase().parse().unwrap()), ..AssignTicket::to(UserId::from_bytes([1; 16])) };
    desk.assign_ticket(&key("assign"), ticket, assign).await.unwrap();
    desk.post_to_thread(&key("post"), ticket, PostEntry::message(phrase().parse().unwrap())).await.unwrap();
    let resolve = TransitionTicket {
        reason: Some(phrase().parse().unwrap()),
        resolution_note: Some(phrase().parse().unwrap()),
        ..TransitionTicket::to(Status::Resolved)
    };
    desk.transition_ticket(&key("resolved"), ticket, resolve).await.unwrap();
    desk.update_ticket(&key("unchanged"), ticket, UpdateTicket::nothing()).await.unwrap();
    let claimed = stage.store.claim_due(WorkerId(1), Timestamp::MAX, Duration::ZERO, SLOTS).await.unwrap();
    for one in claimed.deliveries {
        let said = String::from_utf8(one.payload).unwrap();
        let attempt = Attempt {
            number: one.attempts_before + 1,
            at: Timestamp::from_millis(0),
            status_code: Some(200),
            error: Some(said.clone()),
            latency_ms: 1,
            response: Some(said),
        };
        let settled =
            stage.store.settle(&[Settlement { lease: one.lease, attempt, next: NextStep::Delivered }]).await.unwrap();
        assert_eq!(settled, [Settled::Recorded]);
    }
    let mut superuser = raw(&stage.url).await;
    let before = places(&mut superuser).await;
    assert_eq!(
        before,
        [
            "claims.body",
            "delivery_attempts.error",
            "delivery_attempts.response",
            "events.payload",
            "notifications.text",
            "thread_entries.body",
            "thread_entries.detail",
            "thread_entries.evidence",
            "ticket_terms.term",
            "tickets.resolution_note",
        ]
    );

    for entry in desk.thread(ticket, &PageRequest::first().limit(100)).await.unwrap().unwrap().data {
        let redact = RedactEntry { reason: "privacy".parse().unwrap(), actor_id: None };
        desk.redact_entry(&key(&entry.id.to_string()), ticket, entry.id, redact).await.unwrap();
    }
    assert_eq!(places(&mut superuser).await, [""; 0]);
}

/// What a statement is refused with, in a transaction that leaves nothing behind; or how many rows it changed.
async fn attempt(connection: &mut PgConnection, tenant: i64, sql: &str) -> Result<u64, String> {
    let run =
        async |connection: &mut PgConnection, sql: String| sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await;
    run(connection, "BEGIN".to_owned()).await.unwrap();
    let enter = format!(
        "SELECT set_config('sk_tickets.tenant', '{tenant}', true), set_config('sk_tickets.environment', '0', true)"
    );
    run(connection, enter).await.unwrap();
    let done = run(connection, sql.to_owned()).await;
    run(connection, "ROLLBACK".to_owned()).await.unwrap();
    done.map(|done| done.rows_affected())
        .map_err(|error| error.into_database_error().unwrap().code().unwrap().into_owned())
}

/// Nobody takes words out without saying so.
#[tokio::test]
async fn words_change_by_a_redaction_that_the_thread_notes() {
    let stage = Stage::set().await;
    let mine = stage.tenant(&stage.mine).await;
    let mut app = raw(&app_url(&stage.url).await).await;
    let desk = &stage.mine;
    let create = CreateTicket { body: Some("Words".parse().unwrap()), ..CreateTicket::new("Refund").unwrap() };
    let ticket = desk.create_ticket(&key("words"), create).await.unwrap().value.id;
    let post = PostEntry::message("Other words".parse().unwrap());
    let other = desk.post_to_thread(&key("other"), ticket, post).await.unwrap().value.id;
    let thread = desk.thread(ticket, &PageRequest::first()).await.unwrap().unwrap().data;
    let first = thread.into_iter().find(|entry| entry.id != other).unwrap().id;
    let replace = |entry: EntryId| {
        let entry = uuid::Uuid::from_bytes(entry.to_bytes());
        format!(
            "SELECT sk_tickets.redact({mine}, 0::smallint, jsonb_build_object(
                 'ticket_id', ticket_id, 'answers_seen', 0, 'entry', jsonb_build_object(
                     'id', id, 'body', 'forged', 'evidence', evidence, 'detail', detail),
                 'payloads', '[]'::jsonb, 'answers', '[]'::jsonb, 'notifications', '[]'::jsonb), '{{}}')
             FROM sk_tickets.thread_entries WHERE id = '{entry}'"
        )
    };
    for unnoted in [first, other] {
        assert_eq!(attempt(&mut app, mine, &replace(unnoted)).await, Err(DENIED.to_owned()));
    }
    let redact = RedactEntry { reason: "privacy".parse().unwrap(), actor_id: None };
    desk.redact_entry(&key("redact"), ticket, first, redact).await.unwrap();
    assert_eq!(attempt(&mut app, mine, &replace(first)).await, Ok(1), "the thread notes it");
    assert_eq!(attempt(&mut app, mine, &replace(other)).await, Err(DENIED.to_owned()), "it notes another");
}

/// What is not a tombstone does not come in through that door either: the role behind it sees one realm and changes columns
/// of words alone.
#[tokio::test]
async fn who_takes_words_out_changes_nothing_else() {
    let stage = Stage::set().await;
    let (mine, theirs) = (stage.tenant(&stage.mine).await, stage.tenant(&stage.theirs).await);
    let mut app = raw(&app_url(&stage.url).await).await;
    for sql in [
        "UPDATE sk_tickets.thread_entries SET body = 'forged'",
        "UPDATE sk_tickets.events SET payload = ''",
        "UPDATE sk_tickets.claims SET body = ''",
        "UPDATE sk_tickets.delivery_attempts SET response = ''",
        "UPDATE sk_tickets.notifications SET text = ''",
        "SET ROLE sk_tickets_redactor",
    ] {
        assert_eq!(attempt(&mut app, mine, sql).await, Err(DENIED.to_owned()), "{sql}");
    }

    let mut redactor = raw(&stage.url).await;
    sqlx::raw_sql("SET ROLE sk_tickets_redactor").execute(&mut redactor).await.unwrap();
    let words = [
        ("thread_entries", "body, evidence, detail"),
        ("events", "payload"),
        ("claims", "body"),
        ("delivery_attempts", "error, response"),
        ("notifications", "subject, text, last_error"),
        ("deliveries", "lease_owner, claimable_at"),
    ];
    for (table, columns) in words {
        let set = |value: &str| {
            columns.split(", ").map(|column| format!("{column} = {value}")).collect::<Vec<_>>().join(", ")
        };
        let update = |tenant: i64| format!("UPDATE sk_tickets.{table} SET {} WHERE tenant = {tenant}", set("DEFAULT"));
        // Not null is for others to say: what counts is whether it gets so far.
        let own = attempt(&mut redactor, mine, &update(mine)).await;
        assert!(matches!(&own, Ok(1..)) || own == Err("23502".to_owned()), "{table}: {own:?}");
        assert_eq!(attempt(&mut redactor, mine, &update(theirs)).await, Ok(0), "{table}");
        for sql in [
            format!("DELETE FROM sk_tickets.{table}"),
            format!("TRUNCATE sk_tickets.{table} CASCADE"),
            format!("UPDATE sk_tickets.{table} SET tenant = tenant"),
            format!("INSERT INTO sk_tickets.{table} DEFAULT VALUES"),
            format!("SELECT * FROM sk_tickets.{table}"),
        ] {
            assert_eq!(attempt(&mut redactor, mine, &sql).await, Err(DENIED.to_owned()), "{sql}");
        }
    }
    for sql in [
        "UPDATE sk_tickets.thread_entries SET actor = '{}'",
        "UPDATE sk_tickets.events SET at = 0",
        "UPDATE sk_tickets.claims SET fingerprint = ''",
        "UPDATE sk_tickets.delivery_attempts SET status_code = 200",
        "UPDATE sk_tickets.deliveries SET status = 'delivered'",
        "UPDATE sk_tickets.tickets SET resolution_note = NULL",
        "SELECT count(*) FROM sk_tickets.tickets",
    ] {
        assert_eq!(attempt(&mut redactor, mine, sql).await, Err(DENIED.to_owned()), "{sql}");
    }
}
