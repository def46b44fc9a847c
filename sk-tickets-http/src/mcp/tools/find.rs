use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use sk_tickets_core::{
    ContactId, Order, Page, PageRequest, Priority, QueueKey, SearchQuery, Source, Status, Ticket, TicketFilter,
    Timestamp,
    limits::{AGENT_CURSOR_MAX, AGENT_PAGE_DEFAULT, AGENT_PAGE_MAX},
    model::ticket::{Tag, Topic},
    platform::{
        input::{Faults, Input, Pointer, read_parsed},
        json::Json,
        number::Whole,
        text::Text,
    },
    request,
};

use super::work::Call;
use crate::{
    api::Owner,
    mcp::{
        arguments::{Argument, Body, Form, Given, OneOrMore, ToolRequest},
        card::Card,
        refusal::Refusal,
        tool::Told,
        untrusted::NOTICE,
    },
};

/// How many rows a page has.
pub(in crate::mcp) type Limit = Whole<1, { AGENT_PAGE_MAX as u64 }>;

/// Where a list goes on.
pub(in crate::mcp) type Cursor = Text<1, AGENT_CURSOR_MAX>;

request! {
    /// Which tickets a list shows.
    pub struct TicketList {
        /// Only tickets in this status, or in one of these.
        pub status: OneOrMore<Status>,
        /// Only tickets in this queue.
        pub queue: Option<QueueKey>,
        /// Only tickets of this owner; `none`: only those of nobody.
        pub owner_id: Option<Owner>,
        /// Only tickets about this contact.
        pub contact_id: Option<ContactId>,
        /// Only tickets with this topic.
        pub topic: Option<Topic>,
        /// Only tickets with this priority.
        pub priority: Option<Priority>,
        /// Only tickets with this tag.
        pub tag: Option<Tag>,
        /// Only tickets that came in by this door.
        pub source: Option<Source>,
        /// Only tickets made at this time or later.
        pub created_after: Option<Timestamp>,
        /// Only tickets made before this time.
        pub created_before: Option<Timestamp>,
        /// How many tickets at most; 20 unless named.
        pub limit: Option<Limit>,
        /// The `next_cursor` of the page before, with the same filters.
        pub cursor: Option<Cursor>,
        /// Which end of the list comes first; `desc`, the newest, unless named.
        pub order: Option<Order>,
    }
}

/// Every filter and the page.
#[derive(Debug)]
pub(in crate::mcp) struct ListTickets;

impl ToolRequest for ListTickets {
    type Request = TicketList;
    const FIELDS: &'static [&'static str] = &[
        "status",
        "queue",
        "owner_id",
        "contact_id",
        "topic",
        "priority",
        "tag",
        "source",
        "created_after",
        "created_before",
        "limit",
        "cursor",
        "order",
    ];
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Input for Owner {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_id", at, faults)
    }
}

/// The page that is asked for.
pub(in crate::mcp) fn page(limit: Option<Limit>, cursor: Option<Cursor>, order: Option<Order>) -> PageRequest {
    // No more than fits a machine's word.
    let limit = limit.map_or(AGENT_PAGE_DEFAULT, |limit| limit.get() as usize);
    let mut page = PageRequest::first().limit(limit);
    if let Some(cursor) = cursor {
        page = page.after(cursor.into_string());
    }
    if let Some(order) = order {
        page = page.order(order);
    }
    page
}

/// What to look for.
#[derive(Debug)]
pub(in crate::mcp) struct Words(SearchQuery);

impl Argument for Words {
    fn take(given: &mut Given) -> Option<Self> {
        given.parsed("q", "invalid_value").map(Self)
    }

    fn describe(form: &mut Form) {
        form.parsed::<SearchQuery>("q", "The words to look for.");
    }
}

/// A page of tickets.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::mcp) struct Found {
    /// The tickets.
    data: Vec<Card>,
    /// Whether there are more.
    has_more: bool,
    /// The `cursor` of the next page.
    next_cursor: Option<String>,
}

impl Told for Found {
    fn told(&self) -> String {
        let more = if self.has_more { "; there are more: go on with next_cursor" } else { "" };
        match self.data.len() {
            0 => "No ticket".to_owned(),
            1 => format!("1 ticket{more}. {NOTICE}"),
            count => format!("{count} tickets{more}. {NOTICE}"),
        }
    }
}

impl From<Page<Ticket>> for Found {
    fn from(Page { data, has_more, next_cursor }: Page<Ticket>) -> Self {
        Self { data: data.iter().map(Card::from).collect(), has_more, next_cursor }
    }
}

pub(in crate::mcp) async fn list(call: Call, list: Body<ListTickets>) -> Result<Found, Refusal> {
    let (filter, page) = sought(list.request);
    Ok(call.caller.desk().tickets(&filter, &page).await?.into())
}

pub(in crate::mcp) async fn search(call: Call, words: Words, list: Body<ListTickets>) -> Result<Found, Refusal> {
    let (filter, page) = sought(list.request);
    Ok(call.caller.desk().search_tickets(&words.0, &filter, &page).await?.into())
}

fn sought(list: TicketList) -> (TicketFilter, PageRequest) {
    let TicketList {
        status: OneOrMore(status),
        queue,
        owner_id,
        contact_id,
        topic,
        priority,
        tag,
        source,
        created_after,
        created_before,
        limit,
        cursor,
        order,
    } = list;
    let filter = TicketFilter {
        status,
        queue: queue.map(Text::into_string),
        owner: owner_id.map(|Owner(owner)| owner),
        contact_id,
        topic: topic.map(Text::into_string),
        priority,
        tag: tag.map(Text::into_string),
        source,
        created_after,
        created_before,
    };
    (filter, page(limit, cursor, order))
}
