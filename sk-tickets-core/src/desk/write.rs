//! The mutations, typed. Each takes the idempotency key first: the same key and the same command do it once.

use serde::de::DeserializeOwned;

use super::{Answer, Desk, Error, Receipt, Request};
use crate::{
    decide::{
        Command, ContactCommand, DeadLetterCommand, EndpointCommand, FormCommand, NotificationCommand, QueueCommand,
        TicketCommand,
    },
    model::{
        contact::{Contact, CreateContact, UpdateContact},
        delivery::{Delivery, DiscardDeadLetter},
        endpoint::{CreateEndpoint, EndpointView, RotateSecret, UpdateEndpoint},
        form::{CreateForm, Form, UpdateForm},
        id::{ContactId, EntryId, FormId, NotificationId, TicketId},
        notification::Notification,
        queue::{ClaimTicket, CreateQueue, Queue, QueueSlug, UpdateQueue},
        redaction::RedactEntry,
        replay_job::{ReplayDeadLetters, ReplayJob},
        sla::{SetSlaPolicy, SlaPolicy},
        thread::{PostEntry, ThreadEntry},
        ticket::{AssignTicket, CreateTicket, Priority, Ticket, TransitionTicket, UpdateTicket},
    },
    platform::{
        id::{DeliveryId, EndpointId},
        idempotency::IdempotencyKey,
        problem::{self, Problem},
    },
};

impl Desk {
    /// Makes a ticket.
    ///
    /// # Errors
    /// [`Error`]: the request is not lawful, the key stands for another one, or the store fails.
    pub async fn create_ticket(&self, key: &IdempotencyKey, ticket: CreateTicket) -> Result<Receipt<Ticket>, Error> {
        self.ticket_command(key, TicketCommand::Create(Box::new(ticket))).await
    }

    /// Changes what a ticket says of itself.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `ticket_closed`.
    pub async fn update_ticket(
        &self,
        key: &IdempotencyKey,
        id: TicketId,
        change: UpdateTicket,
    ) -> Result<Receipt<Ticket>, Error> {
        self.ticket_command(key, TicketCommand::Update(id, change)).await
    }

    /// Gives a ticket to somebody, or back to its queue.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `ticket_closed`.
    pub async fn assign_ticket(
        &self,
        key: &IdempotencyKey,
        id: TicketId,
        assignment: AssignTicket,
    ) -> Result<Receipt<Ticket>, Error> {
        self.ticket_command(key, TicketCommand::Assign(id, assignment)).await
    }

    /// Moves a ticket to another status.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `illegal_transition`, `owner_required`, `reason_required`,
    /// `resolution_note_required`.
    pub async fn transition_ticket(
        &self,
        key: &IdempotencyKey,
        id: TicketId,
        transition: TransitionTicket,
    ) -> Result<Receipt<Ticket>, Error> {
        self.ticket_command(key, TicketCommand::Transition(id, transition)).await
    }

    /// Writes a message or a note into a ticket's thread.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `ticket_closed`.
    pub async fn post_to_thread(
        &self,
        key: &IdempotencyKey,
        id: TicketId,
        entry: PostEntry,
    ) -> Result<Receipt<ThreadEntry>, Error> {
        self.ticket_command(key, TicketCommand::Post(id, entry)).await
    }

    /// Takes the words of an entry out of everything that has them: for privacy, on a closed ticket too. The thread notes who
    /// did so, when and why. Answers the entry as it is afterwards; if it has no words, or they are gone already, nothing
    /// changes.
    ///
    /// What a receiver of webhooks has got stays with it.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `not_redactable`.
    pub async fn redact_entry(
        &self,
        key: &IdempotencyKey,
        id: TicketId,
        entry: EntryId,
        redact: RedactEntry,
    ) -> Result<Receipt<ThreadEntry>, Error> {
        self.typed(key, Command::Redact(id, entry, redact)).await
    }

    /// Makes a contact or, with the id of one that is there, changes it: so an id that another system gave gets an
    /// address.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `contact_exists`.
    pub async fn create_contact(
        &self,
        key: &IdempotencyKey,
        contact: CreateContact,
    ) -> Result<Receipt<Contact>, Error> {
        self.typed(key, Command::Contact(ContactCommand::Create(contact))).await
    }

