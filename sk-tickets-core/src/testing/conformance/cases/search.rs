//! Search, by way of a desk.

use std::collections::BTreeSet;

use super::super::fixture::{Fixture, key, user};
use crate::{
    model::{
        evidence::{Evidence, EvidenceKind},
        id::{ContactId, TicketId},
        page::{Order, PageRequest},
        redaction::RedactEntry,
        search::SearchQuery,
        thread::PostEntry,
        ticket::{
            AssignTicket, CreateTicket, OwnerFilter, Priority, Source, Status, TicketFilter, TransitionTicket,
            UpdateTicket,
        },
    },
    platform::{
        input::{Change, Patch},
        text::List,
    },
    store::PageSpec,
};

fn query(text: &str) -> SearchQuery {
    text.parse().expect("a lawful query")
}

async fn make(fixture: &Fixture, create: CreateTicket) -> TicketId {
    fixture.tick();
    fixture.desk.create_ticket(&key(&fixture.tickets.now().to_string()), create).await.expect("made").value.id
}

fn create(subject: &str, body: &str) -> CreateTicket {
    let body = (!body.is_empty()).then(|| body.parse().expect("lawful"));
    CreateTicket { body, ..CreateTicket::new(subject).expect("lawful") }
}

/// What is found, the newest first.
async fn found_with(fixture: &Fixture, text: &str, filter: &TicketFilter) -> Vec<TicketId> {
    let page = PageRequest::first().limit(100);
    let page = fixture.desk.search_tickets(&query(text), filter, &page).await.expect("a page");
    page.data.iter().map(|ticket| ticket.id).collect()
}

async fn found(fixture: &Fixture, text: &str) -> Vec<TicketId> {
    found_with(fixture, text, &TicketFilter::ALL).await
}

/// Wherever they occur: the subject, messages, notes, labels, resolution notes; together or not.
pub async fn every_word_of_a_query_occurs(fixture: &Fixture) {
    let labelled =
        Evidence { label: Some("Photo of the gearbox".to_owned()), ..Evidence::new(EvidenceKind::File, URL) };
    let evidence = List::new(vec![labelled]).expect("few enough");
    let full = make(fixture, CreateTicket { evidence, ..create("Part delayed", "Where is my order?") }).await;
    let other = make(fixture, create("Another part", "It is broken, and not delayed.")).await;
    let note = PostEntry::note("Supplier says: Friday".parse().expect("lawful"));
    fixture.desk.post_to_thread(&key("note"), full, note).await.expect("posted");
    let resolve = TransitionTicket {
        owner_id: Some(user(1).into()),
        resolution_note: Some("Shipped by courier".parse().expect("lawful")),
        reason: Some("unfindable".parse().expect("lawful")),
        ..TransitionTicket::to(Status::Resolved)
    };
    fixture.desk.transition_ticket(&key("resolve"), full, resolve).await.expect("resolved");
    // A reopen clears the note on the ticket; in the thread it stays.
    let reopen = PostEntry {
        actor_id: Some(ContactId::from_bytes([4; 16]).into()),
        ..PostEntry::message("Again".parse().expect("lawful"))
    };
    fixture.desk.post_to_thread(&key("reopen"), full, reopen).await.expect("posted");

    assert_eq!(found(fixture, "part").await, [other, full]);
    assert_eq!(found(fixture, "delayed part").await, [other, full]);
    for text in
        ["ORDER", "gearbox photo", "supplier, friday", "courier", "again delayed part order courier friday gearbox"]
    {
        assert_eq!(found(fixture, text).await, [full], "{text}");
    }
    for text in ["par", "parts", "part unheard", "broken order", "unfindable", "assigned", "example"] {
        assert_eq!(found(fixture, text).await, [], "{text}");
    }
}

const URL: &str = "https://example.com/a.png";

