//! The table of routes. Everything under the base path is in it: what is not, is not there.

mod auth;
mod call;
mod dead_letters;
mod deliveries;
mod events;
mod threads;
mod tickets;
mod webhook_endpoints;

use std::{future::Future, pin::Pin};

use axum::response::Response;
use http::Method;
use sk_tickets_core::{Error, Scope};

pub(crate) use auth::KeyRing;
pub(crate) use call::{Call, require};

/// One operation: how it is asked for, what a key must be allowed, who answers.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) scope: Scope,
    pub(crate) handler: Handler,
}

pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;
pub(crate) type Handler = fn(Call) -> Answer;

macro_rules! routes {
    ($($method:ident $path:literal $scope:ident $module:ident::$handler:ident;)*) => {
        [$(Route {
            method: Method::$method,
            path: $path,
            scope: Scope::$scope,
            handler: |call| Box::pin($module::$handler(call)),
        }),*]
    };
}

/// Every route under the base path, by path.
pub(crate) fn table() -> Vec<Route> {
    routes! {
        POST   "/tickets"                              TicketsWrite  tickets::create;
        GET    "/tickets"                              TicketsRead   tickets::list;
        GET    "/tickets/{id}"                         TicketsRead   tickets::get;
        PATCH  "/tickets/{id}"                         TicketsTriage tickets::update;
        POST   "/tickets/{id}/assign"                  TicketsTriage tickets::assign;
        POST   "/tickets/{id}/transitions"             TicketsTriage tickets::transition;
        POST   "/tickets/{id}/thread"                  TicketsTriage threads::post;
        GET    "/tickets/{id}/thread"                  TicketsRead   threads::list;
        GET    "/tickets/{id}/thread/{entry}"          TicketsRead   threads::get;
        GET    "/events"                               TicketsRead   events::list;
        GET    "/events/{id}"                          TicketsRead   events::get;
        POST   "/webhook_endpoints"                    Webhooks      webhook_endpoints::create;
        GET    "/webhook_endpoints"                    Webhooks      webhook_endpoints::list;
        GET    "/webhook_endpoints/{id}"               Webhooks      webhook_endpoints::get;
        PATCH  "/webhook_endpoints/{id}"               Webhooks      webhook_endpoints::update;
        DELETE "/webhook_endpoints/{id}"               Webhooks      webhook_endpoints::delete;
        POST   "/webhook_endpoints/{id}/enable"        Webhooks      webhook_endpoints::enable;
        POST   "/webhook_endpoints/{id}/disable"       Webhooks      webhook_endpoints::disable;
        POST   "/webhook_endpoints/{id}/ping"          Webhooks      webhook_endpoints::ping;
        POST   "/webhook_endpoints/{id}/rotate_secret" Webhooks      webhook_endpoints::rotate_secret;
        GET    "/deliveries"                           Webhooks      deliveries::list;
        GET    "/deliveries/{id}"                      Webhooks      deliveries::get;
        GET    "/dead_letters"                         Webhooks      dead_letters::list;
        POST   "/dead_letters/replay"                  Webhooks      dead_letters::replay_all;
        GET    "/dead_letters/jobs/{id}"               Webhooks      dead_letters::job;
        GET    "/dead_letters/{id}"                    Webhooks      dead_letters::get;
        POST   "/dead_letters/{id}/replay"             Webhooks      dead_letters::replay;
        POST   "/dead_letters/{id}/discard"            Webhooks      dead_letters::discard;
    }
    .to_vec()
}