    /// Changes a contact.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `contact_exists`.
    pub async fn update_contact(
        &self,
        key: &IdempotencyKey,
        id: ContactId,
        change: UpdateContact,
    ) -> Result<Receipt<Contact>, Error> {
        self.typed(key, Command::Contact(ContactCommand::Update(id, change))).await
    }

    /// Makes a queue.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `queue_exists`, `topic_taken`, `queue_limit_reached`.
    pub async fn create_queue(&self, key: &IdempotencyKey, queue: CreateQueue) -> Result<Receipt<Queue>, Error> {
        self.typed(key, Command::Queue(QueueCommand::Create(queue))).await
    }

    /// Changes a queue. What is in it stays as it is: owner and priority are for what comes in.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `topic_taken`.
    pub async fn update_queue(
        &self,
        key: &IdempotencyKey,
        queue: QueueSlug,
        change: UpdateQueue,
    ) -> Result<Receipt<Queue>, Error> {
        self.typed(key, Command::Queue(QueueCommand::Update(queue, change))).await
    }

    /// Makes a form. Who has its id can send it.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `form_limit_reached`.
    pub async fn create_form(&self, key: &IdempotencyKey, form: CreateForm) -> Result<Receipt<Form>, Error> {
        self.typed(key, Command::Form(FormCommand::Create(form))).await
    }

    /// Changes a form.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`.
    pub async fn update_form(
        &self,
        key: &IdempotencyKey,
        id: FormId,
        change: UpdateForm,
    ) -> Result<Receipt<Form>, Error> {
        self.typed(key, Command::Form(FormCommand::Update(id, change))).await
    }

    /// Says what is aimed at for the tickets of a priority. Tickets whose clocks run or are paused are brought under it by
    /// the [sweeper](crate::sweep), bit by bit; others are not touched.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`].
    pub async fn set_sla_policy(
        &self,
        key: &IdempotencyKey,
        priority: Priority,
        policy: SetSlaPolicy,
    ) -> Result<Receipt<SlaPolicy>, Error> {
        self.typed(key, Command::SetSlaPolicy(priority, policy)).await
    }

    /// Gives the head of a queue to somebody; none, if nothing waits in it.
    ///
    /// However many ask at once, each ticket is given to one of them. The same key gives the same ticket again, or the
    /// same none, whatever has come in since.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`.
    pub async fn claim_next(
        &self,
        key: &IdempotencyKey,
        queue: QueueSlug,
        claim: ClaimTicket,
    ) -> Result<Receipt<Option<Ticket>>, Error> {
        let answer = self.execute(Request::new(key, Command::Claim(queue, claim))).await?;
        let Answer { response, replayed } = accepted(answer)?;
        if response.body.is_empty() {
            return Ok(Receipt { value: None, replayed });
        }
        match serde_json::from_slice(&response.body) {
            Ok(ticket) => Ok(Receipt { value: Some(ticket), replayed }),
            Err(_) => Err(unreadable()),
        }
    }

    /// Makes a webhook endpoint. The answer, and every replay of it, has the secret.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `endpoint_limit_reached`.
    pub async fn create_endpoint(
        &self,
        key: &IdempotencyKey,
        endpoint: CreateEndpoint,
    ) -> Result<Receipt<EndpointView>, Error> {
        self.endpoint_command(key, EndpointCommand::Create(endpoint)).await
    }

    /// Changes a webhook endpoint.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`.
    pub async fn update_endpoint(
        &self,
        key: &IdempotencyKey,
        id: EndpointId,
        change: UpdateEndpoint,
    ) -> Result<Receipt<EndpointView>, Error> {
        self.endpoint_command(key, EndpointCommand::Update(id, change)).await
    }

    /// Tells an endpoint again what happens. What came meanwhile waits in dead letters, and the answer says how to replay
    /// it.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`.
    pub async fn enable_endpoint(&self, key: &IdempotencyKey, id: EndpointId) -> Result<Receipt<EndpointView>, Error> {
        self.endpoint_command(key, EndpointCommand::Enable(id)).await
    }

    /// Tells an endpoint nothing more; what it would be told becomes dead letters.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`.
    pub async fn disable_endpoint(&self, key: &IdempotencyKey, id: EndpointId) -> Result<Receipt<EndpointView>, Error> {
        self.endpoint_command(key, EndpointCommand::Disable(id)).await
    }

