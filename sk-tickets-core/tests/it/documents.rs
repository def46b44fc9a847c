//! The documents that are made from the transition table.

use std::fmt::Write;

use sk_tickets_core::{
    Status,
    transition::{self, Trigger, Verdict, verdict},
};

use crate::{
    diagram, golden,
    transitions::{needs, table},
};

#[test]
fn the_page_of_transitions_is_up_to_date() {
    let mut page = format!("{INTRODUCTION}\n```mermaid\n{}```\n", transition::mermaid());

    page += "\n## Transitions\n\n| from | to | needs |\n|---|---|---|\n";
    for &from in Status::ALL {
        for &to in Status::ALL {
            if let Verdict::Moves { guard, .. } = verdict(from, Trigger::Transition(to)) {
                let needs = if needs(guard).is_empty() { "–".to_owned() } else { needs(guard).join(", ") };
                let _ = writeln!(page, "| `{from}` | `{to}` | {needs} |");
            }
        }
    }

    page += GUARDS;
    page += "\n## Every pair\n\n| a ticket that is | on | does this |\n|---|---|---|\n";
    for [from, trigger, verdict] in table() {
        let _ = writeln!(page, "| `{from}` | {trigger} | {verdict} |");
    }
    golden::check("docs/transitions.md", &page);
}

#[test]
fn the_picture_of_transitions_is_up_to_date() {
    golden::check("docs/transitions.svg", &diagram::svg());
}

#[test]
fn the_picture_has_every_transition() {
    let svg = diagram::svg();
    for &from in Status::ALL {
        for &to in Status::ALL {
            let title = format!("<title>{from} to {to}");
            let lawful = transition::allowed(from).contains(&to);
            assert_eq!(svg.matches(&title).count(), usize::from(lawful), "{from} to {to}");
        }
    }
}

const INTRODUCTION: &str = "\
<!-- Made from sk_tickets_core::transition by its tests; UPDATE_GOLDEN=1 writes it anew. -->

# What may happen to a ticket

![The statuses of a ticket and the transitions between them](transitions.svg)

The same as [Mermaid](https://mermaid.js.org):
";

const GUARDS: &str = "
Everything else, a transition to the status the ticket already has included, is refused with
[`illegal_transition`](errors/illegal_transition.md), and the problem lists what is `allowed`. Where something needed is
not there, the code is [`owner_required`](errors/owner_required.md), [`reason_required`](errors/reason_required.md) or
[`resolution_note_required`](errors/resolution_note_required.md), asked for in this order. An owner can be named in the
transition itself, so a new ticket can be resolved in one call.
";