/// In any case, composed or not; scripts without spaces by their characters.
pub async fn words_are_found_in_any_script_and_form(fixture: &Fixture) {
    for (subject, searches) in [
        ("Straße in İstanbul", &["STRASSE", "strasse", "istanbul", "İSTANBUL straße"][..]),
        ("Ünïcode 😀 U\u{308}bung", &["ünïcode", "U\u{308}NI\u{308}CODE", "😀 übung"]),
        ("部件延迟了", &["延迟", "部件", "了"]),
        ("ชิ้นส่วนล่าช้า", &["ชิ้นส่วน", "ล่าช้า"]),
        ("Заказ задержан", &["ЗАКАЗ"]),
        ("ＡＢＣ ﬁle o'clock", &["abc", "FILE", "o’clock"]),
        ("ann.smith@example.com", &["smith@example.com", "ann"]),
        ("'; DROP TABLE tickets; -- % _ \\", &["drop table", "%tickets%"]),
    ] {
        let id = make(fixture, create(subject, "")).await;
        for text in searches {
            assert_eq!(found(fixture, text).await, [id], "{text} in {subject}");
        }
    }
    assert_eq!(found(fixture, "unicode").await, [], "an accent tells words apart");
    let long = make(fixture, create("long", &"x".repeat(300))).await;
    assert_eq!(found(fixture, &"X".repeat(100)).await, [long], "of a long word the beginning is compared");
}

/// The last text with a word goes: so does the word. As long as there is another, it stays.
pub async fn a_new_subject_is_found_and_the_old_one_no_longer(fixture: &Fixture) {
    let id = make(fixture, create("Red part delayed, delayed", "The part is red")).await;
    let rename = async |name: &str, subject: &str| {
        let update =
            UpdateTicket { subject: Change(Some(subject.parse().expect("lawful"))), ..UpdateTicket::nothing() };
        fixture.desk.update_ticket(&key(name), id, update).await.expect("updated");
    };
    rename("first", "Blue part missing").await;
    assert_eq!(found(fixture, "delayed").await, []);
    for text in ["blue", "missing", "part", "red"] {
        assert_eq!(found(fixture, text).await, [id], "{text}");
    }
    rename("second", "Red part delayed").await;
    assert_eq!(found(fixture, "blue").await, []);
    assert_eq!(found(fixture, "red delayed").await, [id]);
    for number in 0..3 {
        let note = PostEntry::note("delayed".parse().expect("lawful"));
        fixture.desk.post_to_thread(&key(&format!("note {number}")), id, note).await.expect("posted");
    }
    rename("third", "Anything").await;
    assert_eq!(found(fixture, "delayed the part is red anything").await, [id]);
}

/// Its words go with it, but for those that other texts have too.
pub async fn a_redacted_text_is_no_longer_found(fixture: &Fixture) {
    let id = make(fixture, create("Card refused", "My card is 4111")).await;
    let note = PostEntry::note("Called about the 4111 card: expired".parse().expect("lawful"));
    let note = fixture.desk.post_to_thread(&key("note"), id, note).await.expect("posted").value;
    let redact = |reason: &str| RedactEntry { reason: reason.parse().expect("lawful"), actor_id: None };
    fixture.desk.redact_entry(&key("one"), id, note.id, redact("private")).await.expect("redacted");
    for text in ["called", "expired", "about", "private"] {
        assert_eq!(found(fixture, text).await, [], "{text}");
    }
    assert_eq!(found(fixture, "4111 card refused redacted").await, [id]);
    let thread = fixture.desk.thread(id, &PageRequest::first()).await.expect("read").expect("there");
    fixture.desk.redact_entry(&key("two"), id, thread.data[0].id, redact("private")).await.expect("redacted");
    assert_eq!(found(fixture, "4111").await, []);
    assert_eq!(found(fixture, "card refused").await, [id]);
}

/// A text has more words than are kept: the first can be found.
pub async fn of_a_text_with_many_words_the_first_are_found(fixture: &Fixture) {
    let body: String = (0..5_000).map(|number| format!("word{number} ")).collect();
    let id = make(fixture, create("many", &body)).await;
    assert_eq!(found(fixture, "many word0 word999").await, [id]);
    assert_eq!(found(fixture, "word4999").await, []);
}

/// Whose ids are the same.
pub async fn a_search_stays_in_its_realm(fixture: &Fixture) {
    let mine = fixture.ticket("mine alone").await;
    assert_eq!(found(fixture, "mine").await, [mine.id]);
    assert_eq!(found(fixture, "decoy").await, []);
    let theirs = fixture.decoy.search_tickets(&query("decoy mine"), &TicketFilter::ALL, &PageRequest::first()).await;
    assert_eq!(theirs.expect("a page").data[0].subject, "decoy of mine alone");
    let stranger = fixture.tickets.desk(crate::platform::realm::Realm::assume(
        "nobody".parse().expect("lawful"),
        crate::platform::realm::Environment::Test,
    ));
    let page =
        stranger.search_tickets(&query("mine"), &TicketFilter::ALL, &PageRequest::first()).await.expect("a page");
    assert!(page.data.is_empty() && page.next_cursor.is_none());
}

