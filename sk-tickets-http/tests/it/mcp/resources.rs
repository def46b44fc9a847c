//! What can be read by a name.

use serde_json::{Value, json};
use sk_tickets_core::{Scope, Status, transition};

use super::agent::Agent;
use crate::app::{ACME, ANN, TestApp};

#[tokio::test]
async fn a_ticket_is_read_as_its_tool_tells_it() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::Admin]).await;
    let id = agent.ticket(json!({"subject": "x", "body": "y"})).await;
    let templates = agent.ask("resources/templates/list", json!({})).await.unwrap();
    assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "ticket://{ticket_id}");
    let told = agent.call("ticket_get", json!({"ticket_id": id})).await;
    for uri in [format!("ticket://{id}"), format!("ticket://{}/", id.to_lowercase())] {
        let read = agent.ask("resources/read", json!({"uri": uri})).await.unwrap();
        let contents = &read["contents"][0];
        assert_eq!((&contents["uri"], &contents["mimeType"]), (&json!(uri), &json!("application/json")));
        let ticket: Value = serde_json::from_str(contents["text"].as_str().unwrap()).unwrap();
        assert_eq!(ticket, told);
    }
    for uri in ["ticket://", "ticket://junk", "file:///etc/passwd", "transitions://other"] {
        assert_eq!(agent.ask("resources/read", json!({"uri": uri})).await.unwrap_err()["code"], -32_002, "{uri}");
    }
}

#[tokio::test]
async fn the_table_is_the_one_of_the_engine() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::TicketsRead]).await;
    let listed = agent.ask("resources/list", json!({})).await.unwrap();
    assert_eq!(listed["resources"][0]["uri"], "transitions://table");
    let read = agent.ask("resources/read", json!({"uri": "transitions://table"})).await.unwrap();
    let table = read["contents"][0]["text"].as_str().unwrap();
    let mut rows = 0;
    for &from in Status::ALL {
        for to in transition::allowed(from) {
            rows += 1;
            assert!(table.contains(&format!("| `{from}` | `{to}` | ")), "{from} to {to}");
        }
    }
    assert_eq!(table.matches("\n| `").count(), rows);
    assert!(table.contains("| `open` | `pending` | owner_id, reason |"), "{table}");
    assert!(table.contains(&transition::mermaid()));
}

#[tokio::test]
async fn a_prompt_leads_through_triage_with_the_tools_that_there_are() {
    let app = TestApp::start().await;
    let agent = Agent::start(&app, ACME, &[Scope::TicketsTriage]).await;
    let listed = agent.ask("prompts/list", json!({})).await.unwrap();
    assert_eq!(
        (&listed["prompts"][0]["name"], &listed["prompts"][0]["arguments"][0]["required"]),
        (&json!("triage"), &json!(true))
    );
    let got = agent.ask("prompts/get", json!({"name": "triage", "arguments": {"owner_id": ANN}})).await.unwrap();
    let text = got["messages"][0]["content"]["text"].as_str().unwrap();
    assert!(text.contains(ANN) && text.contains("`default`"));
    for tool in
        ["triage_options", "queue_claim_next", "ticket_get", "ticket_triage", "ticket_note", "ticket_transition"]
    {
        assert!(text.contains(tool) && agent.tool_names().await.iter().any(|name| name == tool), "{tool}");
    }
    for arguments in [json!({}), json!({"owner_id": "me"}), json!({"owner_id": ANN, "queue": "No such"})] {
        let got = agent.ask("prompts/get", json!({"name": "triage", "arguments": arguments})).await;
        assert_eq!(got.unwrap_err()["code"], -32_602);
    }
    assert_eq!(agent.ask("prompts/get", json!({"name": "other"})).await.unwrap_err()["code"], -32_602);
}
