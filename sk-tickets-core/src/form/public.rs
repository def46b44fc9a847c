use crate::{
    decide::{Command, TicketCommand},
    desk::{Answer, Attempt, Desk, Error, Request, Tickets, unreadable},
    model::{
        form::Form,
        id::FormId,
        ticket::{Ticket, TicketView},
    },
    platform::{
        idempotency::{IdempotencyKey, StoredResponse},
        realm::Environment,
        token::TokenKey,
    },
};

use super::{
    Nonce, RenderToken, RenderTokenError, Submission,
    token::{RENDER_PURPOSE, STATUS_PURPOSE, StatusToken},
};

/// A form as customers meet it: who has it needs no key. Made by [`Tickets::form`].
#[derive(Debug, Clone)]
pub struct PublicForm {
    form: Form,
    tickets: Tickets,
    desk: Desk,
    render_key: TokenKey,
    status_key: TokenKey,
}

/// What came of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "these are all the outcomes there are")]
pub enum Submitted {
    /// It is a ticket now.
    Made(Ticket),
    /// The very same had been sent before; the ticket as it was made then.
    Replayed(Ticket),
    /// Something else had been sent under this nonce; the ticket as it was made then. Nothing of what was sent now is
    /// kept.
    AlreadySent(Ticket),
}

impl Tickets {
    /// The form with this id, of whatever realm, for who has no key; none if there is no such form.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn form(&self, id: FormId) -> Result<Option<PublicForm>, Error> {
        let Some((realm, form)) = self.store().public_form(id).await? else { return Ok(None) };
        let desk = self.desk(realm);
        let render_key = self.token_key(RENDER_PURPOSE).await?;
        let status_key = self.token_key(STATUS_PURPOSE).await?;
        Ok(Some(PublicForm { form, tickets: self.clone(), desk, render_key, status_key }))
    }
}

impl PublicForm {
    /// The form.
    #[must_use]
    pub const fn form(&self) -> &Form {
        &self.form
    }

    /// Whether what is sent is real.
    #[must_use]
    pub const fn environment(&self) -> Environment {
        self.desk.realm().environment()
    }

    /// What a page on which the form is shown from now on is to carry.
    #[must_use]
    pub fn render_token(&self) -> RenderToken {
        RenderToken::new(self.form.id, self.tickets.now(), self.tickets.entropy())
    }

    /// A render token as text, for a hidden field.
    #[must_use]
    pub fn sign(&self, token: &RenderToken) -> String {
        token.sign(&self.render_key)
    }

    /// The render token that a submission carries.
    ///
    /// # Errors
    /// [`RenderTokenError`] if the form was not shown with it, or too long ago.
    pub fn read_render_token(&self, text: &str) -> Result<RenderToken, RenderTokenError> {
        RenderToken::read(text, self.form.id, self.tickets.now(), &self.render_key)
    }

    /// Makes a ticket of a submission: once for each nonce, whoever sends it how often.
    ///
    /// # Errors
    /// [`Error`] if the store fails. It may have been made nevertheless: submit again with the same nonce.
    pub async fn submit(&self, nonce: Nonce, submission: Submission) -> Result<Submitted, Error> {
        let key = IdempotencyKey::system(&format!("form {} {nonce}", self.form.id));
        let create = TicketCommand::Create(Box::new(submission.into_ticket(&self.form)));
        match self.desk.attempt(Request::new(&key, Command::Ticket(create))).await? {
            Attempt::Answered(Answer { response, replayed: false }) => ticket(&response).map(Submitted::Made),
            Attempt::Answered(Answer { response, replayed: true }) => ticket(&response).map(Submitted::Replayed),
            Attempt::KeyReused(response) => ticket(&response).map(Submitted::AlreadySent),
        }
    }

    /// What shows who sent a ticket how it stands, as text for a link. The same for the same ticket; nobody can guess it.
    #[must_use]
    pub fn status_token(&self, ticket: &Ticket) -> String {
        let Ticket { id, created_at, .. } = *ticket;
        StatusToken { form: self.form.id, ticket: id }.sign(created_at, &self.status_key)
    }

    /// The ticket that a status token is for, as it stands; none if it is not a token of this form's.
    ///
    /// # Errors
    /// [`Error`] if the store fails.
    pub async fn ticket_by_status_token(&self, token: &str) -> Result<Option<TicketView>, Error> {
        let Some(StatusToken { form: _, ticket }) = StatusToken::read(token, self.form.id, &self.status_key) else {
            return Ok(None);
        };
        self.desk.ticket(ticket).await
    }
}

/// The ticket of a recorded answer. Nothing that a submission says can be refused by how things stand.
fn ticket(response: &StoredResponse) -> Result<Ticket, Error> {
    serde_json::from_slice(&response.body).map_err(|_| unreadable())
}
