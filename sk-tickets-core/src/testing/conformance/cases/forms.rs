//! Forms: made, changed, listed, found by who has no key, and what is sent with them.

use super::super::fixture::{Fixture, key, user};
use crate::{
    form::{Nonce, SentFields, Submission, Submitted},
    limits::FORMS_MAX,
    model::{
        contact::ContactFilter,
        evidence::{Evidence, EvidenceKind},
        form::{Color, CreateForm, Font, Form, FormTopic, Locale, NewFormTopic, Theme, ThemePatch, UpdateForm},
        id::FormId,
        page::{Order, PageRequest},
        queue::CreateQueue,
        ticket::{Priority, Source, Status, TicketFilter},
    },
    platform::{
        input::{Change, Patch},
        origin::Origin,
        text::List,
    },
    store::{Commit, CommitOutcome, Effect, FormChange},
};

fn form(name: &str) -> CreateForm {
    CreateForm::new(name).expect("lawful")
}

fn offers<const MAX: usize>(topics: &[(&str, &str)]) -> List<NewFormTopic, MAX> {
    let offer = |(key, label): &(&str, &str)| NewFormTopic {
        key: key.parse().expect("lawful"),
        label: label.parse().expect("lawful"),
    };
    List::new(topics.iter().map(offer).collect()).expect("few enough")
}

async fn make(fixture: &Fixture, form: CreateForm) -> Form {
    fixture.tick();
    let name = format!("form {}", form.name);
    fixture.desk.create_form(&key(&name), form).await.expect("made").value
}

/// Field by field; not in another realm.
pub async fn a_form_is_made_and_changed(fixture: &Fixture) {
    let origins = ["https://shop.example", "http://localhost:5000", "HTTPS://Shop.Example:443"];
    let theme = ThemePatch {
        accent: Patch::Set("#0B6E4F".parse().expect("lawful")),
        radius: Patch::Set(8.try_into().expect("lawful")),
        font: Patch::Set(Font::Serif),
        ..ThemePatch::nothing()
    };
    let full = CreateForm {
        topics: offers(&[("delivery", "Wo ist meine 'Ünïcode' ✓ Bestellung?"), ("invoice", "\"Rechnung\" \\ 1")]),
        allowed_origins: List::new(origins.map(|origin| origin.parse().expect("lawful")).into()).expect("few enough"),
        locale: Some(Locale::De),
        theme: Some(theme),
        ..form("Fragen? 多字节 \u{1F600}")
    };
    let made = make(fixture, full).await;
    let origins: Vec<_> = made.allowed_origins.iter().map(Origin::as_str).collect();
    assert_eq!(origins, ["https://shop.example", "http://localhost:5000"], "each once, in the order given");
    let theme = Theme {
        accent: Some(Color::of(0x0B, 0x6E, 0x4F)),
        radius: Some(8),
        font: Some(Font::Serif),
        ..Theme::default()
    };
    assert_eq!((made.locale, made.theme, made.created_at), (Locale::De, theme, fixture.tickets.now()));
    let read = async || fixture.desk.form(made.id).await.expect("read").expect("there");
    assert_eq!(read().await, made);
    assert_eq!(fixture.decoy.form(made.id).await.expect("read"), None);

    fixture.tick();
    let change = UpdateForm {
        name: Change(Some("Contact us".parse().expect("lawful"))),
        topics: Patch::Set(offers(&[("invoice", "An invoice")])),
        theme: Patch::Set(ThemePatch { accent: Patch::Clear, ..ThemePatch::nothing() }),
        ..UpdateForm::nothing()
    };
    let changed = fixture.desk.update_form(&key("change"), made.id, change.clone()).await.expect("changed").value;
    let expected = Form {
        name: "Contact us".to_owned(),
        topics: vec![FormTopic { key: "invoice".to_owned(), label: "An invoice".to_owned() }],
        theme: Theme { accent: None, ..theme },
        ..made.clone()
    };
    assert_eq!((&changed, &read().await), (&expected, &expected));

    let stolen = fixture.decoy.update_form(&key("steal"), made.id, change).await;
    assert!(stolen.expect_err("refused").is_not_found());
    assert_eq!(read().await, expected);

    let bare = UpdateForm {
        topics: Patch::Clear,
        allowed_origins: Patch::Clear,
        locale: Change(Some(Locale::En)),
        theme: Patch::Clear,
        ..UpdateForm::nothing()
    };
    fixture.desk.update_form(&key("bare"), made.id, bare).await.expect("changed");
    let (topics, allowed_origins, locale, theme) = (Vec::new(), Vec::new(), Locale::En, Theme::default());
    assert_eq!(read().await, Form { topics, allowed_origins, locale, theme, ..expected });
}

