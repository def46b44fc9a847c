//! What an agent can read by a name: a ticket, and the table of transitions.

use std::error::Error as _;

use sk_tickets_core::{Error, RequestId, Scope, TicketId};

use super::{caller::Caller, rules, tools::read};
use crate::mcp::tool::Outcome;

pub(super) const TABLE: &str = "transitions://table";
pub(super) const TICKET_TEMPLATE: &str = "ticket://{ticket_id}";
const TICKET: &str = "ticket://";

pub(super) const MARKDOWN: &str = "text/markdown";
pub(super) const JSON: &str = "application/json";

/// What is there by this name, and its media type; none if there is nothing for this caller, for whatever reason.
pub(super) async fn read(caller: &Caller, uri: &str) -> Result<Option<(&'static str, String)>, Error> {
    if !caller.may(Scope::TicketsRead) {
        return Ok(None);
    }
    if uri == TABLE {
        return Ok(Some((MARKDOWN, rules::table())));
    }
    let id: Option<TicketId> = uri.strip_prefix(TICKET).and_then(|id| id.strip_suffix('/').unwrap_or(id).parse().ok());
    let Some(id) = id else { return Ok(None) };
    match read::resource(&caller.desk(), id).await.and_then(|ticket| Outcome::of(&ticket)) {
        Ok(Outcome { text: _, content }) => Ok(Some((JSON, content.to_string()))),
        Err(refusal) if refusal.error().is_not_found() => Ok(None),
        Err(refusal) => Err(refusal.into_error()),
    }
}

/// What went wrong on our side, for who runs the server.
pub(super) fn log(error: &Error, what: &str, request_id: RequestId) {
    if error.problem().status() >= 500 {
        let cause = error.source().map(|cause| format!("{cause:?}"));
        tracing::error!(%request_id, what, cause, "{error}");
    }
}
