//! The SQL of lists of tickets, assembled from fixed fragments for the filters that are set. What callers give is always bound.
//!
//! **Invariant:** every list walks an index in the order of its pages, so that a page costs the same at any depth. The
//! index is named, by the view, so that no statistics of SQLite's lead it another way.

use std::fmt::Write;

use rusqlite::types::Value;
use sk_tickets_core::{
    model::{
        id::TicketId,
        page::Order,
        ticket::{OwnerFilter, Status, TicketFilter},
    },
    platform::{
        id::{Id, IdKind},
        time::Timestamp,
    },
    store::PageSpec,
};

use crate::{
    columns::rank,
    realms::{RealmNumber, Skew},
    row::{self, ticket_columns},
    search::Ranked,
};

/// A statement and what is bound to it.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

impl Query {
    /// Binds a value; answers the parameter that stands for it.
    pub(crate) fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }

    /// The rows of any of the branches, in order of id. Each branch comes in that order, so SQLite merges them.
    pub(crate) fn finish(self, branches: &[String], order: Order, limit: usize) -> Self {
        self.finish_by(&["id"], branches, order, limit)
    }

    /// The same, where the order of ids is that of these columns together.
    fn finish_by(mut self, columns: &[&str], branches: &[String], order: Order, limit: usize) -> Self {
        let direction = match order {
            Order::Asc => "ASC",
            Order::Desc => "DESC",
        };
        let limit = self.bind(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let by: Vec<_> = columns.iter().map(|column| format!("{column} {direction}")).collect();
        self.sql = format!("{} ORDER BY {} LIMIT {limit}", branches.join(" UNION ALL "), by.join(", "));
        self
    }
}

/// A page of what a view shows of a realm, in order of id: of rows of which a condition holds, that of the realm included.
pub(crate) fn by_id<K: IdKind>(
    mut query: Query,
    columns: &str,
    view: &str,
    condition: &str,
    page: PageSpec<Id<K>>,
) -> Query {
    let PageSpec { after, order, limit } = page;
    let within = Within { id: "id", created_at: "created_at", after, order, from: None, to: None };
    let beyond = within.condition(&mut query, Skew::default());
    query.finish(&[format!("SELECT {columns} FROM {view} WHERE {condition}{beyond}")], order, limit)
}

/// Which filter leads the way through tickets: the one that is likely to leave the fewest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    Term,
    Contact,
    Owner,
    Tag,
    Status,
    Topic,
    Queue,
    Source,
    Priority,
    Id,
}

impl Lead {
    fn of(filter: &TicketFilter, statuses: &[Status], search: Option<&Ranked>) -> Self {
        // In the end most tickets of a realm are done, so a list of those that are not is short.
        let undone = !statuses.iter().any(|status| matches!(status, Status::Resolved | Status::Closed));
        let candidates = [
            (search.is_some_and(|search| !search.are_common), Self::Term),
            (filter.contact_id.is_some(), Self::Contact),
            (matches!(filter.owner, Some(OwnerFilter::Owner(_))), Self::Owner),
            (filter.tag.is_some(), Self::Tag),
            (!statuses.is_empty() && undone, Self::Status),
            (filter.topic.is_some(), Self::Topic),
            (search.is_some(), Self::Term),
            (filter.owner.is_some(), Self::Owner),
            (filter.queue.is_some(), Self::Queue),
            (filter.source.is_some(), Self::Source),
            (!statuses.is_empty(), Self::Status),
            (filter.priority.is_some(), Self::Priority),
        ];
        candidates.into_iter().find(|(is_set, _)| *is_set).map_or(Self::Id, |(_, lead)| lead)
    }

    /// What to select from.
    const fn source(self) -> &'static str {
        match self {
            // CROSS JOIN keeps the words, or the tags, in front.
            Self::Term => {
                "my_search_blocks AS blocks CROSS JOIN my_ticket_terms AS terms_of CROSS JOIN my_tickets AS tickets"
            }
            Self::Contact => "my_tickets_by_contact AS tickets",
            Self::Owner => "my_tickets_by_owner AS tickets",
            Self::Tag => "my_ticket_tags AS tags_of CROSS JOIN my_tickets AS tickets",
            Self::Status => "my_tickets_by_status AS tickets",
            Self::Topic => "my_tickets_by_topic AS tickets",
            Self::Queue => "my_tickets_by_queue AS tickets",
            Self::Source => "my_tickets_by_source AS tickets",
            Self::Priority => "my_tickets_by_priority AS tickets",
            Self::Id => "my_tickets AS tickets",
        }
    }
}