    /// Gives an endpoint a new secret, which the answer tells. The old one goes on signing beside it for a while.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`.
    pub async fn rotate_secret(
        &self,
        key: &IdempotencyKey,
        id: EndpointId,
        rotate: RotateSecret,
    ) -> Result<Receipt<EndpointView>, Error> {
        self.endpoint_command(key, EndpointCommand::RotateSecret(id, rotate)).await
    }

    /// Sends an endpoint a signed event of type `ping`.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `endpoint_disabled`.
    pub async fn ping_endpoint(&self, key: &IdempotencyKey, id: EndpointId) -> Result<Receipt<EndpointView>, Error> {
        self.endpoint_command(key, EndpointCommand::Ping(id)).await
    }

    /// Deletes an endpoint; what it was not told yet is given up, visibly.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`.
    pub async fn delete_endpoint(&self, key: &IdempotencyKey, id: EndpointId) -> Result<Receipt<()>, Error> {
        let answer = self.execute(Request::new(key, Command::Endpoint(EndpointCommand::Delete(id)))).await?;
        let Answer { response, replayed } = accepted(answer)?;
        debug_assert!(response.body.is_empty());
        Ok(Receipt { value: (), replayed })
    }

    /// Delivers a dead letter again, with the schedule from its start.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `not_a_dead_letter`, `endpoint_disabled`.
    pub async fn replay_dead_letter(&self, key: &IdempotencyKey, id: DeliveryId) -> Result<Receipt<Delivery>, Error> {
        self.typed(key, Command::DeadLetter(DeadLetterCommand::Replay(id))).await
    }

    /// Delivers every dead letter that matches again: workers do it, bit by bit, and the job says how far they are.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found` or `endpoint_disabled` if an endpoint is named.
    pub async fn replay_dead_letters(
        &self,
        key: &IdempotencyKey,
        replay: ReplayDeadLetters,
    ) -> Result<Receipt<ReplayJob>, Error> {
        self.typed(key, Command::ReplayDeadLetters(replay)).await
    }

    /// Gives up a dead letter.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `not_a_dead_letter`.
    pub async fn discard_dead_letter(
        &self,
        key: &IdempotencyKey,
        id: DeliveryId,
        discard: DiscardDeadLetter,
    ) -> Result<Receipt<Delivery>, Error> {
        self.typed(key, Command::DeadLetter(DeadLetterCommand::Discard(id, discard))).await
    }

    /// Sends a notification after all that could not be sent, with the schedule from its start: to the address that its
    /// contact has by now, if it has one.
    ///
    /// # Errors
    /// As [`Desk::create_ticket`]; `not_found`, `notification_not_dead`.
    pub async fn replay_notification(
        &self,
        key: &IdempotencyKey,
        id: NotificationId,
    ) -> Result<Receipt<Notification>, Error> {
        self.typed(key, Command::Notification(NotificationCommand::Replay(id))).await
    }

    async fn ticket_command<T: DeserializeOwned>(
        &self,
        key: &IdempotencyKey,
        command: TicketCommand,
    ) -> Result<Receipt<T>, Error> {
        self.typed(key, Command::Ticket(command)).await
    }

    async fn endpoint_command(
        &self,
        key: &IdempotencyKey,
        command: EndpointCommand,
    ) -> Result<Receipt<EndpointView>, Error> {
        self.typed(key, Command::Endpoint(command)).await
    }

    async fn typed<T: DeserializeOwned>(&self, key: &IdempotencyKey, command: Command) -> Result<Receipt<T>, Error> {
        let Answer { response, replayed } = accepted(self.execute(Request::new(key, command)).await?)?;
        match serde_json::from_slice(&response.body) {
            Ok(value) => Ok(Receipt { value, replayed }),
            Err(_) => Err(unreadable()),
        }
    }
}

/// The answer if it is a success; a recorded rejection as an error.
fn accepted(answer: Answer) -> Result<Answer, Error> {
    if answer.response.status < 400 {
        return Ok(answer);
    }
    Err(Problem::from_json(&answer.response.body).map_or_else(unreadable, Error::from))
}

pub(crate) fn unreadable() -> Error {
    Problem::new(problem::INTERNAL, "the recorded answer cannot be read").into()
}
