//! What may happen to a ticket, by its status: one total match. The table in the documents, the diagram and the golden
//! file of all pairs are made from it.

use std::fmt;

use crate::model::ticket::Status;

/// Something that happens to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum Trigger {
    /// It is to have this status.
    Transition(Status),
    /// It is given to somebody.
    Assign,
    /// It is given back to its queue.
    Unassign,
    /// Its contact writes a message.
    ContactMessage,
    /// Anybody else writes a message.
    Message,
    /// Somebody writes a note.
    Note,
    /// What it says of itself changes.
    Update,
    /// The words of an entry are taken out.
    Redact,
    /// Nobody has opened it again for as long as was set.
    AutoClose,
}

impl Trigger {
    /// Every trigger, transitions first.
    pub const ALL: [Self; 14] = [
        Self::Transition(Status::New),
        Self::Transition(Status::Open),
        Self::Transition(Status::Pending),
        Self::Transition(Status::OnHold),
        Self::Transition(Status::Resolved),
        Self::Transition(Status::Closed),
        Self::Assign,
        Self::Unassign,
        Self::ContactMessage,
        Self::Message,
        Self::Note,
        Self::Update,
        Self::Redact,
        Self::AutoClose,
    ];
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transition(to) => write!(f, "transition to {to}"),
            Self::Assign => f.write_str("assign"),
            Self::Unassign => f.write_str("unassign"),
            Self::ContactMessage => f.write_str("message by the contact"),
            Self::Message => f.write_str("message by another"),
            Self::Note => f.write_str("note"),
            Self::Update => f.write_str("update"),
            Self::Redact => f.write_str("redaction"),
            Self::AutoClose => f.write_str("auto-close"),
        }
    }
}

/// What must be there for a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "the three guards there are")]
pub struct Guard {
    /// The ticket has an owner, or gets one.
    pub owner: bool,
    /// A reason is given.
    pub reason: bool,
    /// A resolution note is given.
    pub resolution_note: bool,
}

impl Guard {
    const NONE: Self = Self { owner: false, reason: false, resolution_note: false };
    const OWNER: Self = Self { owner: true, ..Self::NONE };
    const REASON: Self = Self { reason: true, ..Self::NONE };
    const OWNER_AND_REASON: Self = Self { owner: true, reason: true, ..Self::NONE };
    const OWNER_AND_NOTE: Self = Self { owner: true, resolution_note: true, ..Self::NONE };
}

/// Why the system moves a ticket by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum AutomaticReason {
    /// A new ticket was assigned.
    Assigned,
    /// The customer wrote.
    CustomerReplied,
    /// It was resolved for long enough.
    AutoClose,
}

impl AutomaticReason {
    /// The reason on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "assigned",
            Self::CustomerReplied => "customer_replied",
            Self::AutoClose => "auto_close",
        }
    }
}

/// What becomes of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum Verdict {
    /// It moves, if the guard is met. Without a reason of the caller's this one is noted.
    Moves {
        /// The status it has afterwards.
        to: Status,
        /// What must be there.
        guard: Guard,
        /// The reason if none is given.
        reason: Option<AutomaticReason>,
    },
    /// It keeps its status; the trigger does what else it does.
    Stays,
    /// There is no such transition (409 `illegal_transition`).
    Illegal,
    /// It is closed (409 `ticket_closed`).
    Closed,
}

/// What becomes of a ticket in status `from` by `trigger`.
#[must_use]
pub const fn verdict(from: Status, trigger: Trigger) -> Verdict {
    use Status::{Closed, New, OnHold, Open, Pending, Resolved};
    use Trigger::{Assign, AutoClose, ContactMessage, Message, Note, Redact, Transition, Unassign, Update};

    const fn moves(to: Status, guard: Guard) -> Verdict {
        Verdict::Moves { to, guard, reason: None }
    }
    const fn moves_because(to: Status, guard: Guard, reason: AutomaticReason) -> Verdict {
        Verdict::Moves { to, guard, reason: Some(reason) }
    }

    match (from, trigger) {
        (New, Transition(Open)) => moves_because(Open, Guard::OWNER, AutomaticReason::Assigned),
        (New | Open | OnHold, Transition(Pending)) => moves(Pending, Guard::OWNER_AND_REASON),
        (New | Open | Pending, Transition(OnHold)) => moves(OnHold, Guard::OWNER_AND_REASON),
        (Pending | OnHold, Transition(Open)) => moves(Open, Guard::NONE),
        (New | Open | Pending | OnHold, Transition(Resolved)) => moves(Resolved, Guard::OWNER_AND_NOTE),
        (Resolved, Transition(Open)) => moves(Open, Guard::REASON),
        (New | Open | Pending | OnHold | Resolved, Transition(Closed)) => moves(Closed, Guard::REASON),

        (New | Open | Pending | OnHold | Resolved | Closed, Transition(New))
        | (Open, Transition(Open))
        | (Pending, Transition(Pending))
        | (OnHold, Transition(OnHold))
        | (Resolved, Transition(Pending | OnHold | Resolved))
        | (Closed, Transition(Open | Pending | OnHold | Resolved | Closed)) => Verdict::Illegal,

        (New, Assign) => moves_because(Open, Guard::NONE, AutomaticReason::Assigned),
        (Resolved, AutoClose) => moves_because(Closed, Guard::NONE, AutomaticReason::AutoClose),
        (Pending | Resolved, ContactMessage) => moves_because(Open, Guard::NONE, AutomaticReason::CustomerReplied),

        (Open | Pending | OnHold | Resolved, Assign)
        | (New | Open | OnHold, ContactMessage)
        | (New | Open | Pending | OnHold | Resolved, Unassign | Message | Update)
        | (New | Open | Pending | OnHold | Closed, AutoClose)
        | (New | Open | Pending | OnHold | Resolved | Closed, Note | Redact) => Verdict::Stays,

        (Closed, Assign | Unassign | ContactMessage | Message | Update) => Verdict::Closed,
    }
}

/// The statuses that a ticket in status `from` can be moved to, each with what must be there for it.
#[must_use]
pub fn moves(from: Status) -> Vec<(Status, Guard)> {
    let lawful = |to: &Status| match verdict(from, Trigger::Transition(*to)) {
        Verdict::Moves { to, guard, .. } => Some((to, guard)),
        Verdict::Stays | Verdict::Illegal | Verdict::Closed => None,
    };
    Status::ALL.iter().filter_map(lawful).collect()
}

/// The statuses that a ticket in status `from` can be moved to.
#[must_use]
pub fn allowed(from: Status) -> Vec<Status> {
    moves(from).into_iter().map(|(to, _)| to).collect()
}

/// The transitions as a [Mermaid](https://mermaid.js.org) state diagram.
#[must_use]
pub fn mermaid() -> String {
    let mut diagram = String::from("stateDiagram-v2\n    [*] --> new\n");
    for &from in Status::ALL {
        for (to, guard) in moves(from) {
            diagram += &format!("    {from} --> {to}{}\n", label(guard));
        }
    }
    diagram + "    closed --> [*]\n"
}

fn label(guard: Guard) -> String {
    let Guard { owner, reason, resolution_note } = guard;
    let wanted: Vec<_> = [(owner, "owner"), (reason, "reason"), (resolution_note, "resolution note")]
        .into_iter()
        .filter_map(|(wanted, name)| wanted.then_some(name))
        .collect();
    if wanted.is_empty() { String::new() } else { format!(": {}", wanted.join(", ")) }
}
