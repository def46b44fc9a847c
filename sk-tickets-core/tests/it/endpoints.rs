//! What commands about a webhook endpoint do to it.

use sk_tickets_core::{
    Timestamp,
    decide::{EndpointCommand, decide_endpoint},
    model::endpoint::{CreateEndpoint, DisabledReason, Endpoint, EndpointStatus, UpdateEndpoint},
    platform::input::{Change, Patch},
    store::Loaded,
};

use crate::{decide, stage::Stage};

fn decided(known: Option<&Endpoint>, command: &EndpointCommand) -> Endpoint {
    let known = Loaded { endpoint: known.cloned(), ..Loaded::default() };
    decide::at(5_000, |cx| decide_endpoint(&known, command, cx).expect("lawful").1)
}

fn made() -> Endpoint {
    decided(None, &EndpointCommand::Create(at("https://example.com/")))
}

fn at(url: &str) -> CreateEndpoint {
    CreateEndpoint::new(url.parse().expect("a URL"))
}

#[test]
fn who_disables_an_endpoint_is_the_reason_unless_there_is_one() {
    let made = made();
    let disabled = decided(Some(&made), &EndpointCommand::Disable(made.id));
    let by_hand = Some(DisabledReason::Manual);
    assert_eq!((disabled.status, disabled.disabled_reason), (EndpointStatus::Disabled, by_hand));

    let gone = Endpoint { disabled_reason: Some(DisabledReason::Gone), ..disabled };
    assert_eq!(decided(Some(&gone), &EndpointCommand::Disable(made.id)), gone, "that it is gone stays known");
}

#[test]
fn an_endpoint_that_is_enabled_begins_anew_and_one_that_was_goes_on() {
    let failing = Endpoint { failing_since: Some(Timestamp::from_millis(1_000)), ..made() };
    let enable = EndpointCommand::Enable(failing.id);
    assert_eq!(decided(Some(&failing), &enable), failing, "it fails as it did");

    let disabled = decided(Some(&failing), &EndpointCommand::Disable(failing.id));
    let enabled = decided(Some(&disabled), &enable);
    assert_eq!(enabled, Endpoint { failing_since: None, ..failing }, "and there is no reason left");
}

#[tokio::test]
async fn a_url_that_this_engine_does_not_send_to_uses_no_key_up() {
    let stage = Stage::new();
    let (inside, outside) = ("https://127.0.0.1/", "https://example.com/");
    let key = stage.key();
    let refused = stage.desk.create_endpoint(&key, at(inside)).await.expect_err("refused");
    assert_eq!(refused.code(), "validation_failed");
    let made = stage.desk.create_endpoint(&key, at(outside)).await.expect("made").value;

    let to = |url: &str| UpdateEndpoint {
        url: Change(Some(url.parse().expect("a URL"))),
        events: Change(None),
        description: Patch::Keep,
    };
    let key = stage.key();
    let refused = stage.desk.update_endpoint(&key, made.id, to(inside)).await.expect_err("refused");
    assert_eq!(refused.code(), "validation_failed");
    let _ = stage.desk.update_endpoint(&key, made.id, to(outside)).await.expect("kept as it is");
}
