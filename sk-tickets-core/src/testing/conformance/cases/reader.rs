//! Reads.

use std::collections::BTreeSet;

use super::super::fixture::{Fixture, key, user};
use crate::{
    model::{
        id::{ContactId, TicketId},
        page::{Order, PageRequest},
        thread::PostEntry,
        ticket::{
            AssignTicket, CreateTicket, OwnerFilter, Priority, Source, Status, Ticket, TicketFilter, TransitionTicket,
            UpdateTicket,
        },
    },
    platform::{
        input::{Change, Patch},
        realm::{Environment, Realm},
        text::List,
    },
    store::PageSpec,
};

fn ids(tickets: &[Ticket]) -> Vec<TicketId> {
    tickets.iter().map(|ticket| ticket.id).collect()
}

async fn list(fixture: &Fixture, filter: &TicketFilter) -> Vec<TicketId> {
    let page = fixture.desk.tickets(filter, &PageRequest::first().limit(100)).await.expect("a page");
    ids(&page.data)
}

/// Whatever is asked for by an id of another realm is not there, and lists do not show it.
pub async fn only_rows_of_the_realm_are_seen(fixture: &Fixture) {
    let ticket = fixture.ticket("mine").await;
    let endpoint = fixture.endpoint(9_000).await;
    let stranger = fixture.tickets.desk(Realm::assume("acme".parse().expect("lawful"), Environment::Live));

    let mine = fixture.desk.ticket(ticket.id).await.expect("read").expect("there");
    assert_eq!(mine.ticket.subject, "mine");
    let theirs = fixture.decoy.ticket(ticket.id).await.expect("read").expect("there");
    assert_eq!(theirs.ticket.subject, "decoy of mine");
    assert_eq!(stranger.ticket(ticket.id).await.expect("read"), None);
    assert_eq!(stranger.thread(ticket.id, &PageRequest::first()).await.expect("read"), None);
    assert_eq!(stranger.endpoint(endpoint.id).await.expect("read"), None);
    assert!(stranger.tickets(&TicketFilter::ALL, &PageRequest::first()).await.expect("read").data.is_empty());
    assert!(stranger.events(&PageRequest::first()).await.expect("read").data.is_empty());

    let events = fixture.desk.events(&PageRequest::first()).await.expect("read").data;
    assert_eq!(events.len(), 1);
    assert!(!String::from_utf8_lossy(&events[0].payload).contains("decoy"));
    assert!(stranger.event(events[0].id).await.expect("read").is_none());

    let assigned = stranger.assign_ticket(&key("steal"), ticket.id, AssignTicket::to(user(1))).await;
    assert!(assigned.expect_err("refused").is_not_found());
}

/// Before the first write there is nothing, and that is no error.
pub async fn a_realm_that_nobody_wrote_to_is_empty(fixture: &Fixture) {
    let page = fixture.desk.tickets(&TicketFilter::ALL, &PageRequest::first()).await.expect("read");
    assert!(page.data.is_empty() && !page.has_more && page.next_cursor.is_none());
    assert_eq!(fixture.desk.ticket(TicketId::from_bytes([1; 16])).await.expect("read"), None);
    let feed = fixture.desk.events(&PageRequest::first().order(Order::Asc)).await.expect("read");
    assert!(feed.data.is_empty() && feed.next_cursor.is_some(), "a follower can start before the first event");
}

/// A client reads its own writes.
pub async fn what_a_finished_commit_wrote_is_seen(fixture: &Fixture) {
    for number in 0..20 {
        let ticket = fixture.ticket(&format!("number {number}")).await;
        let read = fixture.desk.ticket(ticket.id).await.expect("read").expect("there").ticket;
        assert_eq!(read, ticket);
        let newest = fixture.desk.events(&PageRequest::first().limit(1)).await.expect("read").data;
        assert_eq!(newest[0].ticket_id, Some(ticket.id));
    }
}

