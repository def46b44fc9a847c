//! A key sees only what it may use.

use serde_json::json;
use sk_tickets_core::Scope;

use super::agent::Agent;
use crate::app::{ACME, ANN, TestApp};

const READS: [&str; 5] = ["tickets_list", "tickets_search", "ticket_get", "queue_overview", "triage_options"];
const TRIAGES: [&str; 5] = ["ticket_triage", "ticket_assign", "queue_claim_next", "ticket_transition", "ticket_note"];
const WRITES: [&str; 2] = ["ticket_create", "ticket_reply"];

#[tokio::test]
async fn tools_are_listed_and_called_by_scope() {
    let app = TestApp::start().await;
    let id = Agent::start(&app, ACME, &[Scope::Admin]).await.ticket(json!({"subject": "x"})).await;
    for (scope, groups) in [
        (Scope::Webhooks, vec![]),
        (Scope::TicketsRead, vec![&READS[..]]),
        (Scope::TicketsTriage, vec![&READS[..], &TRIAGES]),
        (Scope::TicketsWrite, vec![&READS[..], &TRIAGES, &WRITES]),
        (Scope::Admin, vec![&READS[..], &TRIAGES, &WRITES]),
    ] {
        let agent = Agent::start(&app, ACME, &[scope]).await;
        let (mut names, mut wanted) = (agent.tool_names().await, groups.concat());
        names.sort();
        wanted.sort_unstable();
        assert_eq!(names, wanted, "{scope}");
        let all = [&READS[..], &TRIAGES, &WRITES].concat();
        for hidden in all.iter().filter(|tool| !wanted.contains(tool)) {
            let arguments =
                json!({"ticket_id": id, "subject": "x", "body": "x", "to": "closed", "reason": "x", "owner_id": ANN});
            let call = json!({"name": hidden, "arguments": arguments});
            let error = agent.ask("tools/call", call).await.unwrap_err();
            let unknown = agent.ask("tools/call", json!({"name": "nothing", "arguments": {}})).await.unwrap_err();
            assert_eq!(error["code"], unknown["code"], "{scope} {hidden}");
            assert_eq!(error["message"], format!("unknown tool: {hidden}"), "as if it did not exist");
        }
    }
}

#[tokio::test]
async fn nothing_is_done_by_a_tool_that_is_hidden() {
    let app = TestApp::start().await;
    let id = Agent::start(&app, ACME, &[Scope::Admin]).await.ticket(json!({"subject": "x"})).await;
    let triage = Agent::start(&app, ACME, &[Scope::TicketsTriage]).await;
    let call = json!({"name": "ticket_reply", "arguments": {"ticket_id": id, "body": "hello"}});
    triage.ask("tools/call", call).await.unwrap_err();
    let thread = app.admin().await.all(&format!("/tickets/{id}/thread")).await;
    assert!(thread.iter().all(|entry| entry["kind"] != "message"), "{thread:?}");
}

#[tokio::test]
async fn resources_and_prompts_are_there_by_scope() {
    let app = TestApp::start().await;
    for (scope, reads, triages) in
        [(Scope::Webhooks, 0, 0), (Scope::TicketsRead, 1, 0), (Scope::TicketsTriage, 1, 1), (Scope::Admin, 1, 1)]
    {
        let agent = Agent::start(&app, ACME, &[scope]).await;
        let count = async |method: &str, name: &str| {
            agent.ask(method, json!({})).await.unwrap()[name].as_array().unwrap().len()
        };
        assert_eq!(count("resources/list", "resources").await, reads, "{scope}");
        assert_eq!(count("resources/templates/list", "resourceTemplates").await, reads, "{scope}");
        assert_eq!(count("prompts/list", "prompts").await, triages, "{scope}");
        let read = agent.ask("resources/read", json!({"uri": "transitions://table"})).await;
        assert_eq!(read.is_ok(), reads == 1, "{scope}");
        let got = agent.ask("prompts/get", json!({"name": "triage", "arguments": {"owner_id": ANN}})).await;
        assert_eq!(got.is_ok(), triages == 1, "{scope}");
    }
}
