//! `quickstart`: the three moves, end to end, in one process, on a store that is gone afterwards.

use std::{
    io::{Write, stdout},
    net::Ipv4Addr,
    sync::{Arc, RwLock},
    time::Duration,
};

use serde_json::json;
use sk_tickets_core::{BASE_PATH, Environment, Realm, Scope, TargetPolicy, Tickets, WebhookSecret};
use sk_tickets_http::WebhookClient;
use sk_tickets_sqlite::SqliteStore;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

use crate::{Failure, client, receiver};

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(folder.path().join("quickstart.db")).await?);
    let tickets = Tickets::builder(store).targets(TargetPolicy::LoopbackInTest).build();

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let api = format!("http://{}{BASE_PATH}", listener.local_addr()?);
    let router = sk_tickets_http::router(tickets.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (stop, stopped) = oneshot::channel::<()>();
    let dispatcher = tickets.dispatcher(Arc::new(WebhookClient::new(TargetPolicy::LoopbackInTest)?));
    let worker = tokio::spawn(async move {
        dispatcher
            .run(async {
                // An error means that nobody waits for the end any more, which is the end too.
                let _ = stopped.await;
            })
            .await;
    });

    let mut out = stdout();
    writeln!(out, "1. Get a test key.")?;
    let realm = Realm::assume("demo".parse()?, Environment::Test);
    let (_, key) = tickets.create_api_key(realm, None, Scope::ALL.iter().copied(), None).await?;
    let key = key.expose();
    writeln!(out, "   {key}\n")?;

    writeln!(out, "2. Listen for the webhook.")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let hook = format!("http://{}/", listener.local_addr()?);
    let secret = Arc::new(RwLock::new(None));
    let (sender, mut received) = mpsc::channel(1);
    let router = receiver::router(Arc::clone(&secret), sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let body = json!({"url": hook, "events": ["ticket.created"]});
    let (status, endpoint) = client::post(&format!("{api}/webhook_endpoints"), key, "quickstart-1", &body).await?;
    writeln!(out, "   POST {api}/webhook_endpoints {body}\n   {status} {}\n", endpoint["id"])?;
    let told = WebhookSecret::parse(endpoint["secret"].as_str().unwrap_or_default())?;
    *secret.write().map_err(|error| error.to_string())? = Some(told);

    writeln!(out, "3. Make one authenticated call.")?;
    let body = json!({"subject": "Part delayed", "source": "voice"});
    let (status, ticket) = client::post(&format!("{api}/tickets"), key, "quickstart-2", &body).await?;
    writeln!(out, "   POST {api}/tickets {body}\n   {status} {}\n", ticket["id"])?;

    let event = tokio::time::timeout(PATIENCE, received.recv())
        .await
        .map_err(|_| "no webhook came")?
        .ok_or("the receiver is gone")?
        .map_err(|reason| format!("the webhook was refused: {reason}"))?;
    writeln!(out, "The signed event arrived and its HMAC is right:\n{event:#}")?;

    // An error means that the worker has ended by itself, which `await` reports.
    let _ = stop.send(());
    worker.await?;
    Ok(())
}
