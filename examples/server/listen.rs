//! `listen`: a local receiver that verifies and prints.

use std::{
    io::{Write, stdout},
    net::Ipv4Addr,
    pin::pin,
    sync::{Arc, RwLock},
};

use sk_tickets_core::{
    CreateEndpoint, Desk, Entropy, Environment, IdempotencyKey, PageRequest, Realm, SystemEntropy, TargetPolicy,
    Tickets, WebhookSecret,
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
            let keyring = secrets::keyring(location)?;
            let tickets = Tickets::builder(store).targets(TargetPolicy::LoopbackInTest).keyring(keyring).build();
            own_secret(&tickets.desk(Realm::assume(tenant, Environment::Test)), &url).await?
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

/// The secret of the endpoint with this URL; it is made, or enabled, if it must be.
async fn own_secret(desk: &Desk, url: &str) -> Result<WebhookSecret, Failure> {
    let known = IdempotencyKey::system(&format!("listen {url}"));
    let create = CreateEndpoint::new(url.parse()?);
    // Asked again with the same key, the answer is that of the first time, with the same secret.
    let mut endpoint = desk.create_endpoint(&known, create.clone()).await?.value;
    match desk.endpoint(endpoint.id).await? {
        Some(current) if current.url != url => endpoint = desk.create_endpoint(&fresh_key(), create).await?.value,
        Some(_) => {
            desk.enable_endpoint(&fresh_key(), endpoint.id).await?;
        }
        None => endpoint = desk.create_endpoint(&fresh_key(), create).await?.value,
    }
    let others = desk.endpoints(&PageRequest::first().limit(100)).await?.data.len();
    eprintln!("{} is one of {others} webhook endpoints of {:?}", endpoint.id, desk.realm());
    let secret = endpoint.secret.ok_or("the endpoint was made without a secret")?;
    Ok(WebhookSecret::parse(secret.expose())?)
}

fn fresh_key() -> IdempotencyKey {
    let mut random = [0; 16];
    SystemEntropy.fill(&mut random);
    IdempotencyKey::system(&format!("listen {:032x}", u128::from_be_bytes(random)))
}
