//! Contacts: made, changed, found, and no two with one address.

use super::super::fixture::{Fixture, key};
use crate::{
    model::{
        contact::{Contact, ContactFilter, CreateContact, InlineContact, UpdateContact},
        id::ContactId,
        page::{Order, PageRequest},
        ticket::CreateTicket,
    },
    platform::input::Patch,
    store::{Commit, CommitOutcome, ContactChange, Effect},
};

const NOBODY: CreateContact = CreateContact { id: None, name: None, email: None, phone: None };
const NOTHING: UpdateContact = UpdateContact { name: Patch::Keep, email: Patch::Keep, phone: Patch::Keep };

fn by_email(email: &str) -> CreateContact {
    CreateContact { email: Some(email.parse().expect("lawful")), ..NOBODY }
}

fn by_phone(phone: &str) -> CreateContact {
    CreateContact { phone: Some(phone.parse().expect("lawful")), ..NOBODY }
}

async fn make(fixture: &Fixture, name: &str, contact: CreateContact) -> Contact {
    fixture.tick();
    fixture.desk.create_contact(&key(name), contact).await.expect("made").value
}

async fn refused(fixture: &Fixture, name: &str, contact: CreateContact) -> String {
    fixture.desk.create_contact(&key(name), contact).await.expect_err("refused").code().to_owned()
}

/// Field by field; not in another realm.
pub async fn a_contact_is_made_and_changed(fixture: &Fixture) {
    let full = CreateContact {
        name: Some("Ann 'Ünïcode' ✓".parse().expect("lawful")),
        phone: Some("+4930123456".parse().expect("lawful")),
        ..by_email("Ann@Example.com")
    };
    let made = make(fixture, "ann", full).await;
    assert_eq!(made.email.as_deref(), Some("ann@example.com"));
    assert_eq!(made.created_at, fixture.tickets.now());
    let read = async || fixture.desk.contact(made.id).await.expect("read");
    assert_eq!(read().await.as_ref(), Some(&made));
    assert_eq!(fixture.decoy.contact(made.id).await.expect("read"), None);

    let change =
        UpdateContact { name: Patch::Clear, phone: Patch::Set("+4930654321".parse().expect("lawful")), ..NOTHING };
    let changed = fixture.desk.update_contact(&key("change"), made.id, change).await.expect("changed").value;
    let expected = Contact { name: None, phone: Some("+4930654321".to_owned()), ..made.clone() };
    assert_eq!(changed, expected);
    assert_eq!(read().await, Some(expected));
    let unknown = fixture.decoy.update_contact(&key("theirs"), made.id, NOTHING).await.expect_err("not there");
    assert!(unknown.is_not_found());
}

/// A reference to another system's contact gets an address; asked for again, it is changed.
pub async fn an_id_of_another_system_is_taken_as_it_is(fixture: &Fixture) {
    let id = ContactId::from_bytes([7; 16]);
    let named = |contact| CreateContact { id: Some(id), ..contact };
    let made = make(fixture, "first", named(by_email("ann@example.com"))).await;
    assert_eq!(made.id, id);
    let again = make(fixture, "second", named(by_phone("+4930123456"))).await;
    assert_eq!(again, Contact { phone: Some("+4930123456".to_owned()), ..made });
    assert_eq!(fixture.desk.contact(id).await.expect("read"), Some(again));
}

/// However it would come about.
pub async fn no_two_contacts_have_one_handle(fixture: &Fixture) {
    let ann = make(fixture, "ann", by_email("ann@example.com")).await;
    let bob = make(fixture, "bob", by_phone("+4930123456")).await;
    assert_eq!(refused(fixture, "ann again", by_email("ANN@example.com")).await, "contact_exists");
    assert_eq!(refused(fixture, "bob again", by_phone("+49 30 123456")).await, "contact_exists");
    // A number may be shared with somebody who is found by an address.
    let shared = CreateContact { phone: by_phone("+4930123456").phone, ..by_email("eve@example.com") };
    let eve = make(fixture, "eve", shared).await;

    let to_ann = UpdateContact { email: Patch::Set("ann@example.com".parse().expect("lawful")), ..NOTHING };
    let error = fixture.desk.update_contact(&key("steal"), bob.id, to_ann.clone()).await.expect_err("refused");
    assert_eq!(error.code(), "contact_exists");
    let bare = UpdateContact { email: Patch::Clear, ..NOTHING };
    let error = fixture.desk.update_contact(&key("bare"), eve.id, bare).await.expect_err("refused");
    assert_eq!(error.code(), "contact_exists", "without an address she would be found by Bob's number");
    let same = fixture.desk.update_contact(&key("same"), ann.id, to_ann).await.expect("her own").value;
    assert_eq!(same, ann);
}

