use sk_tickets_core::{
    SignatureHeaders, Timestamp, WebhookSecret,
    platform::{
        system::SeededEntropy,
        webhook::{TOLERANCE, sign, verify},
    },
};

use crate::spoil::spoilt;

const NOW_SECS: i64 = 1_800_000_000;
const ID: &str = "evt_01J9X2M3N4P5Q6R7S8T9VAWBXC";
const BODY: &str = r#"{"type":"ticket.created"}"#;

/// Signatures: a webhook is verified if the secret has signed this id, this time and this body, not long before or after,
/// and in no other case.
///
/// The input is id, time, signature and body, on a line each but the last; or `~`, which of them is to be spoilt in a
/// webhook that was signed, and how.
///
/// # Panics
/// If one of that does not hold.
pub fn signature(input: &[u8]) {
    let secret = WebhookSecret::generate(&SeededEntropy::new(1));
    let Some([id, timestamp, signature, body]) = received(&secret, input) else { return };
    let headers = SignatureHeaders { id: &id, timestamp: &timestamp, signature: &signature };
    let now = Timestamp::from_millis(NOW_SECS * 1_000);
    let verified = verify(&secret, headers, body.as_bytes(), now);
    let was_signed = was_signed(&secret, headers, &body);
    assert_eq!(verified.is_ok(), was_signed, "{headers:?} {body:?}: {verified:?}");
    let other = WebhookSecret::generate(&SeededEntropy::new(2));
    assert!(verify(&other, headers, body.as_bytes(), now).is_err(), "{headers:?} {body:?} by another secret");
}

fn received(secret: &WebhookSecret, input: &[u8]) -> Option<[String; 4]> {
    if let [b'~', which, changes @ ..] = input {
        let signature = sign(secret, ID, NOW_SECS, BODY.as_bytes());
        let mut parts = [ID.to_owned(), NOW_SECS.to_string(), signature, BODY.to_owned()];
        let which = usize::from(*which) % parts.len();
        parts[which] = spoilt(&parts[which], changes);
        return Some(parts);
    }
    let mut parts = str::from_utf8(input).ok()?.splitn(4, '\n').map(str::to_owned);
    Some([(); 4].map(|()| parts.next().unwrap_or_default()))
}

/// Whether one of the signatures is what the secret gives.
fn was_signed(secret: &WebhookSecret, headers: SignatureHeaders<'_>, body: &str) -> bool {
    let SignatureHeaders { id, timestamp, signature } = headers;
    if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(at_secs) = timestamp.parse::<i64>() else { return false };
    let wanted = sign(secret, id, at_secs, body.as_bytes());
    at_secs.abs_diff(NOW_SECS) <= TOLERANCE.as_secs() && signature.split(' ').any(|given| given == wanted)
}
