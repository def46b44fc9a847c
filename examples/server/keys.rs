//! `keys`: makes, lists, rotates and revokes API keys.

use std::io::{Write, stdout};

use sk_tickets_core::{ApiKey, Realm, Scope, Tickets, Timestamp, limits::API_KEY_NAME_MAX};

use crate::{
    Failure,
    cli::{Keys, Location, Time},
    store,
};

pub(crate) async fn run(location: &Location, command: Keys) -> Result<(), Failure> {
    let tickets = Tickets::new(store::open(location).await?);
    match command {
        Keys::Create { tenant, environment, scopes, name, expires_at } => {
            if name.as_ref().is_some_and(|name| name.chars().count() > API_KEY_NAME_MAX) {
                return Err(format!("a key's name has at most {API_KEY_NAME_MAX} characters").into());
            }
            is_to_come(expires_at, &tickets)?;
            let scopes = if scopes.is_empty() { Scope::ALL.to_vec() } else { scopes };
            let realm = Realm::assume(tenant, environment);
            let (_, secret) = tickets.create_api_key(realm, name, scopes, expires_at).await?;
            writeln!(stdout(), "{}", secret.expose())?;
        }
        Keys::List => {
            let mut out = stdout().lock();
            let head = ["id", "tenant", "env", "state", "created", "expires", "last used", "name", "scopes"];
            writeln!(out, "{}", line(head))?;
            for key in tickets.store().api_keys().await? {
                writeln!(out, "{}", row(&key, tickets.now()))?;
            }
        }
        Keys::Rotate { id, overlap: Time(overlap), expires_at } => {
            is_to_come(expires_at, &tickets)?;
            let Some((key, secret)) = tickets.rotate_api_key(id, overlap, expires_at).await? else {
                return Err(format!("there is no key {id} that opens anything").into());
            };
            writeln!(stdout(), "{}", secret.expose())?;
            let end = key.created_at + overlap;
            eprintln!("{} does what {id} does, which opens nothing from {end} on at the latest", key.id);
        }
        Keys::Revoke { id } => {
            if !tickets.revoke_api_key(id).await? {
                return Err(format!("there is no key {id} that could be revoked").into());
            }
            eprintln!("revoked {id}; it opens nothing from five seconds on at the latest");
        }
    }
    Ok(())
}

/// Refuses to make a key that would open nothing.
fn is_to_come(expires_at: Option<Timestamp>, tickets: &Tickets) -> Result<(), Failure> {
    match expires_at {
        Some(at) if at <= tickets.now() => Err(format!("--expires-at {at} is past: the key would open nothing").into()),
        Some(_) | None => Ok(()),
    }
}

fn row(key: &ApiKey, now: Timestamp) -> String {
    let ApiKey { id, realm, name, scopes, created_at, expires_at, revoked_at, last_used_at } = key;
    let state = match revoked_at {
        Some(_) => "revoked",
        None if key.is_valid(now) => "valid",
        None => "expired",
    };
    let or_none = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    line([
        &id.to_string(),
        realm.tenant().as_str(),
        realm.environment().as_str(),
        state,
        &created_at.to_string(),
        &or_none(*expires_at),
        &or_none(*last_used_at),
        name.as_deref().unwrap_or("-"),
        &scopes.join(","),
    ])
}

fn line([id, tenant, environment, state, created, expires, used, name, scopes]: [&str; 9]) -> String {
    format!(
        "{id:30}  {tenant:16}  {environment:4}  {state:8}  {created:24}  {expires:24}  {used:24}  {name:20}  {scopes}"
    )
}
