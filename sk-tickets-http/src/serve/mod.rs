//! Serves a router on a socket, within limits that no client can go beyond: so many connections, so long for a request to
//! come, so large a head.

mod body_timeout;
mod write_timeout;

use std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{Request, Response};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use sk_tickets_core::limits::{CLIENT_PATIENCE_SECS, CONNECTIONS_MAX, HEAD_BYTES_MAX};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tower_service::Service;

use body_timeout::BodyTimeout;
use write_timeout::WriteTimeout;

/// How long nothing is accepted after the machine could not give a connection, as when it has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Choices for [`serve`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ServeOptions {
    connections: usize,
    patience: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { connections: CONNECTIONS_MAX, patience: Duration::from_secs(CLIENT_PATIENCE_SECS) }
    }
}

impl ServeOptions {
    /// How many connections there are at a time; 4,096 unless told otherwise, at least 1. Others wait to be accepted. Each
    /// takes a descriptor.
    pub fn connections(mut self, connections: usize) -> Self {
        // The most that a semaphore counts is far more than there are descriptors.
        self.connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// How long a client may take to send the head of a request, from when it could; how long for the body after that; and
    /// how long it may take nothing of an answer. 75 seconds each unless told otherwise. A connection that is kept without
    /// a request is closed after the same time.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// Serves HTTP/1.1 until `stop` returns, and then until what is under way is answered.
///
/// Who a request comes from is noted, as forms need to know it (`ConnectInfo<SocketAddr>`).
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    stop: impl Future<Output = ()> + Send,
) {
    let ServeOptions { connections, patience } = options;
    let places = Arc::new(Semaphore::new(connections));
    let under_way = GracefulShutdown::new();
    let mut http1 = http1::Builder::new();
    http1.timer(TokioTimer::new()).header_read_timeout(patience).max_header_size(HEAD_BYTES_MAX);
    let mut stop = pin!(stop);
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, accept(&listener).await)
        };
        let (place, (stream, peer)) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        let router = router.clone();
        let service = service_fn(move |request| answer(router.clone(), request, peer, patience));
        let connection =
            under_way.watch(http1.serve_connection(TokioIo::new(WriteTimeout::new(stream, patience)), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, %peer, "a connection broke, or was too slow");
            }
            drop(place);
        });
    }
    drop(listener);
    under_way.shutdown().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn answer(
    mut router: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    patience: Duration,
) -> Result<Response<Body>, Infallible> {
    let mut request = request
        .map(|body| if body.is_end_stream() { Body::empty() } else { Body::new(BodyTimeout::new(body, patience)) });
    request.extensions_mut().insert(ConnectInfo(peer));
    router.call(request).await
}