/// Decided on what is no longer so: nothing is written.
pub async fn a_stale_change_of_a_form_writes_nothing(fixture: &Fixture) {
    let one = make(fixture, form("One")).await;
    let realm = fixture.desk.realm();
    let commit = |change| {
        let effect = Effect::Form(Box::new(change));
        fixture.store.commit(Commit::new(realm.clone(), fixture.tickets.now(), None, effect))
    };
    let other = Form { name: "Other".to_owned(), ..one.clone() };
    let new = Form { id: FormId::from_bytes([9; 16]), ..one.clone() };
    for change in [
        FormChange::Create { form: other.clone(), others: 1 },
        FormChange::Create { form: new.clone(), others: 0 },
        FormChange::Create { form: new.clone(), others: 2 },
        FormChange::Update { before: other.clone(), after: one.clone() },
        FormChange::Update { before: new.clone(), after: new.clone() },
    ] {
        assert_eq!(commit(change.clone()).await.expect("answered"), CommitOutcome::Stale, "{change:?}");
    }
    let listed = async || fixture.desk.forms(&PageRequest::first()).await.expect("read").data;
    assert_eq!(listed().await, std::slice::from_ref(&one));
    let change = FormChange::Update { before: one, after: other.clone() };
    assert_eq!(commit(change).await.expect("answered"), CommitOutcome::Applied);
    assert_eq!(
        commit(FormChange::Create { form: new.clone(), others: 1 }).await.expect("answered"),
        CommitOutcome::Applied
    );
    assert_eq!(listed().await, [new, other]);
}

/// In the order of ids.
pub async fn forms_are_listed(fixture: &Fixture) {
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(make(fixture, form(&format!("form {number}"))).await);
    }
    let list = async |order| {
        let mut listed = Vec::new();
        let mut page = PageRequest::first().limit(2).order(order);
        loop {
            let read = fixture.desk.forms(&page).await.expect("read");
            listed.extend(read.data);
            let Some(cursor) = read.next_cursor else { break listed };
            page = PageRequest::first().limit(2).order(order).after(cursor);
        }
    };
    assert_eq!(list(Order::Asc).await, made);
    made.reverse();
    assert_eq!(list(Order::Desc).await, made);
    assert!(fixture.decoy.forms(&PageRequest::first()).await.expect("read").data.is_empty());
}

/// There is an end to it, also where many make the last ones at once.
pub async fn a_realm_has_no_more_forms_than_allowed(fixture: &Fixture) {
    for number in 0..FORMS_MAX - 3 {
        make(fixture, form(&format!("form {number}"))).await;
    }
    let calls: Vec<_> = (0..8)
        .map(|number| {
            let desk = fixture.node(100 + number).desk(fixture.desk.realm().clone());
            tokio::spawn(async move { desk.create_form(&key(&format!("last {number}")), form("Last")).await })
        })
        .collect();
    let mut made = 0;
    for call in calls {
        match call.await.expect("no panic") {
            Ok(_) => made += 1,
            Err(error) => assert_eq!(error.code(), "form_limit_reached"),
        }
    }
    assert_eq!(made, 3);
    fixture.decoy.create_form(&key("theirs"), form("Theirs")).await.expect("another realm has room");
}