/// A page of tickets; of those that have the words of a search, if there is one.
pub(crate) fn tickets(
    realm: RealmNumber,
    skew: Skew,
    filter: &TicketFilter,
    search: Option<&Ranked>,
    page: PageSpec<TicketId>,
) -> Query {
    let TicketFilter { status, queue, owner, contact_id, topic, priority, tag, source, created_after, created_before } =
        filter;
    let statuses: Vec<_> = Status::ALL.iter().copied().filter(|one| status.contains(one)).collect();
    let lead = Lead::of(filter, &statuses, search);
    let mut query = Query::default();
    let realm = query.bind(Value::Integer(realm));

    let (id, mut conditions) = match lead {
        Lead::Tag => (
            "tags_of.ticket_id",
            format!("tags_of.realm = {realm} AND tickets.realm = {realm} AND tickets.id = tags_of.ticket_id"),
        ),
        Lead::Term => (
            "terms_of.ticket_id",
            format!(
                "blocks.realm = {realm} AND terms_of.realm = {realm} AND terms_of.block = blocks.number
                 AND tickets.realm = {realm} AND tickets.id = terms_of.ticket_id"
            ),
        ),
        Lead::Contact
        | Lead::Owner
        | Lead::Status
        | Lead::Topic
        | Lead::Queue
        | Lead::Source
        | Lead::Priority
        | Lead::Id => ("tickets.id", format!("tickets.realm = {realm}")),
    };
    let PageSpec { after, order, limit } = page;
    let within =
        Within { id, created_at: "tickets.created_at", after, order, from: *created_after, to: *created_before };
    conditions += &within.condition(&mut query, skew);
    if lead == Lead::Term {
        conditions += &within.blocks(&mut query, skew, &realm);
    }

    let owner_id = match owner {
        Some(OwnerFilter::Owner(owner)) => Some(Value::Text(owner.to_string())),
        Some(OwnerFilter::Nobody) => {
            conditions += " AND tickets.owner_id IS NULL";
            None
        }
        None => None,
    };
    for (column, value) in [
        ("owner_id", owner_id),
        ("contact_id", contact_id.map(row::id)),
        ("topic", topic.as_deref().map(row::text)),
        ("queue", queue.as_deref().map(row::text)),
        ("source", source.map(|source| row::text(source.as_str()))),
        ("priority", priority.map(|priority| Value::Integer(rank(priority)))),
    ] {
        if let Some(value) = value {
            // IS would not go with the indexes that leave nulls out.
            let _ = write!(conditions, " AND tickets.{column} = {}", query.bind(value));
        }
    }
    if let Some(tag) = tag {
        let tag = query.bind(row::text(tag));
        conditions += &if lead == Lead::Tag {
            format!(" AND tags_of.tag = {tag}")
        } else {
            format!(
                " AND EXISTS (SELECT 1 FROM my_ticket_tags
                              WHERE realm = {realm} AND tag = {tag} AND ticket_id = tickets.id)"
            )
        };
    }

    let mut terms = search.into_iter().flat_map(|search| &search.terms).map(|term| row::text(term));
    let block = if lead == Lead::Term {
        if let Some(term) = terms.next() {
            let _ = write!(conditions, " AND terms_of.term = {}", query.bind(term));
        }
        "blocks.number".to_owned()
    } else {
        format!(
            "(SELECT number FROM my_search_blocks WHERE realm = {realm} AND first_id <= {id} ORDER BY first_id DESC LIMIT 1)"
        )
    };
    for term in terms {
        let _ = write!(
            conditions,
            " AND EXISTS (SELECT 1 FROM my_ticket_terms
                          WHERE realm = {realm} AND block = {block} AND term = {} AND ticket_id = {id})",
            query.bind(term)
        );
    }

    let select = |condition: &str| {
        format!(
            concat!("SELECT {} AS id, ", ticket_columns!(), " FROM {} WHERE {}{}"),
            id,
            lead.source(),
            conditions,
            condition
        )
    };
    let statuses: Vec<_> = statuses.iter().map(|status| query.bind(row::text(status.as_str()))).collect();
    let branches = match lead {
        Lead::Status => statuses.iter().map(|status| select(&format!(" AND tickets.status = {status}"))).collect(),
        _ if statuses.is_empty() => vec![select("")],
        _ => vec![select(&format!(" AND tickets.status IN ({})", statuses.join(", ")))],
    };
    if lead == Lead::Term {
        query.finish_by(&["blocks.first_id", id], &branches, order, limit)
    } else {
        query.finish(&branches, order, limit)
    }
}