/// Decided on what is no longer so: nothing is written.
pub async fn a_stale_change_of_a_contact_writes_nothing(fixture: &Fixture) {
    let ann = make(fixture, "ann", by_email("ann@example.com")).await;
    let bob = make(fixture, "bob", by_email("bob@example.com")).await;
    let realm = fixture.desk.realm();
    let commit = |change| {
        let effect = Effect::Contact(Box::new(change));
        fixture.store.commit(Commit::new(realm.clone(), fixture.tickets.now(), None, effect))
    };
    let other = Contact { name: Some("Eve".to_owned()), ..ann.clone() };
    for change in [
        ContactChange::Create(Contact { email: Some("eve@example.com".to_owned()), ..ann.clone() }),
        ContactChange::Create(Contact { id: ContactId::from_bytes([9; 16]), ..ann.clone() }),
        ContactChange::Update { before: other.clone(), after: ann.clone() },
        ContactChange::Update { before: ann.clone(), after: Contact { email: bob.email.clone(), ..ann.clone() } },
    ] {
        assert_eq!(commit(change.clone()).await.expect("answered"), CommitOutcome::Stale, "{change:?}");
    }
    assert_eq!(fixture.desk.contact(ann.id).await.expect("read"), Some(ann.clone()));
    let change = ContactChange::Update { before: ann, after: other.clone() };
    assert_eq!(commit(change).await.expect("answered"), CommitOutcome::Applied);
    assert_eq!(fixture.desk.contact(other.id).await.expect("read"), Some(other));
}

/// By address or number, with those that came along with tickets.
pub async fn contacts_are_listed(fixture: &Fixture) {
    let mut made = Vec::new();
    for number in 0..5 {
        let contact =
            CreateContact { phone: by_phone("+4930123456").phone, ..by_email(&format!("{number}@example.com")) };
        made.push(make(fixture, &format!("contact {number}"), contact).await.id);
    }
    let inline = InlineContact { name: None, email: Some("late@example.com".parse().expect("lawful")), phone: None };
    fixture.tick();
    let ticket = CreateTicket { contact: Some(inline), ..CreateTicket::new("one").expect("lawful") };
    let ticket = fixture.desk.create_ticket(&key("ticket"), ticket).await.expect("made").value;
    made.extend(ticket.contact_id);

    let mut listed = Vec::new();
    let mut page = PageRequest::first().limit(2).order(Order::Asc);
    loop {
        let read = fixture.desk.contacts(&ContactFilter::default(), &page).await.expect("read");
        listed.extend(read.data.into_iter().map(|contact| contact.id));
        let Some(cursor) = read.next_cursor else { break };
        page = PageRequest::first().limit(2).order(Order::Asc).after(cursor);
    }
    assert_eq!(listed, made);
    let ids = async |filter| {
        let read = fixture.desk.contacts(&filter, &PageRequest::first()).await.expect("read").data;
        read.into_iter().map(|contact| contact.id).collect::<Vec<_>>()
    };
    let email = |email: &str| ContactFilter { email: Some(email.to_owned()), phone: None };
    assert_eq!(ids(email("3@example.com")).await, [made[3]]);
    assert_eq!(ids(email("nobody@example.com")).await, []);
    let phone = ContactFilter { email: None, phone: Some("+4930123456".to_owned()) };
    assert_eq!(ids(phone.clone()).await, [made[4], made[3], made[2], made[1], made[0]]);
    assert_eq!(ids(ContactFilter { email: Some("late@example.com".to_owned()), ..phone }).await, []);
    assert!(
        fixture.decoy.contacts(&ContactFilter::default(), &PageRequest::first()).await.expect("read").data.is_empty()
    );
}
