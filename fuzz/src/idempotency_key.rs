use http::HeaderValue;
use sk_tickets_core::{
    IdempotencyKey,
    platform::idempotency::{IdempotencyKeyError, KEY_MAX},
};

use crate::stage::Stage;

/// Idempotency keys: a text that is taken is the same key in quotes; it is none of the system's; and a request with it is
/// done once, given again, and bound to its body.
///
/// # Panics
/// If one of that does not hold.
pub fn idempotency_key(input: &[u8]) {
    if let Ok(text) = str::from_utf8(input) {
        read(text);
    }
    Stage::with(|stage| asked(stage, input));
}

fn read(text: &str) {
    let Ok(key) = IdempotencyKey::client(text) else { return };
    let bare = key.as_str().strip_prefix("client:").expect("in the namespace of clients");
    assert!((1..=KEY_MAX).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
    assert_eq!(IdempotencyKey::client(&quoted(bare)), Ok(key.clone()), "{text:?}");
    if !bare.starts_with('"') {
        assert_eq!(IdempotencyKey::client(bare), Ok(key.clone()), "{text:?}");
    }
    assert_ne!(IdempotencyKey::system(bare), key, "{text:?}");
    assert_eq!(IdempotencyKey::from_kept(key.as_str().to_owned()), key, "{text:?}");
}

/// As a string of structured fields (RFC 8941, section 3.3.3).
fn quoted(bare: &str) -> String {
    format!("\"{}\"", bare.replace('\\', r"\\").replace('"', r#"\""#))
}

fn asked(stage: &mut Stage, input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let read = value.to_str().map_or(Err(IdempotencyKeyError::Malformed), IdempotencyKey::client);
    let first = stage.post("/tickets", value.clone(), br#"{"subject":"A"}"#);
    let key = match read {
        Ok(key) => key,
        Err(error) => {
            let expected = match error {
                IdempotencyKeyError::Missing => "idempotency_key_required",
                IdempotencyKeyError::Malformed => "idempotency_key_invalid",
            };
            assert_eq!(first.code(), expected, "{value:?}");
            return;
        }
    };
    assert_eq!((first.status, first.is_replay()), (201, false), "{value:?}");
    let bare = key.as_str().strip_prefix("client:").expect("in the namespace of clients");
    for same in [value.clone(), HeaderValue::try_from(quoted(bare)).expect("visible ASCII")] {
        let again = stage.post("/tickets", same, br#" { "subject" : "\u0041" } "#);
        assert!(again.is_replay() && again.body == first.body, "{value:?}");
    }
    let other = stage.post("/tickets", value.clone(), br#"{"subject":"B"}"#);
    assert_eq!(other.code(), "idempotency_key_reused", "{value:?}");
}
