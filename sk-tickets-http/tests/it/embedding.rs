//! The router inside another application's.

use axum::{Router, body::Body, routing::get};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use sk_tickets_core::Scope;
use tower::ServiceExt;

use crate::app::{ACME, TestApp, text};

async fn ask(router: &Router, path: &str, key: &str) -> (StatusCode, String) {
    let request = Request::get(path).header("authorization", format!("Bearer {key}"));
    let response = router.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
    let Ok(response) = response;
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

fn code(body: &str) -> String {
    text(&serde_json::from_str(body).expect("a problem"), "code").to_owned()
}

#[tokio::test]
async fn it_can_be_merged() {
    let app = TestApp::start().await;
    let key = app.key(ACME, &[Scope::Admin]).await;
    let host = Router::new().route("/", get(|| async { "the host" })).merge(app.router.clone());
    assert_eq!(ask(&host, "/", &key).await, (StatusCode::OK, "the host".to_owned()));
    assert_eq!(ask(&host, "/tickets/v1/tickets", &key).await.0, StatusCode::OK);
    assert_eq!(ask(&host, "/healthz", &key).await.0, StatusCode::OK);
    let (status, body) = ask(&host, "/tickets/v1/nothing", &key).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test]
async fn it_can_be_merged_into_a_router_with_a_fallback() {
    let app = TestApp::start().await;
    let key = app.key(ACME, &[Scope::Admin]).await;
    let host = Router::new().fallback(|| async { (StatusCode::NOT_FOUND, "the host's own") });
    let host = host.merge(app.router.clone().reset_fallback());
    assert_eq!(ask(&host, "/nothing", &key).await.1, "the host's own");
    assert_eq!(ask(&host, "/tickets/v1/tickets", &key).await.0, StatusCode::OK);
    let (status, body) = ask(&host, "/tickets/v1/nothing", &key).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test]
async fn it_can_be_nested() {
    let app = TestApp::start().await;
    let key = app.key(ACME, &[Scope::Admin]).await;
    let host = Router::new().route("/", get(|| async { "the host" })).nest("/support", app.router.clone());
    assert_eq!(ask(&host, "/", &key).await.1, "the host");
    assert_eq!(ask(&host, "/support/tickets/v1/tickets", &key).await.0, StatusCode::OK);
    assert_eq!(ask(&host, "/support/tickets/v1/tickets", "junk").await.0, StatusCode::UNAUTHORIZED);
    let (status, body) = ask(&host, "/support/tickets/v1/tickets/tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC", &key).await;
    assert_eq!((status, code(&body).as_str()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(ask(&host, "/support/healthz", &key).await.0, StatusCode::OK);
    assert_eq!(ask(&host, "/tickets/v1/tickets", &key).await.0, StatusCode::NOT_FOUND);
}
