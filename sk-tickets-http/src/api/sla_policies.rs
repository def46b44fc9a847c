use sk_tickets_core::{Command, Error, Page, Priority, SetSlaPolicy, SlaPolicy};

use super::{
    answers::{Changed, Found},
    arguments::{Body, Paged},
    call::Call,
};

pub(super) async fn list(call: Call, list: Paged<()>) -> Result<Found<Page<SlaPolicy>>, Error> {
    Ok(Found(call.desk.sla_policies(&list.page).await?))
}

pub(super) async fn set(call: Call, priority: Priority, body: Body<SetSlaPolicy>) -> Result<Changed<SlaPolicy>, Error> {
    call.execute(Command::SetSlaPolicy(priority, body.request), &body.sent).await
}
