//! `mcp`: serves one agent over standard input and output, for hosts on a desktop. In this process, on the database: a server
//! may run beside it, and delivers what the agent causes. Nothing but the protocol goes to standard output.

use sk_tickets_core::Tickets;
use sk_tickets_http::mcp_over_streams;
use tokio::io::{stdin, stdout};

use crate::{
    Failure,
    cli::{Location, Mcp},
    mail, secrets, store,
};

/// Ends when standard input does. A signal ends it at once, as it would any command: what was acknowledged is in the
/// database.
pub(crate) async fn run(location: &Location, options: Mcp) -> Result<(), Failure> {
    let Mcp { key, mail_template, desk } = options;
    let template = mail::template(mail_template.as_deref())?;
    let keyring = secrets::keyring(location)?;
    let tickets = Tickets::builder(store::open(location).await?)
        .auto_close_after(desk.auto_close_after.0)
        .keyring(keyring)
        .mail_template(template)
        .build();
    Ok(mcp_over_streams(tickets, &key.0, stdin(), stdout()).await?)
}
