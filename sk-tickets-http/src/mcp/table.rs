//! The table of tools.

use sk_tickets_core::{Scope, TicketId};

use super::{
    arguments::{Argument, Body, ExpectedVersion, Given, HostKey, InQueue},
    caller::Caller,
    tool::{Effect, Outcome, Tool, unread},
    tools::{
        find::{self, ListTickets, Words},
        options::{self, Options},
        read::{self, Entries},
        work::{self, Assign, Claim, Create, Note, Reply, Transition, Triage},
    },
};

/// Declares tools. A line says: the tool's name, the scope it needs, what it does to the world, its handler with what that
/// takes (the request last) and gives. The first line of the text is the title.
macro_rules! tools {
    ($(
        #[doc = $title:literal]
        $(#[doc = $text:literal])*
        $name:ident: $scope:ident, $effect:ident =>
            $module:ident::$handler:ident($($argument:ident: $type:ty),*) -> $told:ty;
    )*) => {
        &[$(Tool {
            name: stringify!($name),
            title: $title,
            about: concat!($($text, "\n"),*),
            scope: Scope::$scope,
            effect: Effect::$effect,
            takes: |form| { $(<$type as Argument>::describe(form);)* },
            gives: |generator| generator.subschema_for::<$told>(),
            run: |caller: Caller, arguments| Box::pin(async move {
                let mut given = Given::new(&arguments)?;
                $(let $argument = <$type as Argument>::take(&mut given);)*
                given.finish()?;
                $(let $argument = $argument.ok_or_else(unread)?;)*
                let call = work::Call { caller, tool: stringify!($name), arguments };
                Outcome::of(&$module::$handler(call, $($argument),*).await?)
            }),
        }),*]
    };
}

/// Every tool. The scopes are those of the same operations of the REST API.
pub(super) const TOOLS: &[Tool] = tools! {
    /// List tickets
    ///
    /// Summaries of tickets, the newest first unless asked otherwise, narrowed down by any of the filters. Give `next_cursor`
    /// as `cursor`, with the same filters, for the next page.
    tickets_list: TicketsRead, READS => find::list(list: Body<ListTickets>) -> find::Found;

    /// Search tickets
    ///
    /// Summaries of tickets in which every one of the words occurs: in the subject, the messages and notes or a resolution
    /// note. Whole words, in any case and order. The filters of tickets_list narrow it down.
    tickets_search: TicketsRead, READS => find::search(words: Words, list: Body<ListTickets>) -> find::Found;

    /// Read a ticket
    ///
    /// The ticket, its place in its queue, what may happen next, and the last entries of its thread. `thread.has_more` says
    /// that there are earlier ones: give `thread.next_cursor` as `cursor`. With `limit` 1 a long entry comes whole.
    ticket_get: TicketsRead, READS => read::get(id: TicketId, entries: Body<Entries>) -> read::InFull;

    /// Look over a queue
    ///
    /// How many tickets wait in a queue and since when, how many are in hand by status, and how many are at risk of missing
    /// their times.
    queue_overview: TicketsRead, READS => read::overview(queue: InQueue) -> read::Overview;

    /// See what can be chosen
    ///
    /// The queues with their topics, the priorities, the statuses with what may follow each and what that needs, and which
    /// tools this key may use. Call it before triage.
    triage_options: TicketsRead, READS => options::options(page: Body<Options>) -> options::Choices;

    /// Make a ticket
    ///
    /// With an `owner_id` it is assigned and open at once; a `topic` leads it to its queue. Called again with the same
    /// arguments within ten minutes it is made once.
    ticket_create: TicketsWrite, ADDS => work::create(key: HostKey, body: Body<Create>) -> work::Done;

    /// Sort a ticket
    ///
    /// Sets its queue, priority or tags; tags replace those it has. What is not named stays.
    ticket_triage: TicketsTriage, REPLACES =>
        work::triage(id: TicketId, version: ExpectedVersion, key: HostKey, body: Body<Triage>) -> work::Done;

    /// Give a ticket to somebody
    ///
    /// To `owner_id` (`usr_…` or `agt_…`), or with null back to its queue. Who gives a new ticket to somebody opens it.
    ticket_assign: TicketsTriage, REPLACES =>
        work::assign(id: TicketId, version: ExpectedVersion, key: HostKey, body: Body<Assign>) -> work::Done;

    /// Take the next ticket of a queue
    ///
    /// Gives the head of a queue to `owner_id`: the most urgent, of those the one that has waited longest. However many ask
    /// at once, each ticket is given to one of them. `ticket` is null if none waits.
    queue_claim_next: TicketsTriage, ADDS => work::claim(queue: InQueue, key: HostKey, body: Body<Claim>) -> work::Claimed;

    /// Move a ticket to another status
    ///
    /// What may follow is told by triage_options and ticket_get; some moves need a `reason`, an owner or a
    /// `resolution_note`. When it is resolved the customer may be told, with the note. `closed` is final.
    ticket_transition: TicketsTriage, MOVES =>
        work::transition(id: TicketId, version: ExpectedVersion, key: HostKey, body: Body<Transition>) -> work::Done;

    /// Write a note
    ///
    /// Internal: the customer does not see it. Written again with the same arguments within ten minutes it is there once.
    ticket_note: TicketsTriage, ADDS =>
        work::note(id: TicketId, version: ExpectedVersion, key: HostKey, body: Body<Note>) -> work::Written;

    /// Reply to the customer
    ///
    /// Public: the customer sees it, and it cannot be taken back. Sent again with the same arguments within ten minutes it is
    /// sent once.
    ticket_reply: TicketsWrite, TELLS =>
        work::reply(id: TicketId, version: ExpectedVersion, key: HostKey, body: Body<Reply>) -> work::Written;
};

/// The tools that a caller may use.
pub(super) fn tools_of(caller: &Caller) -> impl Iterator<Item = &'static Tool> {
    TOOLS.iter().filter(|tool| caller.may(tool.scope))
}

/// A tool by its name; what a caller may not use is not there.
pub(super) fn tool_of(caller: &Caller, name: &str) -> Option<&'static Tool> {
    tools_of(caller).find(|tool| tool.name == name)
}
