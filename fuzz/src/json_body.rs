use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use sk_tickets_core::{
    limits::REQUEST_BYTES_MAX,
    platform::{idempotency::Fingerprint, json::Json},
};

use crate::{
    operation::{OPERATIONS, Operation},
    stage::{Answer, Stage},
};

/// Ends the name of an operation whose example is to be edited.
const EDITS: char = '!';

/// Bodies of requests. Whatever is read as JSON is written in one way, which is read as the same. To every operation of the
/// API: a body that is taken is one by the schema of the document; sent again, as it was and in its canonical form, it is
/// answered the same; and what is refused is refused by the book.
///
/// The input is the name of an operation, a line's end, and the body; or, after a name with `!`, edits of an example.
///
/// # Panics
/// If one of that does not hold.
pub fn json_body(input: &[u8]) {
    let (operation, body) = request(input);
    let read = Json::parse(&body).ok();
    if let Some(json) = &read {
        is_one(json, &body);
    }
    Stage::with(|stage| asked(stage, operation, &body, read.as_ref()));
}

fn request(input: &[u8]) -> (&'static Operation, Vec<u8>) {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let line = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let rest = parts.next().unwrap_or_default();
    let name = line.trim_end_matches(EDITS);
    let named = OPERATIONS.iter().find(|operation| operation.name == name);
    // Any other text stands for one of them, too.
    let sum: usize = line.bytes().map(usize::from).sum();
    let operation = named.unwrap_or_else(|| &OPERATIONS[sum % OPERATIONS.len()]);
    if !line.ends_with(EDITS) {
        return (operation, rest.to_vec());
    }
    let (which, edits) = rest.split_first().unwrap_or((&0, &[]));
    let mut body = operation.examples[usize::from(*which) % operation.examples.len()].clone();
    for edit in edits.chunks(3) {
        let byte = |index: usize| usize::from(edit.get(index).copied().unwrap_or_default());
        change(&mut body, byte(0), byte(1), byte(2));
    }
    (operation, body.to_string().into_bytes())
}

/// Changes one of the values within a value.
fn change(body: &mut Value, which: usize, how: usize, by: usize) {
    let value = VALUES[by % VALUES.len()].clone();
    let mut places = Vec::new();
    note_places(body, String::new(), &mut places);
    let place = &places[which % places.len()];
    let Some(found) = body.pointer_mut(place) else { return };
    match (how % 4, found) {
        (0, Value::Object(members)) => drop(members.insert(NAMES[by % NAMES.len()].clone(), value)),
        (1, Value::Object(members)) => {
            let name = members.keys().nth(by % members.len().max(1)).cloned();
            if let Some(name) = name {
                members.remove(&name);
            }
        }
        (0, Value::Array(items)) => items.push(value),
        (1, Value::Array(items)) => *items = vec![value; how],
        (2, Value::String(text)) if text.len() * by <= LONG => *text = text.repeat(by),
        (_, found) => *found = value,
    }
}

fn note_places(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            note_places(value, format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), places);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| note_places(item, format!("{at}/{index}"), places));
        }
        _ => {}
    }
    places.push(at);
}

/// A little longer than the longest body, in bytes.
const LONG: usize = REQUEST_BYTES_MAX + 4_096;

/// What a member may be called.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let examples = OPERATIONS.iter().flat_map(|operation| &operation.examples);
    let names = examples.filter_map(Value::as_object).flat_map(Map::keys).cloned();
    ["", "a/b~c", "actor_id", "__proto__", "\0"].into_iter().map(str::to_owned).chain(names).collect()
});

/// What a value may be.
static VALUES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(9_007_199_254_740_993_u64),
        json!([]),
        json!({}),
        json!([null]),
        json!([[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]),
        json!({"a": "1"}),
        json!("x".repeat(64)),
        json!("x".repeat(65)),
        json!("\u{1F600}".repeat(200)),
        json!("x".repeat(2_049)),
        json!("x".repeat(65_536)),
    ];
    let texts = [
        "",
        " ",
        "a",
        "\0",
        "\u{e9}",
        "high",
        "open",
        "resolved",
        "closed",
        "pending",
        "delivery",
        "orders",
        "default",
        "ann@example.com",
        "+4930123456",
        "https://example.com/",
        "2027-01-15T08:00:00Z",
        "#0b6e4f",
        "en",
        "*",
    ];
    values.extend(texts.map(Value::from));
    let ids = ["tkt", "usr", "agt", "ctc", "cal", "rec", "trn", "frm", "que", "whe", "key", "evt"];
    values.extend(ids.map(|prefix| json!(format!("{prefix}_01J9X2M3N4P5Q6R7S8T9VAWBXC"))));
    values
});

fn is_one(json: &Json, body: &[u8]) {
    let canonical = json.canonical();
    assert_eq!(Json::parse(&canonical).as_ref(), Ok(json));
    let fingerprint = |bytes| Fingerprint::of("any", &[], &Json::parse(bytes).expect("it was read"));
    assert_eq!(fingerprint(&canonical), fingerprint(body));
    // Another reader takes both for the same, where it takes numbers of that size.
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        assert_eq!(serde_json::from_slice::<Value>(&canonical).ok(), Some(value));
    }
}

fn asked(stage: &mut Stage, operation: &Operation, body: &[u8], read: Option<&Json>) {
    let path = stage.path(&operation.path);
    let key = stage.fresh_key();
    let mut ask = |body: &[u8]| stage.change(&operation.method, &path, key.clone(), body);
    let first = ask(body);
    let said = || format!("{} {}: {first:?}", operation.name, body.escape_ascii());
    assert_eq!(body.len() > REQUEST_BYTES_MAX, first.status == 413, "{}", said());
    if first.status == 413 {
        return;
    }
    assert_eq!(read.is_none(), first.code() == "malformed_json", "{}", said());
    if first.status < 400 {
        let value = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice::<Value>(body) };
        let is_by_the_book = match &operation.schema {
            Some(schema) => value.map_or(true, |value| schema.is_valid(&value)),
            None => value.is_ok_and(|value| value == json!({})),
        };
        assert!(is_by_the_book, "the document does not have it: {}", said());
    }
    let canonical = read.map(Json::canonical);
    for same in [Some(body), canonical.as_deref()].into_iter().flatten() {
        let again = ask(same);
        assert!(again.is_replay() || first.status >= 400, "{}", said());
        assert_eq!((again.status, told(&again)), (first.status, told(&first)), "{}", said());
    }
}

/// What an answer says, but for the request that a problem names.
fn told(answer: &Answer) -> Value {
    if answer.body.is_empty() {
        return Value::Null;
    }
    let mut told = answer.json();
    if answer.status >= 400 {
        told["request_id"] = Value::Null;
    }
    told
}
