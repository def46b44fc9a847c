//! `keys`: makes, lists and revokes API keys.

use std::io::{Write, stdout};

use sk_tickets_core::{ApiKey, Realm, Scope, Tickets, limits::API_KEY_NAME_MAX};

use crate::{
    Failure,
    cli::{Keys, Location},
    store,
};

pub(crate) async fn run(location: &Location, command: Keys) -> Result<(), Failure> {
    let tickets = Tickets::new(store::open(location).await?);
    match command {
        Keys::Create { tenant, environment, scopes, name, expires_at } => {
            if name.as_ref().is_some_and(|name| name.chars().count() > API_KEY_NAME_MAX) {
                return Err(format!("a key's name has at most {API_KEY_NAME_MAX} characters").into());
            }
            let scopes = if scopes.is_empty() { Scope::ALL.to_vec() } else { scopes };
            let realm = Realm::assume(tenant, environment);
            let (_, secret) = tickets.create_api_key(realm, name, scopes, expires_at).await?;
            writeln!(stdout(), "{}", secret.expose())?;
        }
        Keys::List => {
            let mut out = stdout().lock();
            writeln!(
                out,
                "{:30}  {:16}  {:4}  {:8}  {:24}  {:20}  scopes",
                "id", "tenant", "env", "state", "created", "name"
            )?;
            for key in tickets.store().api_keys().await? {
                writeln!(out, "{}", line(&key, &tickets))?;
            }
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

fn line(key: &ApiKey, tickets: &Tickets) -> String {
    let ApiKey { id, realm, name, scopes, created_at, expires_at: _, revoked_at, last_used_at: _ } = key;
    let state = match revoked_at {
        Some(_) => "revoked",
        None if key.is_valid(tickets.now()) => "valid",
        None => "expired",
    };
    let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    format!(
        "{:30}  {:16}  {:4}  {state:8}  {:24}  {:20}  {}",
        id.to_string(),
        realm.tenant().as_str(),
        realm.environment().as_str(),
        created_at.to_string(),
        name.as_deref().unwrap_or("-"),
        scopes.join(",")
    )
}
