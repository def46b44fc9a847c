use std::{
    fmt::Debug,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    vec,
};

use async_trait::async_trait;
use hyper_util::client::legacy::connect::dns::Name;
use sk_tickets_core::{Environment, TargetPolicy};
use tower_service::Service;

/// Where the addresses of a name come from. A parameter, so that tests can have names that change their mind.
#[async_trait]
pub(super) trait Lookup: Debug + Send + Sync + 'static {
    /// The addresses of a name; their ports mean nothing.
    async fn lookup(&self, name: &str) -> io::Result<Vec<SocketAddr>>;
}

/// As the system resolves names.
#[derive(Debug)]
pub(super) struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        // The connector puts the port in.
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// Resolves names to those of their addresses that may be dialled. It stands inside the connector: the address that was
/// judged is the address that is dialled, whatever the name says a moment later.
#[derive(Debug, Clone)]
pub(super) struct PolicyResolver {
    pub(super) policy: TargetPolicy,
    pub(super) environment: Environment,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Service<Name> for PolicyResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { policy, environment, lookup } = self.clone();
        Box::pin(async move {
            let mut addresses = lookup.lookup(name.as_str()).await?;
            addresses.retain(|address| policy.permits(address.ip(), environment));
            if addresses.is_empty() {
                return Err(io::Error::other("the name has no address that webhooks may be sent to"));
            }
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(name: &str, policy: TargetPolicy, environment: Environment) -> io::Result<Vec<SocketAddr>> {
        let mut resolver = PolicyResolver { policy, environment, lookup: Arc::new(SystemLookup) };
        resolver.call(name.parse().unwrap()).await.map(Iterator::collect)
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
