use http::HeaderValue;
use sk_tickets_core::{
    ApiKeySecret, Environment, Keyring, Realm, WebhookSecret,
    model::api_key::API_KEY_PRODUCT,
    platform::{seal::Sealed, system::SeededEntropy},
};

use crate::{
    spoil::{self, Tried},
    stage::Stage,
};

/// Keys: of the API, of webhooks, and those that seal secrets. What is read as one is written as it was given, and is told
/// by no `Debug`; a key of one kind is none of another; a key of the API with one letter changed is none; and a request is
/// let in with the key that there is and nothing else.
///
/// # Panics
/// If one of that does not hold.
pub fn key(input: &[u8]) {
    Stage::with(|stage| {
        let own = stage.key().to_owned();
        let Some(tried) = spoil::tried(input, &own) else { return };
        let kinds = [is_api_key(&tried, &own), is_webhook_secret(&tried.text), are_master_keys(&tried.text)];
        assert!(kinds.into_iter().filter(|is_one| *is_one).count() <= 1, "{:?} is of several kinds", tried.text);
        lets_in(stage, &tried.text, &own);
    });
    opens(input);
}

fn is_api_key(tried: &Tried, own: &str) -> bool {
    let Tried { text, changes } = tried;
    let Ok(key) = ApiKeySecret::parse(API_KEY_PRODUCT, text) else {
        assert_ne!(text, own, "a key that was given out is one");
        return false;
    };
    assert!(*changes != Some(1) || text == own, "{text:?} has one letter changed");
    assert_eq!(key.expose(), text);
    let (head, secret) = text.split_at("sk_test_tk_".len());
    assert_eq!(head, format!("sk_{}_{API_KEY_PRODUCT}_", key.environment()));
    assert!(ApiKeySecret::parse("ch", text).is_err(), "{text:?} is of another product");
    assert!(!format!("{key:?}").contains(secret), "{key:?}");
    true
}

fn is_webhook_secret(text: &str) -> bool {
    let Ok(secret) = WebhookSecret::parse(text) else { return false };
    assert_eq!(secret.expose(), text);
    assert!((24..=64).contains(&secret.as_bytes().len()), "{text:?}");
    assert_eq!(WebhookSecret::from_bytes(secret.as_bytes().to_vec()), Ok(secret.clone()));
    assert!(!format!("{secret:?}").contains(&text["whsec_".len()..]), "{secret:?}");
    true
}

fn are_master_keys(text: &str) -> bool {
    let Ok(keyring) = Keyring::parse(text) else { return false };
    let sealed = keyring.seal(b"a secret", &realm("acme"), &SeededEntropy::new(1));
    assert_eq!(keyring.open(&sealed, &realm("acme")).as_deref(), Ok(&b"a secret"[..]));
    assert!(keyring.is_current(&sealed));
    assert!(keyring.open(&sealed, &realm("globex")).is_err(), "of another realm");
    assert!(Keyring::default().open(&sealed, &realm("acme")).is_err(), "without the key");
    let told = format!("{keyring:?}");
    let keys = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    keys.for_each(|key| assert!(!told.contains(key), "{told}"));
    true
}

/// What a store may have kept opens if it was never sealed, since nobody can seal by chance.
fn opens(kept: &[u8]) {
    let keyring = Keyring::parse("NwSP6PXUYqQvKZ3jYfVbyB2kWQh6bZbVZkVx0nU1b1Y=").expect("a key");
    let opened = keyring.open(&Sealed::from_bytes(kept.to_vec()), &realm("acme"));
    let plain = kept.split_first().filter(|(form, _)| **form == 0).map(|(_, plain)| plain);
    assert_eq!(opened.ok().as_deref(), plain);
}

fn lets_in(stage: &mut Stage, text: &str, own: &str) {
    let Ok(value) = HeaderValue::from_bytes(format!("Bearer {text}").as_bytes()) else { return };
    let answer = stage.get_as(Some(value), "/tickets?limit=1");
    let expected = if text.trim_matches([' ', '\t']) == own { "" } else { "unauthorized" };
    assert_eq!(answer.code(), expected, "{text:?}");
}

fn realm(tenant: &str) -> Realm {
    Realm::assume(tenant.parse().expect("a lawful name"), Environment::Test)
}
