//! Notifications as commits write them, and as they are listed.

use std::fmt::Write;

use serde_json::{Value, json};
use sk_tickets_core::{
    model::{
        id::NotificationId,
        notification::{Notification, NotificationFilter},
    },
    platform::time::Timestamp,
    store::{NotificationChange, PageSpec, RevivedNotification, SettledNotification},
};

use crate::{
    effect,
    error::Result,
    list,
    realms::RealmNumber,
    row::notification_columns,
    statement::{Query, id, in_realm, text, uuid},
};

/// A change of a notification along with its ticket.
pub(crate) fn change(change: &NotificationChange) -> Result<Value> {
    Ok(match change {
        NotificationChange::Create(notification) => json!({ "action": "create", "row": row(notification) }),
        NotificationChange::Settle(settled) => {
            let SettledNotification { id, token, outcome, attempts, last_error, sent_at } = settled;
            json!({
                "action": "settle",
                "id": uuid(*id).to_string(),
                "token": i64::try_from(*token)?,
                "outcome": outcome.as_str(),
                "attempts": attempts,
                "last_error": last_error,
                "sent_at": sent_at.map(Timestamp::as_millis),
            })
        }
    })
}

pub(crate) fn revived(change: &RevivedNotification) -> Result<Value> {
    let RevivedNotification { id, to, ticket: (ticket, version) } = change;
    Ok(json!({
        "kind": "notification",
        "id": uuid(*id).to_string(),
        "recipient": to,
        "ticket": effect::expected(*ticket, *version)?,
    }))
}

/// One that is new, by its columns.
fn row(notification: &Notification) -> Value {
    let Notification {
        id,
        ticket_id,
        contact_id,
        outcome,
        to,
        subject,
        text,
        attempts,
        last_error,
        next_attempt_at,
        sent_at,
        created_at,
    } = notification;
    let due = next_attempt_at.map(Timestamp::as_millis);
    json!({
        "id": uuid(*id).to_string(),
        "ticket_id": uuid(*ticket_id).to_string(),
        "contact_id": uuid(*contact_id).to_string(),
        "outcome": outcome.as_str(),
        "recipient": to,
        "subject": subject,
        "text": text,
        "attempts": attempts,
        "last_error": last_error,
        "next_attempt_at": due,
        "claimable_at": due,
        "sent_at": sent_at.map(Timestamp::as_millis),
        "created_at": created_at.as_millis(),
        "failures": 0,
        "lease_token": 0,
    })
}

/// The notification `$3`.
pub(crate) const NOTIFICATION: &str = in_realm!(
    "SELECT notification.* FROM realm CROSS JOIN LATERAL (SELECT ",
    notification_columns!(),
    " FROM sk_tickets.notifications
     WHERE tenant = realm.tenant AND environment = realm.environment AND id = $3 OFFSET 0) AS notification"
);

/// A page of notifications. A ticket has few.
pub(crate) fn page(realm: RealmNumber, filter: &NotificationFilter, page: PageSpec<NotificationId>) -> Query {
    let NotificationFilter { ticket_id, outcome } = filter;
    let mut query = Query::on(realm);
    let mut conditions = String::new();
    if let Some(ticket) = ticket_id {
        let _ = write!(conditions, " AND ticket_id = {}", query.bind(id(*ticket)));
    }
    if let Some(outcome) = outcome {
        let _ = write!(conditions, " AND outcome = {}", query.bind(text(outcome.as_str())));
    }
    list::by_id(query, notification_columns!(), "notifications", conditions, page)
}
