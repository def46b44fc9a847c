//! What is written has the schema of its type, with no member that the schema does not know.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde::Serialize;
use serde_json::{Map, Value, json};
use sk_tickets_core::{
    Actor, AgentRef, AssignTicket, Clock, Contact, CreateEndpoint, CreateTicket, Delivery, DeliveryFilter,
    DiscardDeadLetter, EndpointView, Event, EventType, Evidence, EvidenceKind, Form, InlineContact, Page, PageRequest,
    Priority, RedactEntry, ReplayDeadLetters, ReplayJob, SetSlaPolicy, SlaPolicy, Status, ThreadEntry, Ticket,
    TicketFilter, TicketView, TransitionTicket, UpdateTicket, WebhookSender, event_schemas,
    model::{
        delivery::Attempt,
        form::{Color, Font, FormTopic, Locale, Theme},
        sla::{SlaClock, SlaState, TicketSla},
    },
    platform::{
        id::{ApiKeyId, RequestId},
        input::{Change, Input},
        json::Json,
        problem::Problem,
        schema::settings,
    },
    schemars::JsonSchema,
    testing::ScriptedSender,
};

use super::schema_of;
use crate::stage::{Stage, because, by_contact, create, message, note, resolved, user};

/// Forbids members that the schema does not name, which it leaves open so that new ones break nobody.
fn close(schema: &mut Value) {
    let has_members = schema["properties"].is_object();
    let Value::Object(keywords) = schema else { return };
    for (keyword, value) in keywords.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties" | "$defs", Value::Object(schemas)) => schemas.values_mut().for_each(close),
            ("items" | "additionalProperties", schema) => close(schema),
            ("oneOf" | "anyOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(close);
                // What is beside the shapes is for all of them: together they are closed, not each alone.
                if has_members {
                    for schema in schemas.iter_mut().filter_map(Value::as_object_mut) {
                        schema.remove("unevaluatedProperties");
                    }
                }
            }
            _ => {}
        }
    }
    if has_members {
        keywords.insert("unevaluatedProperties".to_owned(), false.into());
    }
}