/// By its whole id, whosever it is; and by nothing else.
pub async fn a_form_is_found_by_its_id_alone(fixture: &Fixture) {
    let mine = make(fixture, form("Mine")).await;
    fixture.tick();
    let theirs = fixture.decoy.create_form(&key("theirs"), form("Theirs")).await.expect("made").value;
    for (desk, form) in [(&fixture.desk, &mine), (&fixture.decoy, &theirs)] {
        let found = fixture.store.public_form(form.id).await.expect("read");
        assert_eq!(found, Some((desk.realm().clone(), form.clone())));
        let door = fixture.tickets.form(form.id).await.expect("read").expect("there");
        assert_eq!(door.form(), form);
    }
    for number in [u128::from_be_bytes(mine.id.to_bytes()) ^ 1, 0, u128::MAX] {
        let id = FormId::from_bytes(number.to_be_bytes());
        assert_eq!(fixture.store.public_form(id).await.expect("read"), None);
        assert!(fixture.tickets.form(id).await.expect("read").is_none());
    }
}

/// An id that another realm has is taken, since it alone leads to the form.
pub async fn no_two_realms_have_one_form(fixture: &Fixture) {
    let mine = make(fixture, form("Mine")).await;
    let twin = Form { name: "Twin".to_owned(), ..mine.clone() };
    let create = |form: &Form| {
        let effect = Effect::Form(Box::new(FormChange::Create { form: form.clone(), others: 0 }));
        fixture.store.commit(Commit::new(fixture.decoy.realm().clone(), fixture.tickets.now(), None, effect))
    };
    assert_eq!(create(&twin).await.expect("answered"), CommitOutcome::Stale);
    assert_eq!(fixture.decoy.form(mine.id).await.expect("read"), None);
    let found = fixture.store.public_form(mine.id).await.expect("read");
    assert_eq!(found, Some((fixture.desk.realm().clone(), mine)));
    let other = Form { id: FormId::from_bytes([9; 16]), ..twin };
    assert_eq!(create(&other).await.expect("answered"), CommitOutcome::Applied);

    // Two nodes that draw the same ids: the second one draws again.
    fixture.tick();
    let [one, two] = [&fixture.desk, &fixture.decoy].map(|desk| fixture.node(7).desk(desk.realm().clone()));
    let one = one.create_form(&key("one"), form("One")).await.expect("made").value;
    let two = two.create_form(&key("two"), form("Two")).await.expect("made").value;
    assert_ne!(one.id, two.id);
}