/// Both orders; never more than the limit; never the row that was named.
pub async fn pages_are_in_order_and_strictly_after(fixture: &Fixture) {
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(fixture.ticket(&format!("number {number}")).await.id);
    }
    let realm = fixture.desk.realm();
    let page = async |after, order, limit| {
        let spec = PageSpec { after, order, limit };
        ids(&fixture.store.ticket_page(realm, &TicketFilter::ALL, spec).await.expect("a page"))
    };
    assert_eq!(page(None, Order::Asc, 3).await, made[..3]);
    assert_eq!(page(Some(made[2]), Order::Asc, 3).await, made[3..6]);
    assert_eq!(page(Some(made[6]), Order::Asc, 3).await, []);
    let newest_first: Vec<_> = made.iter().rev().copied().collect();
    assert_eq!(page(None, Order::Desc, 100).await, newest_first);
    assert_eq!(page(Some(made[3]), Order::Desc, 2).await, newest_first[4..6]);
    // A key between two rows: the row it was taken from need not exist.
    let between = TicketId::from_bytes((u128::from_be_bytes(made[3].to_bytes()) - 1).to_be_bytes());
    assert_eq!(page(Some(between), Order::Asc, 1).await, made[3..4]);
}

/// The row that a cursor was taken from leaves the list; the next page goes on behind it.
pub async fn a_page_goes_on_after_a_row_that_no_longer_matches(fixture: &Fixture) {
    for number in 0..4 {
        fixture.ticket(&format!("number {number}")).await;
    }
    let filter = TicketFilter { status: vec![Status::New], ..TicketFilter::ALL };
    let first = fixture.desk.tickets(&filter, &PageRequest::first().limit(2)).await.expect("read");
    let cursor = first.next_cursor.expect("there is more");
    let last = first.data[1].id;
    fixture.desk.assign_ticket(&key("take"), last, AssignTicket::to(user(1))).await.expect("assigned");
    let second = fixture.desk.tickets(&filter, &PageRequest::first().limit(2).after(cursor)).await.expect("read");
    assert_eq!(second.data.len(), 2);
    assert!(second.data.iter().all(|ticket| ticket.id < last));
}

/// Each filter by itself, and several at once.
pub async fn every_filter_holds_for_every_row(fixture: &Fixture) {
    let contact = ContactId::from_bytes([9; 16]);
    let special = CreateTicket {
        contact_id: Some(contact),
        source: Some(Source::Voice),
        topic: Some("billing".parse().expect("lawful")),
        priority: Some(Priority::Urgent),
        owner_id: Some(user(1).into()),
        tags: List::new(vec!["vip".parse().expect("lawful"), "eu".parse().expect("lawful")]).expect("lawful"),
        ..CreateTicket::new("special").expect("lawful")
    };
    let plain = fixture.ticket("plain").await;
    fixture.tick();
    let special = fixture.desk.create_ticket(&key("special"), special).await.expect("made").value;
    fixture.tick();
    let later = fixture.ticket("later").await;

    let all = TicketFilter::ALL;
    let only_special = [
        TicketFilter { status: vec![Status::Open], ..all.clone() },
        TicketFilter { status: vec![Status::Open, Status::Closed], ..all.clone() },
        TicketFilter { owner: Some(OwnerFilter::Owner(user(1).into())), ..all.clone() },
        TicketFilter { contact_id: Some(contact), ..all.clone() },
        TicketFilter { topic: Some("billing".to_owned()), ..all.clone() },
        TicketFilter { priority: Some(Priority::Urgent), ..all.clone() },
        TicketFilter { tag: Some("eu".to_owned()), ..all.clone() },
        TicketFilter { source: Some(Source::Voice), ..all.clone() },
        TicketFilter { created_after: Some(special.created_at), created_before: Some(later.created_at), ..all.clone() },
        TicketFilter {
            status: vec![Status::Open],
            queue: Some("default".to_owned()),
            owner: Some(OwnerFilter::Owner(user(1).into())),
            contact_id: Some(contact),
            topic: Some("billing".to_owned()),
            priority: Some(Priority::Urgent),
            tag: Some("vip".to_owned()),
            source: Some(Source::Voice),
            created_after: Some(special.created_at),
            created_before: Some(later.created_at),
        },
    ];
    for filter in only_special {
        assert_eq!(list(fixture, &filter).await, [special.id], "{filter:?}");
    }
    let others = [later.id, plain.id];
    assert_eq!(list(fixture, &TicketFilter { owner: Some(OwnerFilter::Nobody), ..all.clone() }).await, others);
    assert_eq!(list(fixture, &TicketFilter { status: vec![Status::New], ..all.clone() }).await, others);
    let statuses = vec![Status::New, Status::Open];
    assert_eq!(list(fixture, &TicketFilter { status: statuses, ..all.clone() }).await.len(), 3);
    assert_eq!(list(fixture, &TicketFilter { queue: Some("other".to_owned()), ..all.clone() }).await, []);
    assert_eq!(list(fixture, &TicketFilter { tag: Some("v".to_owned()), ..all.clone() }).await, []);
    assert_eq!(list(fixture, &TicketFilter { created_before: Some(plain.created_at), ..all }).await, []);
}

