use crate::{
    model::{id::ContactId, ticket::Status},
    platform::{
        input::Fault,
        problem::{self, Problem},
        webhook::TargetError,
    },
    problem_kinds, transition,
};

problem_kinds! { TICKET_PROBLEMS:
    /// The table has no such transition.
    ILLEGAL_TRANSITION = 409 "illegal_transition" "The ticket cannot be moved to that status";
    /// The ticket is closed.
    TICKET_CLOSED = 409 "ticket_closed" "The ticket is closed";
    /// Another contact has the address or the number.
    CONTACT_EXISTS = 409 "contact_exists" "Another contact has that e-mail address or phone number";
    /// There is a queue with that key.
    QUEUE_EXISTS = 409 "queue_exists" "There is a queue with that key";
    /// Another queue has the topic.
    TOPIC_TAKEN = 409 "topic_taken" "Another queue has that topic";
    /// The realm has as many queues as it may have.
    QUEUE_LIMIT = 409 "queue_limit_reached" "There are as many queues as there may be";
    /// The realm has as many forms as it may have.
    FORM_LIMIT = 409 "form_limit_reached" "There are as many forms as there may be";
    /// The realm has as many endpoints as it may have.
    ENDPOINT_LIMIT = 409 "endpoint_limit_reached" "There are as many webhook endpoints as there may be";
    /// The endpoint is disabled.
    ENDPOINT_DISABLED = 409 "endpoint_disabled" "The webhook endpoint is disabled";
    /// The delivery is no dead letter.
    NOT_A_DEAD_LETTER = 409 "not_a_dead_letter" "The delivery is not a dead letter";
    /// The notification is not dead.
    NOTIFICATION_NOT_DEAD = 409 "notification_not_dead" "The notification is not dead";
    /// The entry says why another one was redacted.
    NOT_REDACTABLE = 409 "not_redactable" "The entry cannot be redacted";
    /// The transition needs an owner.
    OWNER_REQUIRED = 422 "owner_required" "An owner is required";
    /// The transition needs a reason.
    REASON_REQUIRED = 422 "reason_required" "A reason is required";
    /// Resolving needs a note.
    RESOLUTION_NOTE_REQUIRED = 422 "resolution_note_required" "A resolution note is required";
}

/// Why a command is not lawful as things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum Rejection {
    /// There is no such thing in this realm.
    NotFound,
    /// The table has no such transition.
    IllegalTransition {
        /// Where the ticket stands.
        from: Status,
        /// Where it was to be moved.
        to: Status,
    },
    /// The ticket is closed.
    TicketClosed,
    /// The transition needs an owner.
    OwnerRequired,
    /// The transition needs a reason.
    ReasonRequired,
    /// Resolving needs a note.
    ResolutionNoteRequired,
    /// Something the request names is not lawful as things stand.
    Invalid(Vec<Fault>),
    /// Another contact, this one, has the address or, without one, the number.
    ContactExists(ContactId),
    /// There is a queue with that key.
    QueueExists,
    /// Another queue has the topic.
    TopicTaken {
        /// The topic.
        topic: String,
        /// The key of the queue that has it.
        queue: String,
    },
    /// The realm has as many queues as it may have.
    QueueLimit,
    /// The realm has as many forms as it may have.
    FormLimit,
    /// The realm has as many endpoints as it may have.
    EndpointLimit,
    /// The endpoint is disabled.
    EndpointDisabled,
    /// The delivery is no dead letter.
    NotADeadLetter,
    /// The notification is not dead.
    NotificationNotDead,
    /// The entry says why another one was redacted.
    NotRedactable,
}

impl Rejection {
    /// A URL that webhooks are not sent to.
    pub(super) fn target(error: TargetError) -> Self {
        let fault = Fault { pointer: "/url".into(), code: error.code().into(), message: error.to_string() };
        Self::Invalid(vec![fault])
    }

    /// The rejection as it is told to a client.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            // Says nothing of the id, so that another tenant's and an unknown one get the same answer.
            Self::NotFound => Problem::new(problem::NOT_FOUND, "there is no such resource"),
            Self::IllegalTransition { from, to } => {
                let allowed: Vec<_> = transition::allowed(*from).into_iter().map(Status::as_str).collect();
                Problem::new(ILLEGAL_TRANSITION, format!("a ticket that is {from} cannot become {to}"))
                    .with("allowed", allowed)
            }
            Self::TicketClosed => {
                Problem::new(TICKET_CLOSED, "a closed ticket takes only notes; make a new one with follow_up_of")
            }
            Self::OwnerRequired => Problem::new(OWNER_REQUIRED, "assign the ticket first, or give an owner_id"),
            Self::ReasonRequired => Problem::new(REASON_REQUIRED, "give a reason"),
            Self::ResolutionNoteRequired => {
                Problem::new(RESOLUTION_NOTE_REQUIRED, "give a resolution_note that says how it was resolved")
            }
            Self::Invalid(faults) => Problem::validation(faults.clone()),
            Self::ContactExists(id) => Problem::new(CONTACT_EXISTS, format!("{id} has it; change that one instead"))
                .with("contact_id", id.to_string()),
            Self::QueueExists => Problem::new(QUEUE_EXISTS, "take another key, or change that queue"),
            Self::TopicTaken { topic, queue } => {
                Problem::new(TOPIC_TAKEN, format!("the queue {queue} has it; take it from there first"))
                    .with("topic", topic.as_str())
                    .with("queue", queue.as_str())
            }
            Self::QueueLimit => Problem::new(QUEUE_LIMIT, "use one of the queues there are"),
            Self::FormLimit => Problem::new(FORM_LIMIT, "change one of the forms there are"),
            Self::EndpointLimit => Problem::new(ENDPOINT_LIMIT, "delete an endpoint that is no longer used"),
            Self::EndpointDisabled => Problem::new(ENDPOINT_DISABLED, "enable the endpoint first"),
            Self::NotificationNotDead => {
                Problem::new(NOTIFICATION_NOT_DEAD, "only a notification that could not be sent can be replayed")
            }
            Self::NotADeadLetter => Problem::new(NOT_A_DEAD_LETTER, "only a dead letter can be replayed or discarded"),
            Self::NotRedactable => Problem::new(NOT_REDACTABLE, "an entry of kind redaction stays as it is"),
        }
    }
}
