//! The same over a pair of streams.

use std::time::Duration;

use serde_json::{Value, json};
use sk_tickets_core::{
    Environment, Scope, SystemEntropy, model::api_key::API_KEY_PRODUCT, platform::api_key::ApiKeySecret,
};
use sk_tickets_http::{McpStreamsError, mcp_over_streams};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

use crate::app::{ACME, TestApp, realm};

struct Host {
    input: WriteHalf<DuplexStream>,
    output: Lines<BufReader<ReadHalf<DuplexStream>>>,
    served: tokio::task::JoinHandle<Result<(), McpStreamsError>>,
}

impl Host {
    fn start(app: &TestApp, key: String) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let tickets = app.tickets.clone();
        let served = tokio::spawn(async move {
            let (input, output) = tokio::io::split(theirs);
            mcp_over_streams(tickets, &key, input, output).await
        });
        let (output, input) = tokio::io::split(ours);
        Self { input, output: BufReader::new(output).lines(), served }
    }

    async fn say(&mut self, message: Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.say(json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})).await;
        serde_json::from_str(&self.output.next_line().await.unwrap().unwrap()).unwrap()
    }

    async fn shake_hands(&mut self) {
        let params =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}});
        assert_eq!(self.ask("initialize", params).await["result"]["serverInfo"]["name"], "sk-tickets");
        self.say(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    }
}

#[tokio::test]
async fn a_host_is_served_until_it_closes_its_side() {
    let app = TestApp::start().await;
    let mut host = Host::start(&app, app.key(ACME, &[Scope::TicketsWrite]).await);
    host.shake_hands().await;
    let call = json!({"name": "ticket_create", "arguments": {"subject": "x"}});
    let first = host.ask("tools/call", call.clone()).await;
    let again = host.ask("tools/call", call).await;
    assert_eq!(again["result"]["structuredContent"]["replayed"], true);
    assert_eq!(again["result"]["structuredContent"]["ticket"], first["result"]["structuredContent"]["ticket"]);
    let Host { input, output, served } = host;
    drop((input, output));
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_speaks_and_that_is_well() {
    let app = TestApp::start().await;
    let Host { input, output, served } = Host::start(&app, app.key(ACME, &[Scope::TicketsRead]).await);
    drop((input, output));
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_said_so() {
    let app = TestApp::start().await;
    let stranger = ApiKeySecret::generate(API_KEY_PRODUCT, Environment::Test, &SystemEntropy).expose().to_owned();
    for key in ["junk".to_owned(), stranger] {
        let host = Host::start(&app, key);
        assert!(matches!(host.served.await.unwrap(), Err(McpStreamsError::Key)));
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_meanwhile_opens_nothing_more() {
    let app = TestApp::start().await;
    let (key, secret) = app.tickets.create_api_key(realm(ACME), None, [Scope::Admin], None).await.unwrap();
    let mut host = Host::start(&app, secret.expose().to_owned());
    host.shake_hands().await;
    assert_eq!(host.ask("tools/list", json!({})).await["result"]["tools"].as_array().unwrap().len(), 12);
    assert!(app.tickets.revoke_api_key(key.id).await.unwrap());
    app.clock.advance(Duration::from_secs(5));
    let refused = host.ask("tools/list", json!({})).await;
    assert!(refused["error"]["message"].as_str().unwrap().starts_with("unauthorized"), "{refused}");
}
