//! `serve`: the API, and the workers that deliver webhooks, tell customers and do what is due at tickets.

use std::{
    env,
    io::{self, Write, stdout},
    net::SocketAddr,
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use sk_tickets_core::{
    ApiKeySecret, BASE_PATH, CallId, ContactId, Environment, Realm, Scope, Tickets,
    platform::{id::IdGenerator, system::SystemEntropy},
};
use sk_tickets_http::{Metrics, RateLimit, RouterOptions, ServeOptions, WebhookClient};
use tokio::net::{TcpListener, TcpSocket};

use crate::{
    Failure,
    cli::{Location, PublicUrl, Serve},
    demo, descriptors, mail, secrets,
    stop::Stop,
    store::{Database, Opened},
};

/// The tenant that the first start makes.
const DEMO_TENANT: &str = "demo";
/// How long requests under way may take once the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How many connections may wait to be accepted: as come at once after a network was down.
const BACKLOG: u32 = 1_024;

pub(crate) async fn run(location: &Location, options: Serve) -> Result<(), Failure> {
    let Serve {
        listen,
        webhooks,
        desk,
        retain,
        mail,
        mail_template,
        rate_limit,
        client_patience,
        trusted_proxies,
        public_url,
    } = options;
    let template = mail::template(mail_template.as_deref())?;
    let keyring = secrets::keyring(location)?;
    let opened = Database::parse(location)?.open().await?;
    let file = match &opened {
        Opened::Sqlite(store) => Some(store.clone()),
        Opened::Postgres(_) => None,
    };

    let listener = bind(listen)?;
    let address = listener.local_addr()?;
    let public_url = public_url.map_or_else(|| format!("http://{address}"), |PublicUrl(url)| url);
    let tickets = Tickets::builder(opened.into_store())
        .targets(webhooks.targets())
        .schedule(webhooks.webhook_schedule.clone())
        .auto_close_after(desk.auto_close_after.0)
        .error_docs(format!("{public_url}{BASE_PATH}/docs/errors/"))
        .keyring(keyring)
        .mail_template(template)
        .build();
    let mailer = mail::mailer(&tickets, &mail)?;
    secrets::check(&tickets).await?;
    let metrics = Metrics::new();
    let dispatcher = tickets.dispatcher(metrics.watch(Arc::new(WebhookClient::new(webhooks.targets())?)));

    let stop = Stop::on_signal()?;
    if let Some(store) = file {
        // To a file there is one server: what a dead predecessor held is free. Only now that it has the address: if one
        // were still alive, whatever it is sending would be sent twice.
        store.void_leases().await?;
    }
    let has_demo = address.ip().is_loopback();
    welcome(&tickets, location, &public_url, has_demo).await?;

    let stopped = stop.clone().wait();
    let worker = tokio::spawn(async move { dispatcher.run(stopped).await });
    let mailing = mail::start(mailer, &stop);
    let (sweeper, stopped) = (tickets.sweeper(), stop.clone().wait());
    let sweeper = tokio::spawn(async move { sweeper.run(stopped).await });
    let (purger, stopped) = (tickets.purger(retain.retain.unwrap_or_default()), stop.clone().wait());
    let purger = tokio::spawn(async move { purger.run(stopped).await });
    let rate_limit = NonZeroU32::new(rate_limit).map(RateLimit::per_second);
    let demo = if has_demo { demo::router(tickets.clone(), tickets.desk(demo_realm()?)) } else { Router::new() };
    let options = RouterOptions::new(tickets).rate_limit(rate_limit).trusted_proxies(trusted_proxies);
    let router = options.metrics(metrics).build().merge(demo);
    let options = ServeOptions::default().connections(descriptors::for_connections()).patience(client_patience.0);
    let serving = sk_tickets_http::serve(listener, router, options, stop.clone().wait());
    let out_of_patience = async {
        stop.wait().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serving => {}
        () = out_of_patience => tracing::warn!("some requests did not finish in time"),
    }
    sweeper.await?;
    purger.await?;
    worker.await?;
    mailing.await?;
    tracing::info!("stopped");
    Ok(())
}

/// Where one can try things.
fn demo_realm() -> Result<Realm, Failure> {
    Ok(Realm::assume(DEMO_TENANT.parse()?, Environment::Test))
}

/// Listens on an address, or says what to do.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listening = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // As a server that was just stopped leaves connections behind that are still being closed.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    Ok(listening().map_err(|error: io::Error| {
        format!("cannot listen on {address}: {error}; choose another address with --listen")
    })?)
}

/// Says where the server is; on an empty database makes a test key, and says what to do with it.
async fn welcome(tickets: &Tickets, location: &Location, url: &str, has_demo: bool) -> Result<(), Failure> {
    let mut out = stdout().lock();
    writeln!(out, "SK Tickets is listening on {url}")?;
    if tickets.store().api_keys().await?.is_empty() {
        let name = Some("first start".to_owned());
        let (_, secret) = tickets.create_api_key(demo_realm()?, name, Scope::ALL.iter().copied(), None).await?;
        write!(out, "{}", first_steps(&secret, location, url, tickets))?;
        if has_demo {
            write!(out, "{}", demo_step(url))?;
        }
    }
    Ok(out.flush()?)
}

fn first_steps(secret: &ApiKeySecret, location: &Location, url: &str, tickets: &Tickets) -> String {
    let ids = IdGenerator::new(Arc::new(SystemEntropy));
    let now = tickets.now();
    let contact: ContactId = ids.generate(now);
    let call: CallId = ids.generate(now);
    let key = secret.expose();
    let database = match Database::parse(location) {
        Ok(Database::Sqlite(_)) => format!("\"{}\"", location.database),
        // The URL may hold a password, which is not to stand on a screen.
        Ok(Database::Postgres { .. }) | Err(_) => "\"$DATABASE_URL\"".to_owned(),
    };
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

fn demo_step(url: &str) -> String {
    format!("3. Or be a customer: a shop's page, whose form makes tickets.\n\n    {url}/demo\n\n")
}
