use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use sk_tickets_core::{Environment, TargetPolicy};
use tower_service::Service;

/// Resolves names to those of their addresses that may be dialled. It stands inside the connector: the address that was
/// judged is the address that is dialled, whatever the name says a moment later.
#[derive(Debug, Clone)]
pub(super) struct PolicyResolver {
    pub(super) policy: TargetPolicy,
    pub(super) environment: Environment,
}

impl Service<Name> for PolicyResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { policy, environment } = *self;
        Box::pin(async move {
            // The connector puts the port in.
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let lawful: Vec<_> = addresses.filter(|address| policy.permits(address.ip(), environment)).collect();
            if lawful.is_empty() {
                return Err(io::Error::other("the name has no address that webhooks may be sent to"));
            }
            Ok(lawful.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(name: &str, policy: TargetPolicy, environment: Environment) -> io::Result<Vec<SocketAddr>> {
        PolicyResolver { policy, environment }.call(name.parse().unwrap()).await.map(Iterator::collect)
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_has_no_address() {
        for (policy, environment) in [
            (TargetPolicy::Public, Environment::Test),
            (TargetPolicy::Public, Environment::Live),
            (TargetPolicy::LoopbackInTest, Environment::Live),
        ] {
            let error = resolve("localhost", policy, environment).await.unwrap_err();
            assert!(error.to_string().contains("no address that webhooks may be sent to"), "{error}");
        }
    }

    #[tokio::test]
    async fn where_loopback_is_lawful_it_is_found() {
        for (policy, environment) in
            [(TargetPolicy::LoopbackInTest, Environment::Test), (TargetPolicy::Anything, Environment::Live)]
        {
            let addresses = resolve("localhost", policy, environment).await.unwrap();
            assert!(!addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback()));
        }
    }
}
