use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use sk_tickets_core::{
    AssignTicket, ClaimTicket, Command, CreateTicket, PostEntry, Request, ThreadEntry, Ticket, TicketCommand, TicketId,
    TransitionTicket, UpdateTicket,
    limits::{AGENT_PAGE_DEFAULT, AGENT_WORDS_MAX},
    platform::{
        json::Json,
        problem::{self, Problem},
    },
};

use crate::mcp::{
    arguments::{Body, ExpectedVersion, HOST_KEY, HostKey, InQueue, ToolRequest},
    caller::Caller,
    card::Card,
    keys::{CallKey, Keyless},
    refusal::Refusal,
    thread::EntryView,
    tool::Told,
    untrusted::NOTICE,
};

/// How much is repeated of what was just written.
const WORDS_MAX: usize = AGENT_WORDS_MAX / AGENT_PAGE_DEFAULT;

/// A call of a tool.
#[derive(Debug)]
pub(in crate::mcp) struct Call {
    pub(in crate::mcp) caller: Caller,
    pub(in crate::mcp) tool: &'static str,
    /// As they came.
    pub(in crate::mcp) arguments: Json,
}

/// Declares what a tool takes of a request.
macro_rules! takes {
    ($($name:ident = $request:ty { $($field:ident),* } $(says $said:ident = $word:literal)?;)*) => {$(
        #[derive(Debug)]
        pub(in crate::mcp) struct $name;

        impl ToolRequest for $name {
            type Request = $request;
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
            $(const SAID: &'static [(&'static str, &'static str)] = &[(stringify!($said), $word)];)?
        }
    )*};
}

takes! {
    // All but the source: what comes in by this door came by the API.
    Create = CreateTicket {
        subject, contact_id, contact, topic, queue, priority, owner_id, call_id, body, evidence, tags, metadata,
        follow_up_of, actor_id
    };
    Triage = UpdateTicket { queue, priority, tags, actor_id };
    Assign = AssignTicket { owner_id, reason, actor_id };
    Claim = ClaimTicket { owner_id, actor_id };
    Transition = TransitionTicket { to, reason, resolution_note, owner_id, actor_id };
    Note = PostEntry { body, evidence, actor_id } says kind = "note";
    Reply = PostEntry { body, evidence, actor_id, reopen } says kind = "message";
}

/// A ticket as it is after a call.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::mcp) struct Done {
    /// The ticket; of a repetition, as it was after the first time.
    ticket: Card,
    #[serde(flatten)]
    receipt: Receipt,
}

/// The ticket that was taken.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::mcp) struct Claimed {
    /// The ticket; null if none waits.
    ticket: Option<Card>,
    #[serde(flatten)]
    receipt: Receipt,
}

/// An entry that was written.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::mcp) struct Written {
    /// The ticket in whose thread it is.
    ticket_id: TicketId,
    /// The entry.
    entry: EntryView,
    #[serde(flatten)]
    receipt: Receipt,
}

/// How a call was done.
#[derive(Debug, Serialize, JsonSchema)]
struct Receipt {
    /// The key that the call had: calling again with it and the same arguments does nothing more.
    idempotency_key: String,
    /// Whether this is a repetition, so that nothing was done this time.
    replayed: bool,
}

impl Receipt {
    /// What to say of a repetition.
    const fn again(&self) -> &'static str {
        if self.replayed { " (a repetition: nothing was done again)" } else { "" }
    }
}

impl Told for Done {
    fn told(&self) -> String {
        format!("{}{}. {NOTICE}", self.ticket.line(), self.receipt.again())
    }
}

impl Told for Claimed {
    fn told(&self) -> String {
        match &self.ticket {
            Some(ticket) => format!("{}{}. {NOTICE}", ticket.line(), self.receipt.again()),
            None => format!("No ticket waits in that queue{}", self.receipt.again()),
        }
    }
}

impl Told for Written {
    fn told(&self) -> String {
        format!("{} on {}{}. {NOTICE}", self.entry.line(), self.ticket_id, self.receipt.again())
    }
}

pub(in crate::mcp) async fn create(call: Call, key: HostKey, body: Body<Create>) -> Result<Done, Refusal> {
    let command = Command::Ticket(TicketCommand::Create(Box::new(body.request)));
    call.done(key, ExpectedVersion(None), command, &body.sent, Keyless::Derived).await
}

pub(in crate::mcp) async fn triage(
    call: Call,
    id: TicketId,
    version: ExpectedVersion,
    key: HostKey,
    body: Body<Triage>,
) -> Result<Done, Refusal> {
    let command = Command::Ticket(TicketCommand::Update(id, body.request));
    call.done(key, version, command, &body.sent, Keyless::Fresh).await
}

