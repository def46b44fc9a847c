//! `serve`: the API, and the worker that delivers webhooks.

use std::{
    env,
    future::IntoFuture,
    io::{Write, stdout},
    sync::Arc,
    time::Duration,
};

use sk_tickets_core::{
    ApiKeySecret, BASE_PATH, CallId, ContactId, Environment, Realm, Scope, TargetPolicy, Tickets,
    platform::{id::IdGenerator, system::SystemEntropy},
};
use sk_tickets_http::WebhookClient;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{Failure, cli::Serve, store};

/// The tenant that the first start makes.
const DEMO_TENANT: &str = "demo";
/// How long requests under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn run(database: &str, options: Serve) -> Result<(), Failure> {
    let Serve { listen, webhook_schedule, allow_private_webhooks, public_url } = options;
    let store = store::open(database).await?;
    // On one machine there is one server: what a dead predecessor held is free.
    store.void_leases().await?;

    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}; choose another address with --listen"))?;
    let address = listener.local_addr()?;
    let public_url = public_url.unwrap_or_else(|| format!("http://{address}"));
    let targets = if allow_private_webhooks { TargetPolicy::Anything } else { TargetPolicy::LoopbackInTest };
    let tickets = Tickets::builder(Arc::new(store))
        .targets(targets)
        .schedule(webhook_schedule)
        .error_docs(format!("{}{BASE_PATH}/docs/errors/", public_url.trim_end_matches('/')))
        .build();

    welcome(&tickets, database, &public_url).await?;

    let (stop, stopped) = watch::channel(false);
    let dispatcher = tickets.dispatcher(Arc::new(WebhookClient::new(targets)?));
    let worker = {
        let stopped = stopped.clone();
        tokio::spawn(async move { dispatcher.run(until(stopped)).await })
    };
    let mut signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = signals.0.recv() => {}
            _ = signals.1.recv() => {}
        }
        tracing::info!("stopping: no new connections, requests under way are finished");
        stop.send_replace(true);
    });

    let serving =
        axum::serve(listener, sk_tickets_http::router(tickets)).with_graceful_shutdown(until(stopped.clone()));
    let out_of_patience = async {
        until(stopped).await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving.into_future() => served?,
        () = out_of_patience => tracing::warn!("some requests did not finish in time"),
    }
    worker.await?;
    tracing::info!("stopped");
    Ok(())
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that nobody can stop us any more: the process is ending.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Says where the server is; on an empty database makes a test key, and says what to do with it.
async fn welcome(tickets: &Tickets, database: &str, url: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "SK Tickets is listening on {url}")?;
    if tickets.store().api_keys().await?.is_empty() {
        let realm = Realm::assume(DEMO_TENANT.parse()?, Environment::Test);
        let name = Some("first start".to_owned());
        let (_, secret) = tickets.create_api_key(realm, name, Scope::ALL.iter().copied(), None).await?;
        write!(out, "{}", first_steps(&secret, database, url, tickets))?;
    }
    Ok(out.flush()?)
}

fn first_steps(secret: &ApiKeySecret, database: &str, url: &str, tickets: &Tickets) -> String {
    let ids = IdGenerator::new(Arc::new(SystemEntropy));
    let now = tickets.now();
    let contact: ContactId = ids.generate(now);
    let call: CallId = ids.generate(now);
    let key = secret.expose();
    let program = env::args().next().unwrap_or_else(|| "sk-tickets-server".to_owned());
    format!(
        r#"
This database is new, so here is a test key. It is shown only this once:

    {key}

1. In another terminal, receive and verify webhooks on this machine:

    {program} listen --database {database}

2. Make a ticket. Its signed ticket.created arrives there. Paste it again: same answer, still one ticket.

    curl -i -X POST {url}{BASE_PATH}/tickets \
      -H "Authorization: Bearer {key}" \
      -H "Idempotency-Key: my-first-ticket" \
      -H "Content-Type: application/json" \
      -d '{{"contact_id":"{contact}","subject":"Part delayed","source":"voice","call_id":"{call}"}}'

"#
    )
}
