//! The door for customers, who have no key: a form that is shown, filled in and sent, and makes a ticket at once.
//!
//! A [`PublicForm`] is found by its id alone. What it shows carries a [render token](RenderToken), whose nonce makes
//! sending it again harmless; what was sent has a [status token](PublicForm::status_token), by which who sent it sees
//! what became of it. Whoever builds a form of their own needs no more than this:
//!
//! ```
//! # tokio_test::block_on(async {
//! use std::sync::Arc;
//! use sk_tickets_core::{
//!     CreateForm, Environment, IdempotencyKey, MemoryStore, Realm, Submitted, Tickets,
//!     form::{SentFields, Submission},
//! };
//!
//! let tickets = Tickets::new(Arc::new(MemoryStore::new()));
//! let desk = tickets.desk(Realm::assume("acme".parse()?, Environment::Test));
//! let id = desk.create_form(&IdempotencyKey::client("form")?, CreateForm::new("Contact us")?).await?.value.id;
//!
//! // When it is shown:
//! let form = tickets.form(id).await?.expect("was made just now");
//! let hidden = form.sign(&form.render_token());
//!
//! // When it is sent:
//! let token = form.read_render_token(&hidden)?;
//! let sent = SentFields { email: "ann@example.com", subject: "Late", message: "Where is it?", ..SentFields::default() };
//! let submission = Submission::read(&sent).expect("lawful");
//! let Submitted::Made(ticket) = form.submit(token.nonce, submission.clone()).await? else { panic!("not sent before") };
//! assert_eq!(ticket.subject, "Late");
//!
//! // A double click makes no second ticket.
//! assert!(matches!(form.submit(token.nonce, submission).await?, Submitted::Replayed(same) if same.id == ticket.id));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod public;
mod submission;
mod token;

pub use public::{PublicForm, Submitted};
pub use submission::{SentFields, Submission, SubmissionFault, SubmissionFaultKind, SubmissionField};
pub use token::{Nonce, RenderToken, RenderTokenError};
