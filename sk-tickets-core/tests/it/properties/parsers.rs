//! Parsers take every text without a panic, and what they take they write as it was meant.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use sk_tickets_core::{
    ActorId, ApiKeyId, ApiKeySecret, Environment, EventId, IdempotencyKey, OwnerId, Realm, Schedule, SignatureHeaders,
    TargetPolicy, Tenant, TicketId, Timestamp, VerifyError, WebhookSecret,
    model::{
        contact::{Email, Phone},
        form::Color,
    },
    platform::{
        cursor::{CursorError, CursorKey, CursorScope},
        json::Json,
        origin::Origin,
        system::SeededEntropy,
        webhook::{sign, verify},
    },
};

use super::seeded;

/// Texts that parsers take, to be spoilt.
const LAWFUL: [&str; 20] = [
    "tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC",
    "usr_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "key_00000000000000000000000000",
    "2026-11-24T06:00:00.000Z",
    "1970-01-01T00:00:00-01:00",
    "9999-12-30T22:00:00Z",
    "1s,4s,16s,1m,5m,30m,2h",
    "18446744073709551615ms, 0h",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    "\"a quoted \\\"key\\\"\"",
    "9f2c-4d1a",
    "sk_test_tk_0000000000000000000000000000000000000000000000000",
    "{\"a\":[1,2.50,-0e+1,\"\\ud83d\\ude00\",null,true],\"\":{}}",
    "https://hooks.example.com:443/in?x=1",
    "ann@example.com",
    "+49 (30) 12-34.56",
    "acme-2",
    "https://shop-1.example:8443",
    "#0b6e4f",
];

/// Any text: wild ones, and lawful ones with a few characters taken out, put in or put elsewhere.
fn any_text() -> impl Strategy<Value = String> {
    let spoilt =
        (prop::sample::select(&LAWFUL[..]), prop::collection::vec((any::<prop::sample::Index>(), any_edit()), 0..4))
            .prop_map(|(text, edits)| {
                let mut letters: Vec<char> = text.chars().collect();
                for (place, edit) in edits {
                    let place = place.index(letters.len() + 1);
                    match edit {
                        Some(letter) => letters.insert(place, letter),
                        None if place < letters.len() => drop(letters.remove(place)),
                        None => letters.reverse(),
                    }
                }
                letters.into_iter().collect()
            });
    prop_oneof![1 => any::<String>(), 1 => "[ -~]{0,64}", 3 => spoilt]
}

fn any_edit() -> impl Strategy<Value = Option<char>> {
    prop_oneof![Just(None), any::<char>().prop_map(Some), prop::char::range('!', '~').prop_map(Some)]
}

/// Whether the text is taken. If it is, then what is written is taken too, and means the same.
fn keeps<T: FromStr + Display + PartialEq + Debug>(text: &str) -> bool {
    let Ok(value) = text.parse::<T>() else { return false };
    let written = value.to_string();
    assert_eq!(written.parse::<T>().ok().as_ref(), Some(&value), "{text:?} was written as {written:?}");
    assert_eq!(written.parse::<T>().ok().map(|value| value.to_string()), Some(written));
    true
}

fn scope(realm: &str, filter: &str) -> CursorScope {
    CursorScope::new(&Realm::assume(realm.parse().expect("a lawful name"), Environment::Test), "tickets", &filter)
}

