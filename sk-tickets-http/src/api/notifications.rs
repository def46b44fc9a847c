use sk_tickets_core::{Command, Error, Notification, NotificationCommand, NotificationFilter, NotificationId, Page};

use super::{
    answers::{Changed, Found},
    arguments::{Filter, NoBody, Paged},
    call::{Call, not_found},
};
use crate::platform::query::Query;

pub(super) async fn list(call: Call, list: Paged<NotificationFilter>) -> Result<Found<Page<Notification>>, Error> {
    Ok(Found(call.desk.notifications(&list.filter, &list.page).await?))
}

pub(super) async fn get(call: Call, id: NotificationId) -> Result<Found<Notification>, Error> {
    Ok(Found(call.desk.notification(id).await?.ok_or_else(not_found)?))
}

pub(super) async fn replay(call: Call, id: NotificationId, body: NoBody) -> Result<Changed<Notification>, Error> {
    call.execute(Command::Notification(NotificationCommand::Replay(id)), &body.sent).await
}

impl Filter for NotificationFilter {
    fn read(query: &mut Query) -> Self {
        Self {
            ticket_id: query.one("ticket_id", "Only notifications about this ticket."),
            outcome: query.one("outcome", "Only notifications of which this came."),
        }
    }
}
