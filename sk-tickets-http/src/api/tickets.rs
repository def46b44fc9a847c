use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use sk_tickets_core::{
    AssignTicket, Command, CreateTicket, Error, OwnerFilter, OwnerId, Page, SearchQuery, Ticket, TicketCommand,
    TicketFilter, TicketId, TicketView, TransitionTicket, UpdateTicket,
    model::{
        queue::QueueKey,
        ticket::{Tag, Topic},
    },
    platform::text::Text,
};

use super::{
    answers::{Changed, Created, Found, FoundVersion},
    arguments::{Body, Filter, IfMatch, IfNoneMatch, Paged},
    call::{Call, not_found},
};
use crate::platform::query::Query;

pub(super) async fn create(call: Call, body: Body<CreateTicket>) -> Result<Created<Ticket>, Error> {
    call.execute(Command::Ticket(TicketCommand::Create(Box::new(body.request))), &body.sent).await
}

pub(super) async fn list(call: Call, list: Paged<Sought>) -> Result<Found<Page<Ticket>>, Error> {
    let Paged { page, filter: Sought { words, filter } } = list;
    Ok(Found(match words {
        Some(words) => call.desk.search_tickets(&words, &filter, &page).await?,
        None => call.desk.tickets(&filter, &page).await?,
    }))
}

pub(super) async fn get(
    call: Call,
    id: TicketId,
    if_none_match: IfNoneMatch,
) -> Result<FoundVersion<TicketView>, Error> {
    let view = call.desk.ticket(id).await?.ok_or_else(not_found)?;
    let version = view.ticket.version;
    // A place in the queue moves without the version, so a ticket that waits is always told anew.
    let is_known = if_none_match.knows(version) && view.queue_position.is_none();
    Ok(FoundVersion { version, news: (!is_known).then_some(view) })
}

pub(super) async fn update(
    call: Call,
    id: TicketId,
    body: Body<UpdateTicket>,
    if_match: IfMatch,
) -> Result<Changed<Ticket>, Error> {
    call.execute_if(if_match, Command::Ticket(TicketCommand::Update(id, body.request)), &body.sent).await
}

pub(super) async fn assign(
    call: Call,
    id: TicketId,
    body: Body<AssignTicket>,
    if_match: IfMatch,
) -> Result<Changed<Ticket>, Error> {
    call.execute_if(if_match, Command::Ticket(TicketCommand::Assign(id, body.request)), &body.sent).await
}

pub(super) async fn transition(
    call: Call,
    id: TicketId,
    body: Body<TransitionTicket>,
    if_match: IfMatch,
) -> Result<Changed<Ticket>, Error> {
    call.execute_if(if_match, Command::Ticket(TicketCommand::Transition(id, body.request)), &body.sent).await
}

/// Which tickets a list shows.
pub(super) struct Sought {
    words: Option<SearchQuery>,
    filter: TicketFilter,
}

impl Filter for Sought {
    fn read(query: &mut Query) -> Self {
        let words = query.one(
            "q",
            "Only tickets in which each of these words occurs: in the subject, in a message or note, in a resolution note or \
             in the label of evidence. Whole words, in any case and order; what is neither a letter nor a digit only \
             separates them. Of a text with more than 1,000 different words the first are found.",
        );
        let filter = TicketFilter {
            status: query.all("status", "Only tickets in this status, or in one of these."),
            queue: query.one::<QueueKey>("queue", "Only tickets in this queue.").map(Text::into_string),
            owner: query
                .one::<Owner>("owner_id", "Only tickets of this owner; `none`: only those of nobody.")
                .map(|Owner(owner)| owner),
            contact_id: query.one("contact_id", "Only tickets about this contact."),
            topic: query.one::<Topic>("topic", "Only tickets with this topic.").map(Text::into_string),
            priority: query.one("priority", "Only tickets with this priority."),
            tag: query.one::<Tag>("tag", "Only tickets with this tag.").map(Text::into_string),
            source: query.one("source", "Only tickets that came in by this door."),
            created_after: query.one("created_after", "Only tickets made at this time or later."),
            created_before: query.one("created_before", "Only tickets made before this time."),
        };
        Self { words, filter }
    }
}

/// `none`, or the id of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(pub(crate) OwnerFilter);

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OwnerFilter::Nobody => f.write_str(NOBODY),
            OwnerFilter::Owner(owner) => owner.fmt(f),
        }
    }
}

impl FromStr for Owner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == NOBODY {
            return Ok(Self(OwnerFilter::Nobody));
        }
        let owner: OwnerId = text.parse().map_err(|error| format!("must be `{NOBODY}`, or {error}"))?;
        Ok(Self(OwnerFilter::Owner(owner)))
    }
}

const NOBODY: &str = "none";

impl JsonSchema for Owner {
    fn schema_name() -> Cow<'static, str> {
        "OwnerFilter".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": NOBODY}, generator.subschema_for::<OwnerId>()]})
    }
}
