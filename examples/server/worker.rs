//! `worker`: delivers webhooks and does nothing else.

use std::sync::Arc;

use sk_tickets_core::Tickets;
use sk_tickets_http::WebhookClient;

use crate::{
    Failure,
    cli::{Location, Webhooks},
    stop::Stop,
    store,
};

pub(crate) async fn run(location: &Location, webhooks: Webhooks) -> Result<(), Failure> {
    let tickets = Tickets::builder(store::open(location).await?)
        .targets(webhooks.targets())
        .schedule(webhooks.webhook_schedule.clone())
        .build();
    let dispatcher = tickets.dispatcher(Arc::new(WebhookClient::new(webhooks.targets())?));
    let stop = Stop::on_signal()?;
    tracing::info!("delivering webhooks");
    dispatcher.run(stop.wait()).await;
    tracing::info!("stopped");
    Ok(())
}
