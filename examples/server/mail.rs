//! Customers, told by mail.

use std::{fs, path::Path, sync::Arc};

use sk_tickets_core::{MailTemplate, Mailer, Tickets};
use sk_tickets_http::SmtpNotifier;
use tokio::task::JoinHandle;

use crate::{
    Failure,
    cli::{Mail, Secret},
    stop::Stop,
};

/// How mails read: as the file says, or as they do by default.
pub(crate) fn template(file: Option<&Path>) -> Result<MailTemplate, Failure> {
    let Some(file) = file else { return Ok(MailTemplate::default()) };
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("the mail template {name} cannot be read: {error}"))?;
    Ok(MailTemplate::parse_file(&text).map_err(|error| format!("the mail template {name}: {error}"))?)
}

/// The worker that tells customers, if there is a server to tell them through.
pub(crate) fn mailer(tickets: &Tickets, mail: &Mail) -> Result<Option<Mailer>, Failure> {
    let Mail { smtp_url, mail_from } = mail;
    let Some(Secret(url)) = smtp_url else { return Ok(None) };
    let notifier = SmtpNotifier::new(url, mail_from.as_deref()).map_err(|error| format!("--smtp-url: {error}"))?;
    Ok(Some(tickets.mailer(Arc::new(notifier))))
}

/// Runs it until it is to stop.
pub(crate) fn start(mailer: Option<Mailer>, stop: &Stop) -> JoinHandle<()> {
    let stopped = stop.clone().wait();
    tokio::spawn(async move {
        match mailer {
            Some(mailer) => mailer.run(stopped).await,
            None => tracing::info!("no --smtp-url: what customers are to be told waits"),
        }
    })
}
