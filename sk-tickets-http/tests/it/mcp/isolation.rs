//! An agent sees its own realm.

use serde_json::json;
use sk_tickets_core::Scope;

use super::agent::Agent;
use crate::app::{ACME, ACME_LIVE, ANN, GLOBEX, TestApp, UNKNOWN};

#[tokio::test]
async fn what_belongs_to_another_is_not_there() {
    let app = TestApp::start().await;
    let owner = Agent::start(&app, ACME, &[Scope::Admin]).await;
    let id = owner.ticket(json!({"subject": "secret", "body": "secret"})).await;
    let unknown = format!("tkt_{UNKNOWN}");
    for realm in [GLOBEX, ACME_LIVE] {
        let stranger = Agent::start(&app, realm, &[Scope::Admin]).await;
        assert_eq!(stranger.call("tickets_list", json!({})).await["data"], json!([]));
        assert_eq!(stranger.call("tickets_search", json!({"q": "secret"})).await["data"], json!([]));
        assert_eq!(stranger.call("queue_overview", json!({})).await["waiting"], 0);
        assert_eq!(stranger.call("queue_claim_next", json!({"owner_id": ANN})).await["ticket"], json!(null));
        for (tool, more) in [
            ("ticket_get", json!({})),
            ("ticket_triage", json!({"priority": "low"})),
            ("ticket_assign", json!({"owner_id": ANN})),
            ("ticket_transition", json!({"to": "closed", "reason": "x"})),
            ("ticket_note", json!({"body": "x"})),
            ("ticket_reply", json!({"body": "x"})),
        ] {
            let of = |id: &str| {
                let mut arguments = more.clone();
                arguments["ticket_id"] = json!(id);
                arguments["idempotency_key"] =
                    if tool == "ticket_get" { json!(null) } else { json!(format!("{tool}-{id}")) };
                if tool == "ticket_get" {
                    arguments.as_object_mut().unwrap().remove("idempotency_key");
                }
                arguments
            };
            let (mut theirs, mut none) =
                (stranger.refused(tool, of(&id)).await, stranger.refused(tool, of(&unknown)).await);
            for refused in [&mut theirs, &mut none] {
                refused.as_object_mut().unwrap().remove("idempotency_key");
            }
            assert_eq!(theirs, none, "{tool}: one cannot tell");
            assert_eq!(theirs["code"], "not_found");
        }
        for uri in [format!("ticket://{id}"), format!("ticket://{unknown}")] {
            let error = stranger.ask("resources/read", json!({"uri": uri})).await.unwrap_err();
            assert_eq!(error["message"], "there is no such resource");
        }
    }
    assert_eq!(owner.call("ticket_get", json!({"ticket_id": id})).await["ticket"]["version"], 1);
}

#[tokio::test]
async fn a_cursor_of_another_realm_is_none() {
    let app = TestApp::start().await;
    let owner = Agent::start(&app, ACME, &[Scope::Admin]).await;
    for subject in ["a", "b"] {
        owner.ticket(json!({"subject": subject})).await;
    }
    let page = owner.call("tickets_list", json!({"limit": 1})).await;
    let stranger = Agent::start(&app, GLOBEX, &[Scope::Admin]).await;
    let refused = stranger.refused("tickets_list", json!({"limit": 1, "cursor": page["next_cursor"]})).await;
    assert_eq!(refused["code"], "invalid_cursor");
}

#[tokio::test]
async fn keys_of_one_realm_do_not_meet_those_of_another() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for realm in [ACME, ACME_LIVE, GLOBEX] {
        let agent = Agent::start(&app, realm, &[Scope::Admin]).await;
        let made = agent.call("ticket_create", json!({"subject": "x", "idempotency_key": "same"})).await;
        assert_eq!(made["replayed"], false);
        ids.push(made["ticket"]["id"].clone());
    }
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
