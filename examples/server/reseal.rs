//! `reseal`: seals every webhook secret with the first master key, beside a running server too.

use std::io::{Write, stdout};

use sk_tickets_core::Tickets;

use crate::{Failure, cli::Location, secrets, store};

pub(crate) async fn run(location: &Location) -> Result<(), Failure> {
    if location.master_key_file.is_none() {
        return Err("there is nothing to seal with: name a --master-key-file".into());
    }
    let tickets = Tickets::builder(store::open(location).await?).keyring(secrets::keyring(location)?).build();
    let before = tickets.secrets().await?;
    let after = tickets.reseal().await?;
    let sealed = before.outdated.saturating_sub(after.outdated);
    writeln!(stdout(), "{sealed} of {} webhook secrets were sealed anew", after.count)?;
    let unreadable = secrets::unreadable(&after);
    if unreadable.is_empty() { Ok(()) } else { Err(unreadable.join("; ").into()) }
}