/// Each filter by itself and all together, with words that few tickets have and with words that many have.
pub async fn a_search_heeds_every_filter(fixture: &Fixture) {
    let contact = ContactId::from_bytes([9; 16]);
    let plain = make(fixture, create("common rare", "plain")).await;
    let special = CreateTicket {
        contact_id: Some(contact),
        source: Some(Source::Voice),
        topic: Some("billing".parse().expect("lawful")),
        priority: Some(Priority::Urgent),
        owner_id: Some(user(1).into()),
        tags: List::new(vec!["vip".parse().expect("lawful")]).expect("lawful"),
        ..create("common rare", "special")
    };
    let special = make(fixture, special).await;
    let made_at = fixture.tickets.now();
    let others = CreateTicket {
        contact_id: Some(contact),
        tags: List::new(vec!["vip".parse().expect("lawful")]).expect("lawful"),
        ..create("rare", "special")
    };
    make(fixture, CreateTicket { subject: "unrelated".parse().expect("lawful"), ..others }).await;
    // More than a store will count.
    for number in 0..300 {
        make(fixture, create("common", &format!("filler {number}"))).await;
    }

    let all = TicketFilter::ALL;
    let filters = [
        TicketFilter { status: vec![Status::Open], ..all.clone() },
        TicketFilter { status: vec![Status::Open, Status::Closed], ..all.clone() },
        TicketFilter { owner: Some(OwnerFilter::Owner(user(1).into())), ..all.clone() },
        TicketFilter { contact_id: Some(contact), ..all.clone() },
        TicketFilter { topic: Some("billing".to_owned()), ..all.clone() },
        TicketFilter { priority: Some(Priority::Urgent), ..all.clone() },
        TicketFilter { tag: Some("vip".to_owned()), ..all.clone() },
        TicketFilter { source: Some(Source::Voice), ..all.clone() },
        TicketFilter {
            created_after: Some(made_at),
            created_before: Some(made_at + std::time::Duration::from_millis(1)),
            ..all.clone()
        },
        TicketFilter {
            status: vec![Status::Open],
            queue: Some("default".to_owned()),
            owner: Some(OwnerFilter::Owner(user(1).into())),
            contact_id: Some(contact),
            topic: Some("billing".to_owned()),
            priority: Some(Priority::Urgent),
            tag: Some("vip".to_owned()),
            source: Some(Source::Voice),
            created_after: Some(made_at),
            created_before: None,
        },
    ];
    for filter in filters {
        for text in ["common", "rare common", "special"] {
            let found = found_with(fixture, text, &filter).await;
            let expected = if text == "special" { found.contains(&special) } else { found == [special] };
            assert!(expected, "{text} {filter:?} {found:?}");
        }
    }
    let nobodys = TicketFilter { owner: Some(OwnerFilter::Nobody), ..all.clone() };
    assert_eq!(found_with(fixture, "rare plain", &nobodys).await, [plain]);
    let open = TicketFilter { status: vec![Status::New, Status::Open], ..all.clone() };
    assert_eq!(found_with(fixture, "rare common", &open).await, [special, plain]);
    assert_eq!(found_with(fixture, "common", &open).await.len(), 100);
    let elsewhere = TicketFilter { queue: Some("other".to_owned()), ..all };
    assert_eq!(found_with(fixture, "common", &elsewhere).await, []);
}

