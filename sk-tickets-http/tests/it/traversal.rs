//! Lists are read whole while others write.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Value, json};
use sk_tickets_core::{
    AssignTicket, CreateTicket, Desk, Status, TicketId, TransitionTicket, UpdateTicket, UserId,
    platform::{input::Patch, text::List},
};
use tokio::{sync::mpsc, task::JoinSet};

use crate::app::{ANN, Client, TestApp, fresh_idempotency_key, text};

const TICKETS: usize = 5_000;
const WRITERS: usize = 64;

fn has_owner(number: usize) -> bool {
    number.is_multiple_of(2)
}

fn is_red(number: usize) -> bool {
    number % 20 == 3
}

/// Whether the ticket with this number is changed while lists are read: half of those have an owner, none is red.
fn changes(number: usize) -> bool {
    matches!(number % 20, 0 | 13)
}

fn ann() -> UserId {
    ANN.parse().expect("an id")
}

fn red() -> Patch<List<sk_tickets_core::model::ticket::Tag, 20>> {
    Patch::Set(List::new(vec!["red".parse().expect("a tag")]).expect("one tag"))
}

async fn make(desk: &Desk, number: usize) -> TicketId {
    let mut create = CreateTicket::new(format!("{number}")).expect("a subject");
    create.owner_id = has_owner(number).then(|| ann().into());
    if is_red(number)
        && let Patch::Set(tags) = red()
    {
        create.tags = tags;
    }
    desk.create_ticket(&fresh_idempotency_key(), create).await.expect("made").value.id
}

/// Makes the tickets from many tasks at once, so that they are committed in groups.
async fn fill(desk: &Desk) -> HashMap<usize, TicketId> {
    let mut makers = JoinSet::new();
    for maker in 0..WRITERS {
        let desk = desk.clone();
        makers.spawn(async move {
            let mut made = Vec::new();
            for number in (maker..TICKETS).step_by(WRITERS) {
                made.push((number, make(&desk, number).await));
            }
            made
        });
    }
    makers.join_all().await.into_iter().flatten().collect()
}

/// Creates, retags and moves tickets, once for each page that somebody has read.
async fn write(desk: Desk, changing: Vec<TicketId>, mut pages: mpsc::UnboundedReceiver<()>) -> usize {
    let mut done = 0;
    while pages.recv().await.is_some() {
        let key = fresh_idempotency_key();
        let id = changing[done / 4 % changing.len()];
        match done % 4 {
            0 => drop(make(&desk, TICKETS + done).await),
            1 => drop(
                desk.update_ticket(&key, id, UpdateTicket { tags: red(), ..UpdateTicket::nothing() })
                    .await
                    .expect("retagged"),
            ),
            2 => drop(desk.assign_ticket(&key, id, AssignTicket::to(ann())).await.expect("assigned")),
            _ => {
                let reason = Some("asked".parse().expect("a reason"));
                let pend = TransitionTicket { reason, ..TransitionTicket::to(Status::Pending) };
                // Those that come round a second time are pending already.
                let _ = desk.transition_ticket(&key, id, pend).await;
            }
        }
        done += 1;
    }
    done
}