#[test]
fn the_lawful_texts_are_taken() {
    // Else the spoilt ones would all be far from anything lawful.
    assert!(keeps::<TicketId>(LAWFUL[0]) && keeps::<OwnerId>(LAWFUL[1]) && keeps::<ApiKeyId>(LAWFUL[2]));
    assert!(LAWFUL[3..6].iter().all(|text| keeps::<Timestamp>(text)));
    assert!(LAWFUL[6..8].iter().all(|text| keeps::<Schedule>(text)));
    assert!(WebhookSecret::parse(LAWFUL[8]).is_ok());
    assert!(IdempotencyKey::client(LAWFUL[11]).is_ok());
    assert!(Json::parse(LAWFUL[13].as_bytes()).is_ok());
    assert!(TargetPolicy::Public.judge(LAWFUL[14], Environment::Live).is_ok());
    assert!(keeps::<Email>(LAWFUL[15]) && keeps::<Phone>(LAWFUL[16]) && keeps::<Tenant>(LAWFUL[17]));
    assert!(keeps::<Origin>(LAWFUL[18]) && keeps::<Color>(LAWFUL[19]));
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn ids_are_read_back_and_sort_as_their_bytes(a: [u8; 16], b: [u8; 16]) {
        let [left, right] = [a, b].map(TicketId::from_bytes);
        prop_assert_eq!(left.to_bytes(), a);
        prop_assert_eq!(left.to_string().parse(), Ok(left));
        prop_assert_eq!(left.to_string().to_lowercase().parse(), Ok(left));
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        prop_assert_eq!(left.to_string().cmp(&right.to_string()), a.cmp(&b));
        prop_assert!(left.to_string().parse::<EventId>().is_err(), "another kind");
    }

    #[test]
    fn an_id_says_what_was_written_or_is_refused(body in "[0-9A-HJKMNP-TV-Z]{26}") {
        let text = format!("tkt_{body}");
        let read = text.parse::<TicketId>().map(|id| id.to_string());
        // 26 characters have two bits more than an id; over 7ZZ… there is none.
        let wanted = (body.as_bytes()[0] <= b'7').then_some(text);
        prop_assert_eq!(read.ok(), wanted);
    }

    #[test]
    fn an_id_made_at_a_time_tells_it(millis in 0..=Timestamp::MAX.as_millis(), tail: [u8; 10]) {
        let at = Timestamp::from_millis(millis);
        let id = TicketId::from_parts(at, tail);
        prop_assert_eq!(id.timestamp(), at);
        prop_assert!(id >= TicketId::floor(at));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any_text()) {
        keeps::<TicketId>(&text);
        keeps::<OwnerId>(&text);
        keeps::<ActorId>(&text);
        keeps::<Timestamp>(&text);
        keeps::<Schedule>(&text);
        keeps::<Tenant>(&text);
        keeps::<Environment>(&text);
        keeps::<Email>(&text);
        keeps::<Phone>(&text);
        keeps::<Color>(&text);
        if keeps::<Origin>(&text) {
            let origin: Origin = text.parse().expect("it was taken");
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":/.-_".contains(&byte);
            prop_assert!(origin.as_str().bytes().all(plain), "{} could say more to a policy", origin);
        }
        if let Ok(key) = IdempotencyKey::client(&text) {
            let bare = key.as_str().strip_prefix("client:").expect("a client's namespace");
            prop_assert!((1..=255).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic()));
        }
        if let Ok(secret) = WebhookSecret::parse(&text) {
            prop_assert_eq!(secret.expose(), text.as_str());
        }
        // Forty-nine characters that happen to have the right checksum do not come up.
        prop_assert!(ApiKeySecret::parse("tk", &text).is_err());
        let cursor = scope("acme", "").decode(&CursorKey::from_bytes([7; 32]), &text);
        prop_assert_eq!(cursor, Err(CursorError::Invalid));
        if let Ok(json) = Json::parse(text.as_bytes()) {
            prop_assert_eq!(Json::parse(&json.canonical()), Ok(json));
        }
        for environment in Environment::ALL {
            if let Ok(url) = TargetPolicy::Public.judge(&text, environment) {
                prop_assert!(url.scheme() == "https" || (url.scheme() == "http" && environment == Environment::Test));
                prop_assert!(url.domain().is_some_and(|name| name.contains('.')), "{} is not a public name", url);
                prop_assert!(url.username().is_empty() && url.password().is_none(), "{} has credentials", url);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_of_json_panic(bytes: Vec<u8>) {
        if let Ok(json) = Json::parse(&bytes) {
            prop_assert_eq!(Json::parse(&json.canonical()), Ok(json));
        }
    }

    #[test]
    fn no_header_makes_the_check_of_a_signature_panic(
        id in any_text(),
        timestamp in prop_oneof![any_text(), any::<i64>().prop_map(|number| number.to_string())],
        signature in any_text(),
        body: Vec<u8>,
    ) {
        let secret = WebhookSecret::generate(&SeededEntropy::new(1));
        let headers = SignatureHeaders { id: &id, timestamp: &timestamp, signature: &signature };
        prop_assert!(verify(&secret, headers, &body, Timestamp::from_millis(1_649_367_553_000)).is_err());
    }

    #[test]
    fn what_is_signed_is_verified_and_nothing_else(
        id in "[!-~&&[^.]]{1,40}",
        body in prop::collection::vec(any::<u8>(), 1..200),
        bit: prop::sample::Index,
    ) {
        let secret = WebhookSecret::generate(&SeededEntropy::new(1));
        let now = Timestamp::from_millis(1_800_000_000_000);
        let timestamp = now.as_secs().to_string();
        let signature = sign(&secret, &id, now.as_secs(), &body);
        let headers = SignatureHeaders { id: &id, timestamp: &timestamp, signature: &signature };
        prop_assert_eq!(verify(&secret, headers, &body, now), Ok(()));

        let mut changed = body.clone();
        flip(&mut changed, bit);
        prop_assert_eq!(verify(&secret, headers, &changed, now), Err(VerifyError::NoMatch));
        let other = WebhookSecret::generate(&SeededEntropy::new(2));
        prop_assert_eq!(verify(&other, headers, &body, now), Err(VerifyError::NoMatch));
    }

    #[test]
    fn an_api_key_is_read_back(seed: u64, environment in prop::sample::select(&Environment::ALL[..])) {
        let key = ApiKeySecret::generate("tk", environment, &SeededEntropy::new(seed));
        let read = ApiKeySecret::parse("tk", key.expose()).expect("a key of ours");
        prop_assert_eq!(read.environment(), environment);
        prop_assert_eq!(read.hash(), key.hash());
    }

    #[test]
    fn a_cursor_is_read_back_and_any_flipped_bit_is_seen(
        secret: [u8; 32],
        key in prop::collection::vec(any::<u8>(), 0..40),
        filter in any::<String>(),
        bit: prop::sample::Index,
    ) {
        let secret = CursorKey::from_bytes(secret);
        let mine = scope("acme", &filter);
        let cursor = mine.encode(&secret, &key);
        prop_assert_eq!(mine.decode(&secret, &cursor), Ok(key));
        prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));

        prop_assert_eq!(scope("other", &filter).decode(&secret, &cursor), Err(CursorError::Invalid));
        let elsewhere = scope("acme", &format!("{filter}!"));
        prop_assert_eq!(elsewhere.decode(&secret, &cursor), Err(CursorError::FilterMismatch));

        let mut bytes = URL_SAFE_NO_PAD.decode(&cursor).expect("base 64");
        flip(&mut bytes, bit);
        prop_assert_eq!(mine.decode(&secret, &URL_SAFE_NO_PAD.encode(bytes)), Err(CursorError::Invalid));
    }

    #[test]
    fn a_schedule_is_written_as_it_is_read(delays in prop::collection::vec((0_u64..100_000, 0_usize..4), 1..9)) {
        let units = ["ms", "s", "m", "h"];
        let text: Vec<_> = delays.iter().map(|(count, unit)| format!("{count}{}", units[*unit])).collect();
        prop_assert!(keeps::<Schedule>(&text.join(",")));
    }

    #[test]
    fn a_time_is_written_as_it_is_read(millis in 0..=Timestamp::MAX.as_millis()) {
        let at = Timestamp::from_millis(millis);
        prop_assert_eq!(at.to_string().parse(), Ok(at));
        prop_assert_eq!(at.to_string().len(), "2026-11-24T06:00:00.000Z".len());
    }
}

/// Turns one bit of many.
fn flip(bytes: &mut [u8], bit: prop::sample::Index) {
    let bit = bit.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}