/// Every ticket that was there at the start and matches throughout is given exactly once, in both orders, while others
/// are made, moved and tagged.
pub async fn a_traversal_under_writes_gives_each_row_once(fixture: &Fixture) {
    const COUNT: usize = 120;
    let mut made = BTreeSet::new();
    for number in 0..COUNT {
        made.insert(fixture.ticket(&format!("number {number}")).await.id);
    }
    let filter = TicketFilter { queue: Some("default".to_owned()), ..TicketFilter::ALL };
    for order in [Order::Asc, Order::Desc] {
        let mut seen = Vec::new();
        let mut request = PageRequest::first().limit(7).order(order);
        let mut step = 0;
        loop {
            let page = fixture.desk.tickets(&filter, &request).await.expect("a page");
            seen.extend(ids(&page.data));
            let Some(cursor) = page.next_cursor else { break };
            request = request.after(cursor);

            step += 1;
            fixture.tick();
            let name = format!("{order} {step}");
            let create = CreateTicket::new("meanwhile").expect("lawful");
            fixture.desk.create_ticket(&key(&name), create).await.expect("made");
            let moved = seen[seen.len() / 2];
            let retag = UpdateTicket {
                tags: Patch::Set(List::new(vec![name.parse().expect("lawful")]).expect("lawful")),
                ..UpdateTicket::nothing()
            };
            fixture.desk.update_ticket(&key(&format!("{name} retag")), moved, retag).await.expect("retagged");
            let take = AssignTicket::to(user(1));
            fixture.desk.assign_ticket(&key(&format!("{name} take")), moved, take).await.expect("assigned");
        }
        let distinct: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "no row twice");
        assert!(made.is_subset(&distinct), "no row left out");
    }
}

/// Urgent first, then who has waited longest, then by id; only those that wait.
pub async fn the_queue_position_counts_those_ahead(fixture: &Fixture) {
    let first = fixture.ticket("first").await;
    let second = fixture.ticket("second").await;
    let third = fixture.ticket("third").await;
    let position = async |id| fixture.desk.ticket(id).await.expect("read").expect("there").queue_position;
    assert_eq!((position(first.id).await, position(third.id).await), (Some(1), Some(3)));

    let urgent = UpdateTicket { priority: Change(Some(Priority::Urgent)), ..UpdateTicket::nothing() };
    fixture.desk.update_ticket(&key("urgent"), third.id, urgent).await.expect("updated");
    assert_eq!(position(third.id).await, Some(1));
    assert_eq!(position(first.id).await, Some(2));

    let take = fixture.desk.assign_ticket(&key("take"), first.id, AssignTicket::to(user(1))).await.expect("assigned");
    assert_eq!(take.value.queued_at, None);
    assert_eq!(position(first.id).await, None);
    assert_eq!(position(second.id).await, Some(2));

    fixture.tick();
    fixture.desk.assign_ticket(&key("back"), first.id, AssignTicket::to_nobody()).await.expect("unassigned");
    assert_eq!(position(first.id).await, Some(3), "who comes back queues at the end");
    let close =
        TransitionTicket { reason: Some("spam".parse().expect("lawful")), ..TransitionTicket::to(Status::Closed) };
    fixture.desk.transition_ticket(&key("close"), second.id, close).await.expect("closed");
    assert_eq!((position(second.id).await, position(first.id).await), (None, Some(2)));
}