pub(in crate::mcp) async fn assign(
    call: Call,
    id: TicketId,
    version: ExpectedVersion,
    key: HostKey,
    body: Body<Assign>,
) -> Result<Done, Refusal> {
    let command = Command::Ticket(TicketCommand::Assign(id, body.request));
    call.done(key, version, command, &body.sent, Keyless::Fresh).await
}

pub(in crate::mcp) async fn transition(
    call: Call,
    id: TicketId,
    version: ExpectedVersion,
    key: HostKey,
    body: Body<Transition>,
) -> Result<Done, Refusal> {
    let command = Command::Ticket(TicketCommand::Transition(id, body.request));
    call.done(key, version, command, &body.sent, Keyless::Fresh).await
}

pub(in crate::mcp) async fn claim(
    call: Call,
    InQueue(queue): InQueue,
    key: HostKey,
    body: Body<Claim>,
) -> Result<Claimed, Refusal> {
    let command = Command::Claim(queue, body.request);
    let (ticket, receipt): (Option<Ticket>, _) =
        call.execute(key, ExpectedVersion(None), command, &body.sent, Keyless::Fresh).await?;
    Ok(Claimed { ticket: ticket.as_ref().map(Card::from), receipt })
}

pub(in crate::mcp) async fn note(
    call: Call,
    id: TicketId,
    version: ExpectedVersion,
    key: HostKey,
    body: Body<Note>,
) -> Result<Written, Refusal> {
    call.written(key, version, id, body.request, &body.sent).await
}

pub(in crate::mcp) async fn reply(
    call: Call,
    id: TicketId,
    version: ExpectedVersion,
    key: HostKey,
    body: Body<Reply>,
) -> Result<Written, Refusal> {
    call.written(key, version, id, body.request, &body.sent).await
}

impl Call {
    async fn done(
        self,
        key: HostKey,
        version: ExpectedVersion,
        command: Command,
        sent: &Json,
        keyless: Keyless,
    ) -> Result<Done, Refusal> {
        let (ticket, receipt): (Option<Ticket>, _) = self.execute(key, version, command, sent, keyless).await?;
        let ticket = ticket.ok_or_else(unreadable)?;
        Ok(Done { ticket: Card::from(&ticket), receipt })
    }

    async fn written(
        self,
        key: HostKey,
        version: ExpectedVersion,
        id: TicketId,
        entry: PostEntry,
        sent: &Json,
    ) -> Result<Written, Refusal> {
        let command = Command::Ticket(TicketCommand::Post(id, entry));
        let (entry, receipt): (Option<ThreadEntry>, _) =
            self.execute(key, version, command, sent, Keyless::Derived).await?;
        let entry = entry.ok_or_else(unreadable)?;
        Ok(Written { ticket_id: entry.ticket_id, entry: EntryView::new(&entry, WORDS_MAX), receipt })
    }

    /// Does what a command says, once; what it answers, if it answers anything.
    async fn execute<T: DeserializeOwned>(
        &self,
        HostKey(given): HostKey,
        ExpectedVersion(version): ExpectedVersion,
        command: Command,
        sent: &Json,
        keyless: Keyless,
    ) -> Result<(Option<T>, Receipt), Refusal> {
        let CallKey { key, text, is_derived } =
            CallKey::of(&self.caller, self.tool, &self.call_itself(), given, keyless).await?;
        let mut request = Request::as_sent(&key, command, sent).if_match(version.map(|version| vec![version]));
        if is_derived {
            request = request.forgets_rejections();
        }
        let answer = self.caller.desk().execute(request).await.map_err(|error| Refusal::from(error).with_key(&text))?;
        let body = &answer.response.body;
        if answer.response.status >= 400 {
            let problem = Problem::from_json(body).ok_or_else(unreadable)?;
            return Err(Refusal::from(problem).with_key(&text));
        }
        let told = if body.is_empty() { None } else { Some(serde_json::from_slice(body).map_err(|_| unreadable())?) };
        Ok((told, Receipt { idempotency_key: text, replayed: answer.replayed }))
    }

    /// The arguments without the key, which is not what the call says.
    fn call_itself(&self) -> Json {
        match &self.arguments {
            Json::Object(members) => Json::Object(
                members.iter().filter(|(name, _)| *name != HOST_KEY).map(|(n, v)| (n.clone(), v.clone())).collect(),
            ),
            other => other.clone(),
        }
    }
}

fn unreadable() -> Refusal {
    Problem::new(problem::INTERNAL, "the recorded answer cannot be read").into()
}
