use sk_tickets_core::{
    Environment, Realm,
    platform::cursor::{CursorError, CursorKey, CursorScope},
};
use url::form_urlencoded;

use crate::{spoil, stage::Stage};

/// Cursors: what was sealed for a list is read back, there and nowhere else; what is read was sealed. A list asked with
/// anything else says so.
///
/// # Panics
/// If one of that does not hold.
pub fn cursor(input: &[u8]) {
    let secret = CursorKey::from_bytes([7; 32]);
    let home = scope("acme", Environment::Test, "tickets", "open");

    // Whatever the row is known by.
    let sealed = home.encode(&secret, input);
    assert_eq!(home.decode(&secret, &sealed).as_deref(), Ok(input));
    let filtered = scope("acme", Environment::Test, "tickets", "closed");
    assert_eq!(filtered.decode(&secret, &sealed), Err(CursorError::FilterMismatch));
    for elsewhere in [
        scope("acme", Environment::Live, "tickets", "open"),
        scope("acme", Environment::Test, "events", "open"),
        scope("globex", Environment::Test, "tickets", "open"),
    ] {
        assert_eq!(elsewhere.decode(&secret, &sealed), Err(CursorError::Invalid));
    }
    assert_eq!(home.decode(&CursorKey::from_bytes([8; 32]), &sealed), Err(CursorError::Invalid));

    // Whatever is given back as one.
    let own = home.encode(&secret, &[9; 16]);
    let Some(tried) = spoil::tried(input, &own) else { return };
    match home.decode(&secret, &tried.text) {
        Ok(key) => assert_eq!(home.encode(&secret, &key), tried.text, "what is read was sealed"),
        Err(CursorError::FilterMismatch) => {
            assert!(filtered.decode(&secret, &tried.text).is_ok(), "{} was sealed for this list", tried.text);
        }
        Err(CursorError::Invalid) => assert_ne!(tried.text, own),
    }
    Stage::with(|stage| asked(stage, input));
}

fn scope(tenant: &str, environment: Environment, list: &str, filter: &str) -> CursorScope {
    CursorScope::new(&Realm::assume(tenant.parse().expect("a lawful name"), environment), list, &filter)
}

fn asked(stage: &mut Stage, input: &[u8]) {
    let own = stage.get("/tickets?limit=1").json()["next_cursor"].as_str().expect("there are more").to_owned();
    let Some(tried) = spoil::tried(input, &own) else { return };
    let cursor: String = form_urlencoded::byte_serialize(tried.text.as_bytes()).collect();
    for (order, taken) in [("", ""), ("&order=asc", "cursor_filter_mismatch")] {
        let answer = stage.get(&format!("/tickets?limit=1&cursor={cursor}{order}"));
        let expected = if tried.text == own { taken } else { "invalid_cursor" };
        assert_eq!(answer.code(), expected, "{:?}{order}", tried.text);
    }
}