/// Entries come by sequence, without gaps; each can be read by itself.
pub async fn a_thread_is_read_by_sequence(fixture: &Fixture) {
    let ticket = fixture.ticket("talk").await;
    for number in 0..5 {
        let entry = PostEntry::note(format!("note {number}").parse().expect("lawful"));
        fixture.desk.post_to_thread(&key(&format!("note {number}")), ticket.id, entry).await.expect("posted");
    }
    let first = fixture.desk.thread(ticket.id, &PageRequest::first().limit(4)).await.expect("read").expect("there");
    assert_eq!(first.data.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let rest = PageRequest::first().limit(4).after(first.next_cursor.expect("there is more"));
    let rest = fixture.desk.thread(ticket.id, &rest).await.expect("read").expect("there");
    assert_eq!(rest.data.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(rest.next_cursor, None);
    let newest = PageRequest::first().limit(1).order(Order::Desc);
    let newest = fixture.desk.thread(ticket.id, &newest).await.expect("read").expect("there").data.remove(0);
    assert_eq!((newest.sequence, newest.body.as_deref()), (6, Some("note 4")));

    let read = fixture.desk.thread_entry(ticket.id, newest.id).await.expect("read");
    assert_eq!(read.as_ref(), Some(&newest));
    let other = fixture.ticket("other").await;
    assert_eq!(fixture.desk.thread_entry(other.id, newest.id).await.expect("read"), None);
    assert_eq!(
        fixture.decoy.thread(other.id, &PageRequest::first()).await.expect("read").expect("there").data.len(),
        1
    );
}

/// A ping is delivered but not part of what happened.
pub async fn a_ping_is_not_in_the_feed(fixture: &Fixture) {
    let endpoint = fixture.endpoint(9_000).await;
    fixture.desk.ping_endpoint(&key("ping"), endpoint.id).await.expect("sent");
    assert!(fixture.desk.events(&PageRequest::first()).await.expect("read").data.is_empty());
    let deliveries = fixture.desk.deliveries(&Default::default(), &PageRequest::first()).await.expect("read").data;
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].ticket_id, None);
    assert!(fixture.desk.event(deliveries[0].event_id).await.expect("read").is_none());
}

/// Who polls on from `next_cursor` while several nodes write sees every event exactly once.
pub async fn a_follower_of_the_feed_misses_nothing(fixture: &Fixture) {
    const WRITERS: u64 = 8;
    const EACH: usize = 20;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let desk = fixture.node(100 + writer).desk(fixture.desk.realm().clone());
            tokio::spawn(async move {
                for number in 0..EACH {
                    let create = CreateTicket::new("one of many").expect("lawful");
                    desk.create_ticket(&key(&format!("{writer} {number}")), create).await.expect("made");
                }
            })
        })
        .collect();

    let mut seen = BTreeSet::new();
    let mut request = PageRequest::first().limit(9).order(Order::Asc);
    loop {
        let done = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let page = fixture.desk.events(&request).await.expect("a page");
        request = request.after(page.next_cursor.expect("a follower always gets one"));
        if done && page.data.is_empty() {
            break;
        }
        for event in page.data {
            assert!(seen.insert(event.id), "{} came twice", event.id);
        }
    }
    for writer in writers {
        writer.await.expect("no writer failed");
    }
    let expected = usize::try_from(WRITERS).expect("small") * EACH;
    assert_eq!(seen.len(), expected);
}
