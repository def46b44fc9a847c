//! `worker`: delivers webhooks, tells customers, does what is due at tickets, and nothing else.

use std::{
    io::{Write, stdout},
    sync::Arc,
};

use sk_tickets_core::Tickets;
use sk_tickets_http::{Metrics, WebhookClient, status_router};

use crate::{
    Failure,
    cli::{Location, Worker},
    descriptors, mail, secrets,
    serve::bind,
    stop::Stop,
    store,
};

pub(crate) async fn run(location: &Location, options: Worker) -> Result<(), Failure> {
    let Worker { listen, webhooks, desk, retain, mail } = options;
    let keyring = secrets::keyring(location)?;
    let tickets = Tickets::builder(store::open(location).await?)
        .targets(webhooks.targets())
        .schedule(webhooks.webhook_schedule.clone())
        .auto_close_after(desk.auto_close_after.0)
        .keyring(keyring)
        .build();
    let mailer = mail::mailer(&tickets, &mail)?;
    secrets::check(&tickets).await?;
    descriptors::raise();
    let metrics = Metrics::new();
    let dispatcher = tickets.dispatcher(metrics.watch(Arc::new(WebhookClient::new(webhooks.targets())?)));
    let stop = Stop::on_signal()?;
    let (sweeper, stopped) = (tickets.sweeper(), stop.clone().wait());
    let sweeper = tokio::spawn(async move { sweeper.run(stopped).await });
    let (purger, stopped) = (tickets.purger(retain.retain.unwrap_or_default()), stop.clone().wait());
    let purger = tokio::spawn(async move { purger.run(stopped).await });
    if let Some(address) = listen {
        let listener = bind(address)?;
        writeln!(stdout(), "the worker is listening on http://{}", listener.local_addr()?)?;
        let router = status_router(tickets, metrics);
        // It tells how the worker fares until the very end, and nobody waits for it.
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    tracing::info!("delivering webhooks");
    let mailing = mail::start(mailer, &stop);
    dispatcher.run(stop.wait()).await;
    mailing.await?;
    sweeper.await?;
    purger.await?;
    tracing::info!("stopped");
    Ok(())
}