/// Both orders; strictly after a key; through many pages of a word that many tickets have, among others that do not.
pub async fn pages_of_a_search_are_in_order(fixture: &Fixture) {
    let mut made = Vec::new();
    // More than a block has, where a store has blocks.
    for number in 0..1_100_u32 {
        let subject = if number % 3 == 0 { format!("wanted {number}") } else { format!("other {number}") };
        let id = make(fixture, create(&subject, "")).await;
        if number % 3 == 0 {
            made.push(id);
        }
    }
    for order in [Order::Asc, Order::Desc] {
        let mut seen = Vec::new();
        let mut page = PageRequest::first().limit(7).order(order);
        loop {
            let found = fixture.desk.search_tickets(&query("wanted"), &TicketFilter::ALL, &page).await.expect("a page");
            assert_eq!(found.has_more, found.next_cursor.is_some());
            seen.extend(found.data.iter().map(|ticket| ticket.id));
            let Some(cursor) = found.next_cursor else { break };
            page = page.after(cursor);
        }
        if order == Order::Desc {
            seen.reverse();
        }
        assert_eq!(seen, made);
    }
    let realm = fixture.desk.realm();
    let page = async |after, order| {
        let spec = PageSpec { after: Some(after), order, limit: 2 };
        let query = query("wanted");
        let found = fixture.store.ticket_search(realm, &query, &TicketFilter::ALL, spec).await.expect("a page");
        found.iter().map(|ticket| ticket.id).collect::<Vec<_>>()
    };
    let (first, last) = (made[0], made[made.len() - 1]);
    assert_eq!(page(first, Order::Asc).await, made[1..3]);
    assert_eq!(page(last, Order::Asc).await, []);
    assert_eq!(page(first, Order::Desc).await, []);
    let between = TicketId::from_bytes((u128::from_be_bytes(made[3].to_bytes()) - 1).to_be_bytes());
    assert_eq!(page(between, Order::Asc).await, made[3..5]);
    assert_eq!(page(between, Order::Desc).await, [made[2], made[1]]);
}

/// Every ticket that is found from first to last is given exactly once, in both orders, while others are made, are found
/// no longer, or are found all of a sudden.
pub async fn a_search_under_writes_gives_each_row_once(fixture: &Fixture) {
    const COUNT: usize = 90;
    let mut made = Vec::new();
    for number in 0..COUNT {
        made.push(make(fixture, create(&format!("wanted {number}"), "")).await);
    }
    let rename = async |name: &str, id, subject: &str| {
        let update = UpdateTicket {
            subject: Change(Some(subject.parse().expect("lawful"))),
            tags: Patch::Set(List::new(vec![name.parse().expect("lawful")]).expect("lawful")),
            ..UpdateTicket::nothing()
        };
        fixture.desk.update_ticket(&key(name), id, update).await.expect("updated");
    };
    let mut fickle = BTreeSet::new();
    for order in [Order::Asc, Order::Desc] {
        let mut seen = Vec::new();
        let mut request = PageRequest::first().limit(7).order(order);
        let mut step = 0;
        loop {
            let page =
                fixture.desk.search_tickets(&query("wanted"), &TicketFilter::ALL, &request).await.expect("a page");
            seen.extend(page.data.iter().map(|ticket| ticket.id));
            let Some(cursor) = page.next_cursor else { break };
            request = request.after(cursor);

            step += 1;
            make(fixture, create(&format!("wanted {order} {step}"), "")).await;
            let take = AssignTicket::to(user(1));
            fixture.desk.assign_ticket(&key(&format!("{order} {step} take")), seen[0], take).await.expect("assigned");
            let changed = made[(step * 5) % COUNT];
            fickle.insert(changed);
            rename(&format!("{order} {step} away"), changed, "gone").await;
            rename(&format!("{order} {step} back"), made[(step * 5 + 35) % COUNT], "wanted again").await;
        }
        let distinct: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "no row twice");
        let faithful: BTreeSet<_> = made.iter().copied().filter(|id| !fickle.contains(id)).collect();
        assert!(faithful.is_subset(&distinct), "no row left out");
    }
}

/// To go on with another query, or without one, is to go on with another list.
pub async fn a_cursor_of_a_search_is_bound_to_its_words(fixture: &Fixture) {
    for number in 0..3 {
        make(fixture, create(&format!("wanted part {number}"), "")).await;
    }
    let all = TicketFilter::ALL;
    let first = PageRequest::first().limit(1);
    let cursor = fixture.desk.search_tickets(&query("wanted part"), &all, &first).await.expect("a page").next_cursor;
    let next = first.clone().after(cursor.expect("there is more"));
    let same = fixture.desk.search_tickets(&query("Part, WANTED"), &all, &next).await.expect("the same words");
    assert_eq!(same.data.len(), 1);
    let other = fixture.desk.search_tickets(&query("wanted"), &all, &next).await.expect_err("other words");
    assert_eq!(other.code(), "cursor_filter_mismatch");
    assert_eq!(fixture.desk.tickets(&all, &next).await.expect_err("no words").code(), "cursor_filter_mismatch");
}
