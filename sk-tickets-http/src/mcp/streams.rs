use rmcp::{ServiceExt, service::ServerInitializeError};
use sk_tickets_core::{Error, Tickets, model::api_key::API_KEY_PRODUCT, platform::api_key::ApiKeySecret};
use tokio::io::{AsyncRead, AsyncWrite};

use super::agent::{Access, Agent, Holder};
use crate::api::KeyRing;

/// Why an agent is not served.
#[derive(Debug)]
#[non_exhaustive]
pub enum McpStreamsError {
    /// The key opens nothing.
    Key,
    /// The store failed.
    Store(Error),
    /// The other side does not keep to the protocol, or is gone.
    Protocol(String),
}

impl std::fmt::Display for McpStreamsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key => {
                f.write_str("the key opens nothing: it is not one of this database's, was revoked or is expired")
            }
            Self::Store(error) => write!(f, "the key could not be looked up: {error}"),
            Self::Protocol(what) => write!(f, "the agent's host does not keep to the protocol: {what}"),
        }
    }
}

impl std::error::Error for McpStreamsError {}

/// Serves one agent over a pair of streams, such as standard input and output: the same tools as over HTTP, with what this
/// key may do. Returns when the input ends.
///
/// The key is looked at with every request, so one that is revoked meanwhile opens nothing any more.
///
/// # Errors
/// [`McpStreamsError`] if the key opens nothing, or the other side does not speak the protocol.
pub async fn mcp_over_streams(
    tickets: Tickets,
    key: &str,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), McpStreamsError> {
    let secret = ApiKeySecret::parse(API_KEY_PRODUCT, key).map_err(|_| McpStreamsError::Key)?;
    let session = tickets.request_id().to_string();
    let holder = Holder { tickets, keys: KeyRing::default(), secret, session };
    holder.caller().await.map_err(|error| match error.problem().status() {
        401 => McpStreamsError::Key,
        _ => McpStreamsError::Store(error),
    })?;
    let running = match Agent(Access::Holds(holder)).serve((input, output)).await {
        Ok(running) => running,
        // Nobody said anything.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(McpStreamsError::Protocol(error.to_string())),
    };
    running.waiting().await.map_err(|error| McpStreamsError::Protocol(error.to_string()))?;
    Ok(())
}