/// Asserts that each value has the schema of its type, and that no member is null in all of them. Gives them as they are
/// written.
fn check<T: Serialize + JsonSchema>(values: impl IntoIterator<Item = T>) -> Vec<Value> {
    let mut schema = schema_of::<T>();
    close(&mut schema);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let values: Vec<_> = values.into_iter().map(|value| serde_json::to_value(value).expect("plain data")).collect();
    assert!(!values.is_empty(), "there are {}", T::schema_name());
    for value in &values {
        let faults: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{}: {value:#}\n{}", T::schema_name(), faults.join("\n"));
    }
    for name in schema["properties"].as_object().into_iter().flat_map(Map::keys) {
        assert!(values.iter().any(|value| !value[name].is_null()), "no {} shows its {name}", T::schema_name());
    }
    values
}

fn check_page<T: Serialize + JsonSchema + Clone>(page: Page<T>) {
    check([Page { next_cursor: Some("more".into()), has_more: true, ..page.clone() }, page]);
}

/// A ticket with everything, one with next to nothing, and all that can happen to one.
async fn play(stage: &Stage) -> Vec<ThreadEntry> {
    let policy = SetSlaPolicy::from_json(&body(&json!({ "first_response_seconds": 60, "warn_before_seconds": 10 })));
    let policy = stage.desk.set_sla_policy(&stage.key(), Priority::Low, policy.expect("lawful")).await.expect("set");
    check::<SlaPolicy>([policy.value.clone(), SlaPolicy { resolution_seconds: Some(600), ..policy.value }]);
    stage.create(CreateTicket { priority: Some(Priority::Low), ..create("Nobody cares") }).await;
    stage.clock.advance(Duration::from_secs(60));
    stage.tickets.sweeper().sweep().await.expect("swept");
    let bare = stage.create(create("Part delayed")).await.ticket.id;
    let full = CreateTicket {
        contact: Some(InlineContact {
            name: Some("Ann".parse().expect("lawful")),
            email: Some("ann@example.com".parse().expect("lawful")),
            phone: None,
        }),
        topic: Some("delivery".parse().expect("lawful")),
        owner_id: Some(user(1).into()),
        call_id: Some("cal_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse().expect("lawful")),
        follow_up_of: Some(bare),
        ..CreateTicket::from_json(&body(
            &json!({ "subject": "Where is it?", "tags": ["vip"], "metadata": { "order": "1" } }),
        ))
        .expect("lawful")
    };
    let full = stage.create(full).await.ticket.id;
    stage.post(full, message("It is on its way")).await;
    stage.post(full, note("It is not")).await;
    stage.transition(full, resolved("Sent again")).await;
    stage.post(full, by_contact("It did not come")).await;
    stage.assign(full, AssignTicket::to_nobody()).await;
    stage.tick();
    let urgent = UpdateTicket { priority: Change(Some(Priority::Urgent)), ..UpdateTicket::nothing() };
    let _ = stage.desk.update_ticket(&stage.key(), full, urgent).await.expect("updated");
    stage.transition(full, because("Lost", Status::Closed)).await;
    let redact = RedactEntry { reason: "privacy".parse().expect("lawful"), actor_id: None };
    let entry = stage.thread(full).await.iter().find(|entry| entry.body.is_some()).expect("there").id;
    stage.tick();
    let _ = stage.desk.redact_entry(&stage.key(), full, entry, redact).await.expect("redacted");
    stage.ticket_in(Status::Resolved, Some(user(1))).await;
    [stage.thread(bare).await, stage.thread(full).await].concat()
}

fn body(json: &Value) -> Json {
    Json::parse(json.to_string().as_bytes()).expect("JSON")
}

#[tokio::test]
async fn tickets_threads_and_events() {
    let stage = Stage::new();
    let entries = play(&stage).await;
    let tickets = stage.desk.tickets(&TicketFilter::ALL, &PageRequest::first()).await.expect("read");
    let clock = SlaClock { due_at: Some(stage.clock.now()), state: SlaState::Running };
    let sla = Some(TicketSla { first_response: None, resolution: Some(clock) });
    check::<Ticket>(tickets.data.iter().map(|ticket| Ticket { sla, ..ticket.clone() }));
    let mut views = Vec::new();
    for ticket in &tickets.data {
        let view = stage.desk.ticket(ticket.id).await.expect("read").expect("there");
        views.push(TicketView { ticket: Ticket { sla, ..view.ticket.clone() }, ..view.clone() });
        views.push(view);
        check_page(stage.desk.thread(ticket.id, &PageRequest::first()).await.expect("read").expect("there"));
    }
    check::<TicketView>(views);
    check_page(tickets);

    let kinds: BTreeSet<_> = check(entries).iter().map(|entry| entry["kind"].clone().to_string()).collect();
    let shapes = schema_of::<ThreadEntry>()["oneOf"].as_array().expect("a shape for each kind").clone();
    assert_eq!(kinds, shapes.iter().map(|shape| shape["properties"]["kind"]["const"].to_string()).collect());

    check::<Event>(stage.feed().await);
    check_page(stage.desk.events(&PageRequest::first()).await.expect("read"));
}

#[tokio::test]
async fn endpoints_deliveries_and_jobs() {
    let stage = Stage::new();
    let desk = &stage.desk;
    let hook = CreateEndpoint {
        description: Some("Orders".parse().expect("lawful")),
        ..CreateEndpoint::new("https://example.com/hooks".parse().expect("lawful"))
    };
    let made = desk.create_endpoint(&stage.key(), hook).await.expect("made").value;
    let endpoint_id = made.id;
    play(&stage).await;
    stage.tick();
    let mut endpoints = vec![desk.ping_endpoint(&stage.key(), made.id).await.expect("pinged").value];

    let sender = Arc::new(ScriptedSender::new(Arc::clone(&stage.clock) as Arc<dyn Clock>, [500, 0], 200));
    let told = async {
        while !sender.sent().iter().any(|(_, sent)| sent.body.ends_with(br#""data":{}}"#)) {
            tokio::task::yield_now().await;
        }
    };
    stage.tickets.dispatcher(Arc::clone(&sender) as Arc<dyn WebhookSender>).run(told).await;
    endpoints.push(desk.endpoint(made.id).await.expect("read").expect("there"));
    let sent: Vec<Value> =
        sender.sent().iter().map(|(_, sent)| serde_json::from_slice(&sent.body).expect("JSON")).collect();
    let mut events = schema_of::<Event>();
    close(&mut events);
    let events = jsonschema::draft202012::new(&events).expect("a schema");
    assert!(sent.iter().all(|event| events.is_valid(event)));
    let told: BTreeSet<_> = sent.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect();
    let known = event_schemas(&mut settings().into_generator());
    assert_eq!(told, known.iter().map(|(event_type, _)| event_type.to_string()).collect(), "each type was told of");

    let tried = desk.deliveries(&DeliveryFilter::default(), &PageRequest::first()).await.expect("read").data;
    endpoints.push(desk.disable_endpoint(&stage.key(), made.id).await.expect("disabled").value);
    play(&stage).await;
    endpoints.push(desk.enable_endpoint(&stage.key(), made.id).await.expect("enabled").value);
    assert!(made.secret.is_some() && endpoints[3].replay.is_some());
    endpoints.push(EndpointView { failing_since: Some(stage.clock.now()), ..made.clone() });
    endpoints.push(made);
    check::<EndpointView>(endpoints);
    check_page(desk.endpoints(&PageRequest::first()).await.expect("read"));

    let job = desk.replay_dead_letters(&stage.key(), ReplayDeadLetters::ALL).await.expect("made").value;
    let at = Some(job.created_at);
    let narrow = ReplayJob { endpoint_id: Some(endpoint_id), from: at, to: at, finished_at: at, ..job.clone() };
    check::<ReplayJob>([job, narrow]);

    let letters = DeliveryFilter { dead_letters: true, ..DeliveryFilter::default() };
    let letter = desk.deliveries(&letters, &PageRequest::first()).await.expect("read").data.remove(0);
    let discard = DiscardDeadLetter { reason: "Known".parse().expect("lawful") };
    let _ = desk.discard_dead_letter(&stage.key(), letter.id, discard).await.expect("discarded");
    let page = desk.deliveries(&DeliveryFilter::default(), &PageRequest::first().limit(100)).await.expect("read");
    check::<Delivery>([tried, page.data.clone()].concat());
    check::<Attempt>(page.data.iter().flat_map(|delivery| delivery.attempts.clone()));
    check_page(page);
}

#[tokio::test]
async fn problems() {
    let stage = Stage::new();
    let id = stage.create(create("Part delayed")).await.ticket.id;
    let illegal = TransitionTicket::to(Status::New);
    let refused = stage.desk.transition_ticket(&stage.key(), id, illegal).await.expect_err("not lawful");
    let invalid = Problem::validation(CreateTicket::from_json(&body(&json!({}))).expect_err("no subject"));
    let mut schema = schema_of::<Problem>();
    close(&mut schema);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    for problem in [refused.problem(), &invalid] {
        let json = problem.to_json("https://example.com/errors/", RequestId::from_bytes([1; 16]));
        let json: Value = serde_json::from_slice(&json).expect("JSON");
        assert!(validator.is_valid(&json), "{json:#}");
    }
    assert!(!validator.is_valid(&json!({ "title": "Nothing else" })));
}

#[test]
fn whoever_acts() {
    let key = ApiKeyId::from_bytes([1; 16]);
    let agent = "agt_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse().expect("lawful");
    check([
        Actor::User(user(1)),
        Actor::Agent(AgentRef::Agent(agent)),
        Actor::Agent(AgentRef::Key(key)),
        Actor::Contact(crate::stage::contact()),
        Actor::ApiKey(key),
        Actor::System,
    ]);
    let contact = Contact {
        id: crate::stage::contact(),
        name: Some("Ann".into()),
        email: Some("ann@example.com".into()),
        phone: Some("+4930123456".into()),
        created_at: Clock::now(&*Stage::new().clock),
    };
    check([Contact { name: None, email: None, phone: None, ..contact.clone() }, contact]);
}

#[test]
fn what_customers_fill_in() {
    let theme = Theme {
        accent: Some(Color::of(1, 2, 3)),
        background: Some(Color::of(4, 5, 6)),
        text: Some(Color::of(7, 8, 9)),
        radius: Some(32),
        font: Some(Font::Mono),
    };
    check([Theme::default(), theme]);
    let form = Form {
        id: "frm_01J9X2M3N4P5Q6R7S8T9VAWBXC".parse().expect("lawful"),
        name: "Contact us".to_owned(),
        topics: vec![FormTopic { key: "delivery".to_owned(), label: "Where is it?".to_owned() }],
        allowed_origins: vec!["https://shop.example".parse().expect("lawful")],
        locale: Locale::De,
        theme,
        created_at: Clock::now(&*Stage::new().clock),
    };
    let bare = Form { topics: Vec::new(), allowed_origins: Vec::new(), theme: Theme::default(), ..form.clone() };
    check([form, bare]);
}

#[test]
fn a_member_that_the_schema_lacks_is_noticed() {
    let mut schema = schema_of::<ThreadEntry>();
    close(&mut schema);
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let evidence = Evidence::new(EvidenceKind::File, "https://example.com/");
    let entry = json!({
        "object": "thread_entry", "id": "ent_01J9X2M3N4P5Q6R7S8T9VAWBXC", "ticket_id": "tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC",
        "sequence": 1, "visibility": "public", "actor": { "type": "system", "id": null }, "body": null,
        "evidence": [evidence], "created_at": "2026-11-24T06:00:00.000Z", "kind": "message",
    });
    assert!(validator.is_valid(&entry));
    for place in ["", "/actor", "/evidence/0"] {
        let mut entry = entry.clone();
        entry.pointer_mut(place).expect("there")["unknown"] = json!(1);
        assert!(!validator.is_valid(&entry), "in {place:?}");
    }
    for absent in ["object", "body", "kind"] {
        let mut entry = entry.clone();
        entry.as_object_mut().expect("an object").remove(absent);
        assert!(!validator.is_valid(&entry), "without {absent}");
    }
}

#[test]
fn every_event_type_that_is_told_has_a_schema_by_its_name() {
    let mut generator = settings().into_generator();
    let any = generator.subschema_for::<Event>();
    let schemas = event_schemas(&mut generator);
    let definitions = generator.take_definitions(true);
    assert_eq!(any.as_value()["$ref"], "#/$defs/Event");
    let each: Vec<_> = schemas.iter().map(|(_, schema)| schema.as_value().clone()).collect();
    assert_eq!(definitions["Event"]["oneOf"], Value::Array(each), "an event is one of these");
    for (event_type, schema) in schemas {
        let name = schema.as_value()["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")).expect("a name");
        assert_eq!(definitions[name]["properties"]["type"]["const"], event_type.as_str());
        let ticket = &definitions[name]["properties"]["data"]["properties"]["ticket"];
        assert_eq!(ticket.is_null(), event_type == EventType::Ping, "{event_type}");
    }
}