/// Which rows of a list are wanted: those after the last page that were made within a time.
pub(crate) struct Within<'a, K> {
    /// The column of the id.
    pub(crate) id: &'a str,
    /// The column of the time.
    pub(crate) created_at: &'a str,
    pub(crate) after: Option<Id<K>>,
    pub(crate) order: Order,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl<K: IdKind> Within<'_, K> {
    /// The condition, and that the ids lie within the range that follows from it. There is one bound at each end, so that
    /// the walk begins right there.
    pub(crate) fn condition(&self, query: &mut Query, skew: Skew) -> String {
        let Self { id, created_at, after: _, order: _, from, to } = *self;
        let mut condition = String::new();
        if let Some((beyond, begin)) = self.begin(skew) {
            let _ = write!(condition, " AND {id} {beyond} {}", query.bind(row::id(begin)));
        }
        if let Some(end) = self.end(skew) {
            let _ = write!(condition, " AND {id} < {}", query.bind(row::id(end)));
        }
        if let Some(at) = from {
            let _ = write!(condition, " AND {created_at} >= {}", query.bind(row::time(at)));
        }
        if let Some(at) = to {
            let _ = write!(condition, " AND {created_at} < {}", query.bind(row::time(at)));
        }
        condition
    }

    /// The condition that a block can have such ids.
    fn blocks(&self, query: &mut Query, skew: Skew, realm: &str) -> String {
        let mut condition = String::new();
        if let Some((_, begin)) = self.begin(skew) {
            let _ = write!(
                condition,
                " AND blocks.first_id >= (SELECT max(first_id) FROM my_search_blocks WHERE realm = {realm} AND first_id <= {})",
                query.bind(row::id(begin))
            );
        }
        if let Some(end) = self.end(skew) {
            let _ = write!(condition, " AND blocks.first_id < {}", query.bind(row::id(end)));
        }
        condition
    }

    /// Where the ids begin, and whether that one is among them.
    fn begin(&self, skew: Skew) -> Option<(&'static str, Id<K>)> {
        let floor = self.from.map(|at| Id::floor(skew.earliest(at)));
        let after = if self.order == Order::Asc { self.after } else { None };
        match (after, floor) {
            (Some(after), floor) if floor.is_none_or(|floor| after >= floor) => Some((">", after)),
            (_, Some(floor)) => Some((">=", floor)),
            (_, None) => None,
        }
    }

    /// Before which they end.
    fn end(&self, skew: Skew) -> Option<Id<K>> {
        let ceiling = self.to.and_then(|at| skew.latest(at)).map(Id::floor);
        let before = if self.order == Order::Desc { self.after } else { None };
        before.into_iter().chain(ceiling).min()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rusqlite::params_from_iter;
    use sk_tickets_core::model::{
        id::{ContactId, OwnerId, UserId},
        ticket::{Priority, Source},
    };

    use super::*;
    use crate::{connect, guard::Guarded, migrate::migrate, options::SqliteOptions};

    pub(crate) fn database() -> (tempfile::TempDir, Guarded) {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = connect::writer(&SqliteOptions::new(folder.path().join("x.db"))).unwrap();
        connection.maintain(migrate).unwrap();
        (folder, connection)
    }

    pub(crate) fn plan(connection: &Guarded, query: &Query) -> String {
        let mut statement = connection.bare().prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql)).unwrap();
        let steps = statement.query_map(params_from_iter(&query.values), |row| row.get::<_, String>(3)).unwrap();
        steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    /// Every combination of filters must walk an index, in order.
    pub(crate) fn assert_walks(plan: &str) {
        for bad in ["SCAN", "TEMP B-TREE"] {
            assert!(!plan.contains(bad), "{plan}");
        }
    }

    const PAGES: [PageSpec<TicketId>; 3] = [
        PageSpec { after: None, order: Order::Desc, limit: 26 },
        PageSpec { after: Some(TicketId::from_bytes([7; 16])), order: Order::Desc, limit: 26 },
        PageSpec { after: Some(TicketId::from_bytes([7; 16])), order: Order::Asc, limit: 26 },
    ];

    fn every_filter() -> TicketFilter {
        TicketFilter {
            status: vec![Status::New, Status::Open, Status::New],
            queue: Some("default".to_owned()),
            owner: Some(OwnerFilter::Owner(OwnerId::User(UserId::from_bytes([1; 16])))),
            contact_id: Some(ContactId::from_bytes([2; 16])),
            topic: Some("delivery".to_owned()),
            priority: Some(Priority::High),
            tag: Some("vip".to_owned()),
            source: Some(Source::Voice),
            created_after: Some(Timestamp::from_millis(1_000)),
            created_before: Some(Timestamp::from_millis(2_000)),
        }
    }

    #[test]
    fn each_filter_of_tickets_has_its_index() {
        let (_folder, connection) = database();
        let all = every_filter();
        let cases: [(TicketFilter, &str); 12] = [
            (TicketFilter::ALL, "sqlite_autoindex_tickets_1 (realm=?"),
            (
                TicketFilter { status: vec![Status::Closed], ..TicketFilter::ALL },
                "tickets_status (realm=? AND status=?",
            ),
            (TicketFilter { status: all.status, ..TicketFilter::ALL }, "tickets_status (realm=? AND status=?"),
            (TicketFilter { queue: all.queue, ..TicketFilter::ALL }, "tickets_queue (realm=? AND queue=?"),
            (TicketFilter { owner: all.owner, ..TicketFilter::ALL }, "tickets_owner (realm=? AND owner_id=?"),
            (
                TicketFilter { owner: Some(OwnerFilter::Nobody), ..TicketFilter::ALL },
                "tickets_owner (realm=? AND owner_id=?",
            ),
            (
                TicketFilter { contact_id: all.contact_id, ..TicketFilter::ALL },
                "tickets_contact (realm=? AND contact_id=?",
            ),
            (TicketFilter { topic: all.topic, ..TicketFilter::ALL }, "tickets_topic (realm=? AND topic=?"),
            (TicketFilter { priority: all.priority, ..TicketFilter::ALL }, "tickets_priority (realm=? AND priority=?"),
            (TicketFilter { tag: all.tag, ..TicketFilter::ALL }, "PRIMARY KEY (realm=? AND tag=?"),
            (TicketFilter { source: all.source, ..TicketFilter::ALL }, "tickets_source (realm=? AND source=?"),
            (
                TicketFilter {
                    created_after: all.created_after,
                    created_before: all.created_before,
                    ..TicketFilter::ALL
                },
                "sqlite_autoindex_tickets_1 (realm=? AND id>? AND id<?)",
            ),
        ];
        for (filter, index) in cases {
            for page in PAGES {
                let plan = plan(&connection, &tickets(1, Skew::default(), &filter, None, page));
                assert_walks(&plan);
                assert!(plan.contains(index), "{index} is not in\n{plan}");
            }
        }
    }

    /// By the words, which few have, or by another filter, where they are common.
    #[test]
    fn a_search_walks_an_index_too() {
        let (_folder, connection) = database();
        let terms = ["delayed".to_owned(), "part".to_owned(), "the".to_owned()];
        let all = every_filter();
        let cases = [
            (false, TicketFilter::ALL, "ticket_terms"),
            (true, TicketFilter::ALL, "ticket_terms"),
            (false, every_filter(), "ticket_terms"),
            (true, every_filter(), "tickets_contact"),
            (true, TicketFilter { tag: all.tag, ..TicketFilter::ALL }, "ticket_tags"),
            (true, TicketFilter { status: all.status, ..TicketFilter::ALL }, "tickets_status"),
            (true, TicketFilter { status: vec![Status::Closed], ..TicketFilter::ALL }, "ticket_terms"),
            (true, TicketFilter { queue: all.queue, ..TicketFilter::ALL }, "ticket_terms"),
        ];
        for (are_common, filter, index) in cases {
            for count in 1..=terms.len() {
                let ranked = Ranked { terms: terms[..count].to_vec(), are_common };
                for page in PAGES {
                    let plan = plan(&connection, &tickets(1, Skew::default(), &filter, Some(&ranked), page));
                    assert_walks(&plan);
                    assert!(plan.contains(index), "{index} is not in\n{plan}");
                    for line in plan.lines().filter(|line| line.contains("ticket_terms")) {
                        assert!(line.contains("PRIMARY KEY (realm=? AND block=? AND term=?"), "{plan}");
                    }
                }
            }
        }
    }

    #[test]
    fn filters_together_walk_an_index_too() {
        let (_folder, connection) = database();
        let mut filter = every_filter();
        for without in 0..9 {
            match without {
                1 => filter.contact_id = None,
                2 => filter.owner = Some(OwnerFilter::Nobody),
                3 => filter.tag = None,
                4 => filter.status = Status::ALL.to_vec(),
                5 => filter.topic = None,
                6 => filter.owner = None,
                7 => filter.queue = None,
                8 => filter.source = None,
                _ => {}
            }
            for page in PAGES {
                assert_walks(&plan(&connection, &tickets(1, Skew::default(), &filter, None, page)));
            }
        }
    }
}