/// The ids of a list in the order of its pages, each page told to the writer.
async fn traverse(client: &Client, query: &str, page_read: &mpsc::UnboundedSender<()>) -> Vec<String> {
    let mut ids = Vec::new();
    let mut next = format!("/tickets?limit=7&{query}");
    loop {
        let page = client.get(&next).await.expect(200).json();
        page_read.send(()).expect("a writer");
        let rows = page["data"].as_array().expect("rows");
        assert!(rows.len() == 7 || page["has_more"] == false, "only the last page is not full");
        ids.extend(rows.iter().map(|row| text(row, "id").to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { return ids };
        next = format!("/tickets?limit=7&{query}&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_matches_throughout_is_seen_exactly_once_while_others_write() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = fill(&app.desk()).await;
    assert_eq!(made.len(), TICKETS);
    let changing = made.iter().filter(|(number, _)| changes(**number)).map(|(_, id)| *id).collect();

    let (page_read, pages) = mpsc::unbounded_channel();
    let writer = tokio::spawn(write(app.desk(), changing, pages));
    let of_ann = format!("owner_id={ANN}&status=open&queue=default");
    let mut readers = JoinSet::new();
    for (filter, matches) in [
        ("", (|_| true) as fn(usize) -> bool),
        ("tag=red", is_red),
        ("status=new&status=open&tag=red", is_red),
        ("owner_id=none", |number| !has_owner(number)),
        (&of_ann, has_owner),
    ] {
        for order in ["asc", "desc"] {
            let query = format!("order={order}&{filter}");
            let (client, page_read, unfiltered) = (admin.clone(), page_read.clone(), filter.is_empty());
            readers
                .spawn(async move { (traverse(&client, &query, &page_read).await, query, matches, order, unfiltered) });
        }
    }
    drop(page_read);
    let read = readers.join_all().await;
    assert!(writer.await.unwrap() > 100, "others have written meanwhile");

    for (seen, query, matches, order, unfiltered) in read {
        let distinct: HashSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{query}: nothing twice");
        assert!(seen.is_sorted_by(|a, b| if order == "asc" { a < b } else { a > b }), "{query}: in order");
        for (number, id) in made.iter().filter(|(number, _)| matches(**number)) {
            // A ticket that came to match or ceased to may be seen or not; one that is only changed is seen.
            if unfiltered || !changes(*number) {
                assert!(distinct.contains(&id.to_string()), "{query}: {number} is missing");
            }
        }
        for (number, id) in made.iter().filter(|(number, _)| !matches(**number) && !changes(**number)) {
            assert!(!distinct.contains(&id.to_string()), "{query}: {number} does not match");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_of_the_feed_misses_nothing_while_others_write() {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let app = TestApp::start().await;
    let admin = Arc::new(app.admin().await);
    let follow = async |cursor: Option<String>| -> Value {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = admin.get(&format!("/events?order=asc&limit=7{cursor}")).await.expect(200).json();
        assert!(page["next_cursor"].is_string(), "a follower always has where to go on from: {page}");
        page
    };
    let empty = follow(None).await;
    assert_eq!((&empty["data"], &empty["has_more"]), (&json!([]), &json!(false)));

    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let desk = app.desk();
        writers.spawn(async move {
            for number in 0..EACH {
                // Three events each.
                let mut create = CreateTicket::new(format!("{writer} {number}")).expect("a subject");
                create.owner_id = Some(ann().into());
                desk.create_ticket(&fresh_idempotency_key(), create).await.expect("made");
            }
        });
    }
    let mut seen = Vec::new();
    let mut cursor = text(&empty, "next_cursor").to_owned();
    loop {
        // Asked before the page is read: what was written by then is on it, or after it.
        let all_written = writers.try_join_next().is_none() && writers.is_empty();
        let page = follow(Some(cursor)).await;
        seen.extend(page["data"].as_array().unwrap().iter().map(|event| text(event, "id").to_owned()));
        cursor = text(&page, "next_cursor").to_owned();
        if all_written && page["has_more"] == false {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.len(), WRITERS * EACH * 3);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "nothing twice");
    let at_the_end = follow(Some(cursor.clone())).await;
    assert_eq!((&at_the_end["data"], text(&at_the_end, "next_cursor")), (&json!([]), cursor.as_str()));

    admin.ticket(json!({"subject": "One more"})).await;
    let more = follow(Some(cursor)).await;
    assert_eq!(more["data"][0]["data"]["ticket"]["subject"], "One more");
    // The other way round the feed ends.
    let newest = admin.get("/events?limit=1").await.expect(200).json();
    assert_eq!(newest["data"][0], more["data"][0]);
}
