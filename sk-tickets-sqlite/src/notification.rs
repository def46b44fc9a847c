//! Notifications: as writes change them, and as they are listed.

use rusqlite::{Connection, OptionalExtension, params, types::Value};
use sk_tickets_core::{
    model::{
        id::NotificationId,
        notification::{Notification, NotificationFilter},
    },
    platform::time::Timestamp,
    store::{NotificationChange, PageSpec, RevivedNotification, SettledNotification},
};

use crate::{
    columns::Columns,
    error::Result,
    list::{self, Query},
    reader::one,
    realms::RealmNumber,
    row::{self, notification_columns},
    ticket,
};

/// Changes a notification along with its ticket; false if it is not as expected.
pub(crate) fn change(connection: &Connection, realm: RealmNumber, change: &NotificationChange) -> Result<bool> {
    match change {
        NotificationChange::Create(notification) => insert(connection, realm, notification),
        NotificationChange::Settle(settled) => settle(connection, realm, settled),
    }
}

fn insert(connection: &Connection, realm: RealmNumber, notification: &Notification) -> Result<bool> {
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
    let inserted = connection
        .prepare_cached(concat!(
            "INSERT INTO notifications (realm, ",
            notification_columns!(),
            ", claimable_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?11)
             ON CONFLICT (realm, id) DO NOTHING"
        ))?
        .execute(params![
            realm,
            id.to_bytes(),
            ticket_id.to_bytes(),
            contact_id.to_bytes(),
            outcome.as_str(),
            to,
            subject,
            text,
            attempts,
            last_error,
            next_attempt_at.map(Timestamp::as_millis),
            sent_at.map(Timestamp::as_millis),
            created_at.as_millis(),
        ])?;
    Ok(inserted == 1)
}

/// The lease is checked by the statement that ends it.
fn settle(connection: &Connection, realm: RealmNumber, settled: &SettledNotification) -> Result<bool> {
    let SettledNotification { id, token, outcome, attempts, last_error, sent_at } = settled;
    let settled = connection
        .prepare_cached(
            "UPDATE notifications
             SET outcome = ?4, attempts = ?5, last_error = ?6, sent_at = ?7, next_attempt_at = NULL, claimable_at = NULL,
                 lease_owner = NULL
             WHERE realm = ?1 AND id = ?2 AND lease_token = ?3 AND lease_owner IS NOT NULL",
        )?
        .execute(params![
            realm,
            id.to_bytes(),
            i64::try_from(*token)?,
            outcome.as_str(),
            attempts,
            last_error,
            sent_at.map(Timestamp::as_millis),
        ])?;
    Ok(settled == 1)
}

/// Makes one that is dead pending, with the schedule from its start; false if it is not.
pub(crate) fn revive(
    connection: &Connection,
    realm: RealmNumber,
    change: &RevivedNotification,
    at: Timestamp,
) -> Result<bool> {
    let RevivedNotification { id, to, ticket: (ticket, version) } = change;
    if !ticket::is_in(connection, realm, *ticket, *version)? {
        return Ok(false);
    }
    let revived = connection
        .prepare_cached(
            "UPDATE notifications
             SET outcome = 'pending', recipient = ?3, next_attempt_at = ?4, claimable_at = ?4, failures = 0
             WHERE realm = ?1 AND id = ?2 AND outcome = 'dead'",
        )?
        .execute(params![realm, id.to_bytes(), to, at.as_millis()])?;
    Ok(revived == 1)
}

/// The notification with an id.
pub(crate) fn find(connection: &Connection, realm: RealmNumber, id: NotificationId) -> Result<Option<Notification>> {
    let sql = concat!("SELECT ", notification_columns!(), " FROM my_notifications WHERE realm = ?1 AND id = ?2");
    one(connection, sql, params![realm, id.to_bytes()], row::notification)
}

/// The token of the lease on a notification, if there is one.
pub(crate) fn lease_token(connection: &Connection, realm: RealmNumber, id: NotificationId) -> Result<Option<u64>> {
    let token = connection
        .prepare_cached(
            "SELECT lease_token FROM my_notifications WHERE realm = ?1 AND id = ?2 AND lease_owner IS NOT NULL",
        )?
        .query_row(params![realm, id.to_bytes()], |row| Columns::of(row).number())
        .optional()?;
    Ok(token)
}

/// A page of notifications. A ticket has few.
pub(crate) fn page(realm: RealmNumber, filter: NotificationFilter, page: PageSpec<NotificationId>) -> Query {
    let NotificationFilter { ticket_id, outcome } = filter;
    let mut query = Query::default();
    let mut conditions = format!("realm = {}", query.bind(Value::Integer(realm)));
    if let Some(id) = ticket_id {
        conditions += &format!(" AND ticket_id = {}", query.bind(row::id(id)));
    }
    if let Some(outcome) = outcome {
        conditions += &format!(" AND outcome = {}", query.bind(row::text(outcome.as_str())));
    }
    let source = match (ticket_id, outcome) {
        (Some(_), _) => "my_notifications_by_ticket",
        (None, Some(_)) => "my_notifications_by_outcome",
        (None, None) => "my_notifications",
    };
    list::by_id(query, notification_columns!(), source, &conditions, page)
}

#[cfg(test)]
mod tests {
    use sk_tickets_core::model::{id::TicketId, notification::Outcome, page::Order};

    use super::*;
    use crate::list::tests::{assert_walks, database, plan};

    #[test]
    fn each_filter_of_notifications_has_its_index() {
        let (_folder, connection) = database();
        let ticket_id = Some(TicketId::from_bytes([3; 16]));
        let outcome = Some(Outcome::Dead);
        for (ticket_id, outcome, index) in [
            (None, None, "sqlite_autoindex_notifications_1 (realm=?"),
            (ticket_id, None, "notifications_ticket (realm=? AND ticket_id=?"),
            (None, outcome, "notifications_outcome (realm=? AND outcome=?"),
            (ticket_id, outcome, "notifications_ticket (realm=? AND ticket_id=?"),
        ] {
            for (after, order) in [(None, Order::Desc), (Some(NotificationId::from_bytes([7; 16])), Order::Asc)] {
                let spec = PageSpec { after, order, limit: 26 };
                let plan = plan(&connection, &page(1, NotificationFilter { ticket_id, outcome }, spec));
                assert_walks(&plan);
                assert!(plan.contains(index), "{index} is not in\n{plan}");
            }
        }
    }
}