/// With the queue, the owner and the priority of its topic, evidence of where it came from, and whom it is about.
pub async fn a_submission_is_a_ticket_at_once(fixture: &Fixture) {
    let queue = CreateQueue {
        topics: List::new(["invoice", "secret"].map(|topic| topic.parse().expect("lawful")).into())
            .expect("few enough"),
        default_owner_id: Some(user(1).into()),
        default_priority: Some(Priority::High),
        ..CreateQueue::new("billing".parse().expect("lawful"))
    };
    fixture.desk.create_queue(&key("queue"), queue).await.expect("made");
    let made = make(fixture, CreateForm { topics: offers(&[("invoice", "An invoice")]), ..form("Help") }).await;
    let door = fixture.tickets.form(made.id).await.expect("read").expect("there");
    let sent = |topic| {
        let sent =
            SentFields { name: "Ann", email: "Ann@Example.com", topic, subject: "Late", message: "Where\r\nis it?" };
        Submission::read(&sent).expect("lawful")
    };
    let submit = async |number, topic| {
        fixture.tick();
        match door.submit(Nonce::from_bytes([number; 16]), sent(topic)).await.expect("answered") {
            Submitted::Made(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    };

    let routed = submit(1, "invoice").await;
    assert_eq!((routed.queue.as_str(), routed.topic.as_deref()), ("billing", Some("invoice")));
    assert_eq!((routed.owner_id, routed.priority), (Some(user(1).into()), Priority::High));
    assert_eq!((routed.status, routed.source), (Status::Open, Source::Form));
    let read = fixture.desk.ticket(routed.id).await.expect("read").expect("there").ticket;
    assert_eq!(read, routed, "it is in the form's realm");
    let thread = fixture.desk.thread(routed.id, &PageRequest::first()).await.expect("read").expect("there").data;
    assert_eq!(thread[0].body.as_deref(), Some("Where\nis it?"));
    assert_eq!(thread[0].evidence, [Evidence::new(EvidenceKind::Form, made.id.to_string())]);

    // Unknown, or not for strangers to choose: the default queue.
    for (number, topic) in [(2, "unknown"), (3, "secret"), (4, "")] {
        let ticket = submit(number, topic).await;
        assert_eq!((ticket.queue.as_str(), ticket.owner_id, ticket.status), ("default", None, Status::New), "{topic}");
        assert_eq!(ticket.topic.as_deref().unwrap_or_default(), topic);
        assert_eq!(ticket.contact_id, routed.contact_id, "the contact is found again");
    }
    let contacts = fixture.desk.contacts(&ContactFilter::default(), &PageRequest::first()).await.expect("read").data;
    let [contact] = &contacts[..] else { panic!("{contacts:?}") };
    assert_eq!((contact.name.as_deref(), contact.email.as_deref()), (Some("Ann"), Some("ann@example.com")));
}

/// A double click, at once or later, on whatever node; and something else under the same nonce.
pub async fn what_is_sent_twice_is_one_ticket(fixture: &Fixture) {
    let id = make(fixture, form("Help")).await.id;
    let (here, there) = (fixture.tickets.form(id).await, fixture.node(9).form(id).await);
    let [here, there] = [here, there].map(|door| door.expect("read").expect("there"));
    let nonce = Nonce::from_bytes([1; 16]);
    let sent = |message| {
        let sent = SentFields { email: "ann@example.com", subject: "Late", message, ..SentFields::default() };
        Submission::read(&sent).expect("lawful")
    };
    let calls: Vec<_> = [&here, &there, &here, &there]
        .into_iter()
        .map(|door| {
            let (door, submission) = (door.clone(), sent("Where is it?"));
            tokio::spawn(async move { door.submit(nonce, submission).await })
        })
        .collect();
    let (mut made, mut replayed) = (Vec::new(), Vec::new());
    for call in calls {
        match call.await.expect("no panic").expect("answered") {
            Submitted::Made(ticket) => made.push(ticket),
            Submitted::Replayed(ticket) => replayed.push(ticket),
            Submitted::AlreadySent(ticket) => panic!("{ticket:?}"),
        }
    }
    let [ticket] = &made[..] else { panic!("{made:?}") };
    assert!(replayed.len() == 3 && replayed.iter().all(|other| other == ticket), "{replayed:?}");

    let other = there.submit(nonce, sent("Never mind")).await.expect("answered");
    assert_eq!(other, Submitted::AlreadySent(ticket.clone()));
    let all = fixture.desk.tickets(&TicketFilter::ALL, &PageRequest::first()).await.expect("read").data;
    assert_eq!(all.len(), 1);

    // A nonce belongs to its form.
    let second = make(fixture, form("Another")).await.id;
    let second = fixture.tickets.form(second).await.expect("read").expect("there");
    assert!(matches!(second.submit(nonce, sent("Where is it?")).await, Ok(Submitted::Made(_))));

    // And the link that its sender got shows it, by whatever node, but not as one of another form's.
    let token = here.status_token(ticket);
    assert_eq!(there.status_token(ticket), token);
    let shown = there.ticket_by_status_token(&token).await.expect("read").expect("there");
    assert_eq!(shown.ticket, *ticket);
    assert_eq!(second.ticket_by_status_token(&token).await.expect("read"), None);
}
