//! `listen`: a local receiver that verifies and prints.

use std::{
    io::{Write, stdout},
    net::Ipv4Addr,
    pin::pin,
    sync::{Arc, RwLock},
};

use sk_tickets_core::{
    CreateEndpoint, Desk, EndpointView, Entropy, Environment, IdempotencyKey, Keyring, PageRequest, Realm,
    SystemEntropy, TargetPolicy, Tickets, WebhookSecret, limits::PAGE_MAX,
};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    Failure,
    cli::{Listen, Location},
    receiver, secrets,
    stop::Stop,
    store,
};

/// How many webhooks may wait to be printed.
const WAITING_MAX: usize = 64;

pub(crate) async fn run(location: &Location, options: Listen) -> Result<(), Failure> {
    let Listen { port, secret, tenant } = options;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| format!("cannot listen on port {port}: {error}; choose another with --port"))?;
    let url = format!("http://{}/", listener.local_addr()?);
    let secret = match secret {
        Some(secret) => WebhookSecret::parse(&secret)?,
        None => {
            let store = store::open(location).await?;
            let keyring = || secrets::keyring(location);
            let tickets = Tickets::builder(store).targets(TargetPolicy::LoopbackInTest).keyring(keyring()?).build();
            own_secret(&tickets, Realm::assume(tenant, Environment::Test), &keyring()?, &url).await?
        }
    };
    let (sender, mut received) = mpsc::channel(WAITING_MAX);
    let app = receiver::router(Arc::new(RwLock::new(Some(secret))), sender);
    tokio::spawn(async move { axum::serve(listener, app).await });

    // Once for all: a signal that comes while something is printed counts too.
    let mut stopped = pin!(Stop::on_signal()?.wait());
    writeln!(stdout(), "waiting for webhooks at {url} (Ctrl-C ends)")?;
    loop {
        let webhook = tokio::select! {
            webhook = received.recv() => webhook,
            () = &mut stopped => return Ok(()),
        };
        let mut out = stdout().lock();
        match webhook {
            Some(Ok(event)) => {
                let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
                writeln!(out, "\nverified {} {} {}", text("type"), text("id"), text("ticket_id"))?;
                writeln!(out, "{event:#}")?;
            }
            Some(Err(reason)) => writeln!(out, "\nrefused: {reason}")?,
            None => return Ok(()),
        }
        out.flush()?;
    }
}

/// The present secret of the newest endpoint with this URL; it is made, or enabled, if it must be.
async fn own_secret(tickets: &Tickets, realm: Realm, keyring: &Keyring, url: &str) -> Result<WebhookSecret, Failure> {
    let desk = tickets.desk(realm);
    let before = all(&desk).await?;
    let (id, count) = match before.iter().find(|endpoint| endpoint.url == url) {
        Some(known) => (desk.enable_endpoint(&fresh_key(), known.id).await?.value.id, before.len()),
        None => {
            let create = CreateEndpoint::new(url.parse()?);
            (desk.create_endpoint(&fresh_key(), create).await?.value.id, before.len() + 1)
        }
    };
    eprintln!("{id} is one of {count} webhook endpoints of {:?}", desk.realm());
    // As it is now: it may have been rotated since it was told.
    let endpoint = tickets.store().endpoint(desk.realm(), id).await?.ok_or("the endpoint was deleted just now")?;
    Ok(WebhookSecret::from_bytes(keyring.open(&endpoint.secret, desk.realm())?)?)
}

/// Every endpoint, the newest first.
async fn all(desk: &Desk) -> Result<Vec<EndpointView>, Failure> {
    let mut endpoints = Vec::new();
    let mut page = PageRequest::first();
    loop {
        let read = desk.endpoints(&page.limit(PAGE_MAX)).await?;
        endpoints.extend(read.data);
        let Some(cursor) = read.next_cursor else { return Ok(endpoints) };
        page = PageRequest::first().after(cursor);
    }
}

fn fresh_key() -> IdempotencyKey {
    let mut random = [0; 16];
    SystemEntropy.fill(&mut random);
    IdempotencyKey::system(&format!("listen {:032x}", u128::from_be_bytes(random)))
}
