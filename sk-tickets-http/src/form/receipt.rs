//! The receipt: that a submission is a ticket, and how that stands. Its address is all that a customer needs to keep.

use http::StatusCode;
use maud::html;
use sk_tickets_core::{Ticket, Timestamp, form::PublicForm};

use super::page::{Keeping, Look, Page, badge};

/// The page. `link` is the address of this very page, as it can be kept.
pub(super) fn page<'a>(form: &'a PublicForm, ticket: &Ticket, link: &str) -> Page<'a> {
    let look = Look::of(form.form());
    let words = &look.words.receipt;
    let content = html! {
        (badge(form.environment(), look.words))
        h1 tabindex="-1" autofocus { (words.heading) }
        dl {
            dt { (words.number) }
            dd { code { (ticket.id) } }
            dt { (words.sent) }
            dd { time datetime=(ticket.created_at) { (at(ticket.created_at)) } }
            dt { (words.status) }
            dd { (words.of(ticket.status)) }
        }
        p.link {
            (words.keep) br;
            // In a window of its own, where its address can be seen, should this page stand within another.
            a href=(link) target="_blank" rel="noopener" { (words.link) " " (ticket.id) }
        }
        p.link { a href="../page" { (words.another) } }
    };
    let title = format!("{} – {}", words.heading, form.form().name);
    Page { status: StatusCode::OK, title, content, look, keeping: Keeping::NeverSecret }
}

/// A time, to the minute. The page's script says it as it is where the reader is.
fn at(time: Timestamp) -> String {
    let text = time.to_string();
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {} UTC", clock.get(..5).unwrap_or(clock))
}
