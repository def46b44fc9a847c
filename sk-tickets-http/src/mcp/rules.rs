//! What may happen to a ticket, told to agents: made from the one table, as everywhere.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;
use sk_tickets_core::{
    Status,
    transition::{self, Guard},
};

/// A status that a ticket can be moved to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Move {
    /// The status.
    to: Status,
    /// What must be there for it: `owner_id` (the ticket has an owner, or is given one), `reason`, `resolution_note`.
    needs: Vec<&'static str>,
}

/// Where a ticket in a status can be moved to.
pub(super) fn moves(from: Status) -> Vec<Move> {
    transition::moves(from).into_iter().map(|(to, guard)| Move { to, needs: needs(guard) }).collect()
}

fn needs(Guard { owner, reason, resolution_note }: Guard) -> Vec<&'static str> {
    let all = [(owner, "owner_id"), (reason, "reason"), (resolution_note, "resolution_note")];
    all.into_iter().filter_map(|(needed, name)| needed.then_some(name)).collect()
}

/// The table as text.
pub(super) fn table() -> String {
    let mut text = "# What may happen to a ticket\n\n| from | to | needs |\n|---|---|---|\n".to_owned();
    for &from in Status::ALL {
        for Move { to, needs } in moves(from) {
            let needs = if needs.is_empty() { "–".to_owned() } else { needs.join(", ") };
            // Writing to a string does not fail.
            let _ = writeln!(text, "| `{from}` | `{to}` | {needs} |");
        }
    }
    let _ = write!(
        text,
        "\nEverything else is refused as `illegal_transition`, with what is `allowed`. `closed` is final: a follow-up is a new \
         ticket with `follow_up_of`.\n\n```mermaid\n{}```\n",
        transition::mermaid()
    );
    text
}
