use schemars::JsonSchema;
use serde::Serialize;
use sk_tickets_core::{OwnerId, Priority, Queue, Scope, Status, limits::AGENT_TOPICS_MAX, request};

use super::{
    find::{Cursor, Limit, page},
    work::Call,
};
use crate::mcp::{
    arguments::{Body, ToolRequest},
    refusal::Refusal,
    rules::{self, Move},
    table::tools_of,
    tool::Told,
};

request! {
    /// Which queues are wanted.
    pub struct QueuePage {
        /// How many queues at most; 20 unless named.
        pub limit: Option<Limit>,
        /// `next_cursor`, for more queues.
        pub cursor: Option<Cursor>,
    }
}

/// The page of queues.
#[derive(Debug)]
pub(in crate::mcp) struct Options;

impl ToolRequest for Options {
    type Request = QueuePage;
    const FIELDS: &'static [&'static str] = &["limit", "cursor"];
}

/// What can be chosen.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::mcp) struct Choices {
    /// The queues.
    queues: Vec<QueueChoice>,
    /// Whether there are more queues.
    has_more: bool,
    /// The `cursor` for more queues.
    next_cursor: Option<String>,
    /// The topics of these queues: a new ticket with one goes to its queue.
    topics: Vec<TopicChoice>,
    /// Whether topics were left out.
    more_topics: bool,
    /// The priorities, the least first.
    priorities: Vec<Priority>,
    /// The statuses, and what may follow each.
    statuses: Vec<StatusChoice>,
    /// What this key may do with them.
    key: KeyChoices,
}

/// A queue.
#[derive(Debug, Serialize, JsonSchema)]
struct QueueChoice {
    /// What tools name it by.
    key: String,
    /// What it is called.
    name: String,
    /// Who gets its tickets unless a call names somebody.
    default_owner_id: Option<OwnerId>,
    /// How much its tickets press unless a call says so.
    default_priority: Option<Priority>,
}

/// A topic.
#[derive(Debug, Serialize, JsonSchema)]
struct TopicChoice {
    /// The topic.
    topic: String,
    /// Where it leads.
    queue: String,
}

/// A status.
#[derive(Debug, Serialize, JsonSchema)]
struct StatusChoice {
    /// The status.
    status: Status,
    /// Where a ticket can go from there.
    next: Vec<Move>,
}

/// What a key may do.
#[derive(Debug, Serialize, JsonSchema)]
struct KeyChoices {
    /// Its scopes.
    scopes: Vec<Scope>,
    /// Whether it may choose queue, priority, tags, owner and status of a ticket, claim and write notes.
    may_triage: bool,
    /// Whether it may make tickets, and choose topic, queue and priority of a new one.
    may_create: bool,
    /// Whether it may reply to customers.
    may_reply: bool,
    /// The tools it has.
    tools: Vec<&'static str>,
}

impl Told for Choices {
    fn told(&self) -> String {
        let keys: Vec<_> = self.queues.iter().map(|queue| queue.key.as_str()).collect();
        let more = if self.has_more { " and more" } else { "" };
        let may = if self.key.may_triage { "may triage" } else { "may only read" };
        format!("Queues: {}{more}. {} topics. This key {may}.", keys.join(", "), self.topics.len())
    }
}

pub(in crate::mcp) async fn options(call: Call, asked: Body<Options>) -> Result<Choices, Refusal> {
    let QueuePage { limit, cursor } = asked.request;
    let caller = &call.caller;
    let found = caller.desk().queues(&page(limit, cursor, None)).await?;
    let of_queue = |queue: &Queue| {
        let key = queue.key.clone();
        queue.topics.clone().into_iter().map(move |topic| TopicChoice { topic, queue: key.clone() })
    };
    let mut topics: Vec<_> = found.data.iter().flat_map(of_queue).collect();
    let more_topics = topics.len() > AGENT_TOPICS_MAX;
    topics.truncate(AGENT_TOPICS_MAX);
    let queue = |Queue { key, name, default_owner_id, default_priority, .. }| QueueChoice {
        key,
        name,
        default_owner_id,
        default_priority,
    };
    Ok(Choices {
        queues: found.data.into_iter().map(queue).collect(),
        has_more: found.has_more,
        next_cursor: found.next_cursor,
        topics,
        more_topics,
        priorities: Priority::ALL.to_vec(),
        statuses: Status::ALL.iter().map(|&status| StatusChoice { status, next: rules::moves(status) }).collect(),
        key: KeyChoices {
            scopes: caller.key.scopes.iter().copied().collect(),
            may_triage: caller.may(Scope::TicketsTriage),
            may_create: caller.may(Scope::TicketsWrite),
            may_reply: caller.may(Scope::TicketsWrite),
            tools: tools_of(caller).map(|tool| tool.name).collect(),
        },
    })
}
