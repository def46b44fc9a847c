//! Keys that nobody chose for the very request: bound to what was done, and not to a rejection.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use sk_tickets_core::{
    AssignTicket, Command, CreateTicket, Desk, Environment, IdempotencyKey, MemoryStore, Realm, Request, Status,
    TicketCommand, TicketId, Tickets, TransitionTicket, UserId,
};

async fn desk_with_ticket() -> (Desk, TicketId) {
    let desk =
        Tickets::new(Arc::new(MemoryStore::new())).desk(Realm::assume("acme".parse().unwrap(), Environment::Test));
    let ticket = CreateTicket::new("Part delayed").unwrap();
    let id = desk.create_ticket(&IdempotencyKey::system("make"), ticket).await.unwrap().value.id;
    (desk, id)
}

fn to_open(key: &IdempotencyKey, id: TicketId) -> Request {
    let transition = TransitionTicket::to(Status::Open);
    Request::new(key, Command::Ticket(TicketCommand::Transition(id, transition))).forgets_rejections()
}

#[tokio::test]
async fn a_rejection_is_forgotten_and_what_was_done_is_not() {
    let (desk, id) = desk_with_ticket().await;
    let key = IdempotencyKey::system("derived");
    let refused = desk.execute(to_open(&key, id)).await.unwrap();
    assert_eq!((refused.response.status, refused.replayed), (422, false));
    assert_eq!(desk.recorded(&key).await.unwrap(), None);

    let ann: UserId = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse().unwrap();
    let transition = TransitionTicket { owner_id: Some(ann.into()), ..TransitionTicket::to(Status::Open) };
    let lawful = Request::new(&key, Command::Ticket(TicketCommand::Transition(id, transition))).forgets_rejections();
    let done = desk.execute(lawful.clone()).await.unwrap();
    assert_eq!((done.response.status, done.replayed), (200, false));
    let recorded = desk.recorded(&key).await.unwrap().unwrap();
    assert_eq!(recorded.response, done.response);
    // By now it would be refused, if it were decided again.
    let again = desk.execute(lawful).await.unwrap();
    assert_eq!((again.response, again.replayed), (done.response, true));
}

#[tokio::test]
async fn a_rejection_under_a_chosen_key_is_kept() {
    let (desk, id) = desk_with_ticket().await;
    let key = IdempotencyKey::client("chosen").unwrap();
    let transition = TransitionTicket::to(Status::Open);
    let request = Request::new(&key, Command::Ticket(TicketCommand::Transition(id, transition)));
    let refused = desk.execute(request.clone()).await.unwrap();
    assert_eq!(desk.recorded(&key).await.unwrap().map(|recorded| recorded.response), Some(refused.response.clone()));
    let ann: UserId = "usr_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse().unwrap();
    desk.assign_ticket(&IdempotencyKey::system("assign"), id, AssignTicket::to(ann)).await.unwrap();
    let again = desk.execute(request).await.unwrap();
    assert_eq!((again.response, again.replayed), (refused.response, true));
}
