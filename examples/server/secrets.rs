//! The master keys that webhook secrets are sealed with in the database.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use sk_tickets_core::{Keyring, Secrets, Tickets};

use crate::{Failure, cli::Location};

/// The permission of everybody to read a file.
const READ_BY_ALL: u32 = 0o004;

/// The master keys that the command line names; none, if it names no file.
pub(crate) fn keyring(location: &Location) -> Result<Keyring, Failure> {
    location.master_key_file.as_deref().map_or_else(|| Ok(Keyring::default()), read)
}

fn read(file: &Path) -> Result<Keyring, Failure> {
    let name = file.display();
    let text =
        fs::read_to_string(file).map_err(|error| format!("the master key file {name} cannot be read: {error}"))?;
    let keyring = Keyring::parse(&text).map_err(|error| format!("the master key file {name}: {error}"))?;
    if fs::metadata(file)?.permissions().mode() & READ_BY_ALL != 0 {
        tracing::warn!("everybody on this machine can read the master key file {name}; chmod 600 would keep it secret");
    }
    Ok(keyring)
}

/// Refuses to go on if there are secrets that do not open: nothing could be signed with them, and no answer that tells
/// one could be given again.
pub(crate) async fn check(tickets: &Tickets) -> Result<(), Failure> {
    let secrets = tickets.secrets().await?;
    let unreadable = unreadable(&secrets);
    if !unreadable.is_empty() {
        return Err(unreadable.join("; ").into());
    }
    if let Some(outdated) = outdated(&secrets) {
        tracing::warn!("{outdated}");
    }
    Ok(())
}

/// Which secrets do not open, and what to do.
pub(crate) fn unreadable(secrets: &Secrets) -> Vec<String> {
    let words = secrets.unreadable.iter().map(|(key, count)| match key {
        Some(key) => format!(
            "{} sealed with the master key {key}, which does not open {}: put that key into the --master-key-file too",
            are(*count),
            if *count == 1 { "it" } else { "them" },
        ),
        None => format!("{} damaged: restore the database from a backup", are(*count)),
    });
    words.collect()
}

/// How many secrets are not sealed as they would be now, and what to do; none if there are none.
pub(crate) fn outdated(secrets: &Secrets) -> Option<String> {
    (secrets.outdated > 0).then(|| {
        format!("{} not sealed with the first master key: run `sk-tickets-server reseal`", are(secrets.outdated))
    })
}

fn are(count: u64) -> String {
    if count == 1 { "1 webhook secret is".to_owned() } else { format!("{count} webhook secrets are") }
}
