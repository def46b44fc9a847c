//! Tokens: what was signed is read back, and nothing else is.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use sk_tickets_core::{
    FormId, Timestamp,
    form::{RenderToken, RenderTokenError},
    limits::{FORM_FILL_MIN_MILLIS, FORM_SHOWN_MAX_SECS},
    platform::{
        cursor::CursorKey,
        system::SeededEntropy,
        token::{Token, TokenKey},
    },
};

use super::seeded;

fn flipped(text: &str, bit: prop::sample::Index) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).expect("base 64");
    let bit = bit.index(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    URL_SAFE_NO_PAD.encode(bytes)
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn a_token_is_read_back_and_any_flipped_bit_is_seen(
        root: [u8; 32],
        purpose in any::<String>(),
        millis: i64,
        payload in prop::collection::vec(any::<u8>(), 0..80),
        bit: prop::sample::Index,
        cut: prop::sample::Index,
    ) {
        let root = CursorKey::from_bytes(root);
        let key = TokenKey::derive(&root, &purpose);
        let token = Token { issued_at: Timestamp::from_millis(millis), payload };
        let text = key.sign(&token);
        prop_assert_eq!(key.verify(&text), Ok(token.clone()));
        prop_assert_eq!(key.sign(&token), text.clone(), "it is the same each time");
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));

        prop_assert!(key.verify(&flipped(&text, bit)).is_err());
        prop_assert!(key.verify(&text[..cut.index(text.len())]).is_err());
        let elsewhere = TokenKey::derive(&root, &(purpose.clone() + "!"));
        prop_assert!(elsewhere.verify(&text).is_err());
        let mut other = root.to_bytes();
        other[cut.index(32)] ^= 1;
        prop_assert!(TokenKey::derive(&CursorKey::from_bytes(other), &purpose).verify(&text).is_err());
    }

    #[test]
    fn no_text_is_a_token(text in any::<String>(), payload in prop::collection::vec(any::<u8>(), 0..100)) {
        let key = TokenKey::derive(&CursorKey::from_bytes([7; 32]), "form render");
        prop_assert!(key.verify(&text).is_err());
        prop_assert!(key.verify(&URL_SAFE_NO_PAD.encode(payload)).is_err());
    }

    #[test]
    fn a_render_token_is_good_for_its_form_and_a_day(
        form: [u8; 16],
        seed: u64,
        at in 0_i64..4_000_000_000_000,
        later in prop_oneof![0..3 * FORM_FILL_MIN_MILLIS, 0..2 * FORM_SHOWN_MAX_SECS * 1_000],
        bit: prop::sample::Index,
    ) {
        let key = TokenKey::derive(&CursorKey::from_bytes([7; 32]), "form render");
        let (form, at) = (FormId::from_bytes(form), Timestamp::from_millis(at));
        let token = RenderToken::new(form, at, &SeededEntropy::new(seed));
        let text = token.sign(&key);
        let now = at + Duration::from_millis(later);
        let is_expired = later > FORM_SHOWN_MAX_SECS * 1_000;
        let expected = if is_expired { Err(RenderTokenError::Expired) } else { Ok(token) };
        prop_assert_eq!(RenderToken::read(&text, form, now, &key), expected);
        prop_assert_eq!(token.is_too_fast(now), later < FORM_FILL_MIN_MILLIS);

        let invalid = Err(RenderTokenError::Invalid);
        prop_assert_eq!(RenderToken::read(&flipped(&text, bit), form, at, &key), invalid);
        let other = FormId::from_bytes((u128::from_be_bytes(form.to_bytes()) ^ 1).to_be_bytes());
        prop_assert_eq!(RenderToken::read(&text, other, at, &key), invalid);
        let status = TokenKey::derive(&CursorKey::from_bytes([7; 32]), "form status");
        prop_assert_eq!(RenderToken::read(&text, form, at, &status), invalid);
        // What is signed, but has another shape.
        for payload in [Vec::new(), form.to_bytes().to_vec(), vec![0; 31], [form.to_bytes().as_slice(), &[0; 17]].concat()] {
            let text = key.sign(&Token { issued_at: at, payload });
            prop_assert_eq!(RenderToken::read(&text, form, at, &key), invalid);
        }
    }

    /// A page that was shown by a node whose clock is ahead was shown just now.
    #[test]
    fn a_render_token_from_a_clock_that_is_ahead_is_too_fast(ahead in 1_u64..100_000) {
        let key = TokenKey::derive(&CursorKey::from_bytes([7; 32]), "form render");
        let (form, now) = (FormId::from_bytes([1; 16]), Timestamp::from_millis(1_800_000_000_000));
        let token = RenderToken::new(form, now + Duration::from_millis(ahead), &SeededEntropy::new(1));
        prop_assert_eq!(RenderToken::read(&token.sign(&key), form, now, &key), Ok(token));
        prop_assert!(token.is_too_fast(now));
    }
}
