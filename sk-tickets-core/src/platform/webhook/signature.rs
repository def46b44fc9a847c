use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::Mac;
use subtle::ConstantTimeEq;

use super::WebhookSecret;
use crate::platform::{cursor::hmac_sha256, time::Timestamp};

/// Names the message: the event's id, the same on every attempt.
pub const HEADER_ID: &str = "webhook-id";
/// When this attempt was signed, in whole seconds since the epoch.
pub const HEADER_TIMESTAMP: &str = "webhook-timestamp";
/// One or more signatures, separated by one space.
pub const HEADER_SIGNATURE: &str = "webhook-signature";

/// How far a timestamp may be from the receiver's clock.
pub const TOLERANCE: Duration = Duration::from_secs(300);

const SCHEME: &str = "v1,";

/// The signature of a message: `v1,` and the base 64 of HMAC-SHA256 over `id.timestamp.body`.
#[must_use]
pub fn sign(secret: &WebhookSecret, id: &str, timestamp_secs: i64, body: &[u8]) -> String {
    let mut signature = String::with_capacity(SCHEME.len() + 44);
    signature.push_str(SCHEME);
    STANDARD.encode_string(mac(secret, id, timestamp_secs, body), &mut signature);
    signature
}

/// The value of `webhook-signature`: one signature for each secret, so that a rotated secret overlaps with its
/// successor.
#[must_use]
pub fn signature_header(secrets: &[WebhookSecret], id: &str, timestamp_secs: i64, body: &[u8]) -> String {
    let signatures: Vec<_> = secrets.iter().map(|secret| sign(secret, id, timestamp_secs, body)).collect();
    signatures.join(" ")
}

fn mac(secret: &WebhookSecret, id: &str, timestamp_secs: i64, body: &[u8]) -> [u8; 32] {
    let mut mac = hmac_sha256(secret.as_bytes());
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp_secs.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// The three headers of a webhook, as received.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "the specification has these three")]
pub struct SignatureHeaders<'a> {
    /// `webhook-id`
    pub id: &'a str,
    /// `webhook-timestamp`
    pub timestamp: &'a str,
    /// `webhook-signature`
    pub signature: &'a str,
}

/// Why a webhook is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The timestamp is not a whole number.
    #[error("the webhook-timestamp is not a whole number of seconds")]
    Timestamp,
    /// It was signed too long ago: perhaps somebody sends it again.
    #[error("the webhook was signed more than {} s ago", TOLERANCE.as_secs())]
    TooOld,
    /// It was signed in the future: a clock is wrong.
    #[error("the webhook was signed more than {} s in the future", TOLERANCE.as_secs())]
    TooNew,
    /// No signature is by the secret over this id, timestamp and body.
    #[error("no signature matches")]
    NoMatch,
}

/// Checks that a webhook was signed with `secret` not more than [`TOLERANCE`] from `now`. `body` is the raw body.
///
/// # Errors
/// [`VerifyError`] if it was not.
pub fn verify(
    secret: &WebhookSecret,
    headers: SignatureHeaders<'_>,
    body: &[u8],
    now: Timestamp,
) -> Result<(), VerifyError> {
    let digits = headers.timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let timestamp_secs: i64 = headers.timestamp.parse().ok().filter(|_| digits).ok_or(VerifyError::Timestamp)?;
    let tolerance = i64::try_from(TOLERANCE.as_secs()).unwrap_or(i64::MAX);
    let age = now.as_secs().saturating_sub(timestamp_secs);
    if age > tolerance {
        return Err(VerifyError::TooOld);
    }
    if age < -tolerance {
        return Err(VerifyError::TooNew);
    }
    let wanted = mac(secret, headers.id, timestamp_secs, body);
    let matches = headers
        .signature
        .split(' ')
        .filter_map(|signature| signature.strip_prefix(SCHEME))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .any(|given| bool::from(wanted.ct_eq(given.as_slice())));
    if matches { Ok(()) } else { Err(VerifyError::NoMatch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const TIMESTAMP: i64 = 1_649_367_553;
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const SIGNATURE: &str = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";

    fn check(signature: &str, body: &[u8], now_secs: i64) -> Result<(), VerifyError> {
        let headers = SignatureHeaders { id: ID, timestamp: &TIMESTAMP.to_string(), signature };
        verify(&WebhookSecret::parse(SECRET).unwrap(), headers, body, Timestamp::from_millis(now_secs * 1_000))
    }

    #[test]
    fn the_vector_of_the_specification() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        assert_eq!(sign(&secret, ID, TIMESTAMP, BODY), SIGNATURE);
        assert_eq!(secret.expose(), SECRET);
        assert_eq!(check(SIGNATURE, BODY, TIMESTAMP), Ok(()));
    }

    #[test]
    fn a_changed_body_a_stale_time_and_a_foreign_secret_are_refused() {
        assert_eq!(check(SIGNATURE, b"{}", TIMESTAMP), Err(VerifyError::NoMatch));
        assert_eq!(check(SIGNATURE, BODY, TIMESTAMP + 300), Ok(()));
        assert_eq!(check(SIGNATURE, BODY, TIMESTAMP + 301), Err(VerifyError::TooOld));
        assert_eq!(check(SIGNATURE, BODY, TIMESTAMP - 301), Err(VerifyError::TooNew));
        assert_eq!(check("v1,AAAA", BODY, TIMESTAMP), Err(VerifyError::NoMatch));
        assert_eq!(check("", BODY, TIMESTAMP), Err(VerifyError::NoMatch));
    }

    #[test]
    fn one_byte_of_a_signature_is_not_enough() {
        let (_, whole) = SIGNATURE.split_at(SCHEME.len());
        for length in (0..whole.len()).step_by(4) {
            assert_eq!(check(&format!("v1,{}", &whole[..length]), BODY, TIMESTAMP), Err(VerifyError::NoMatch));
        }
    }

    #[test]
    fn one_of_several_signatures_is_enough() {
        let other = WebhookSecret::from_bytes(vec![1; 24]).unwrap();
        let secret = WebhookSecret::parse(SECRET).unwrap();
        let header = signature_header(&[other, secret], ID, TIMESTAMP, BODY);
        assert_eq!(header.matches(' ').count(), 1);
        assert_eq!(check(&header, BODY, TIMESTAMP), Ok(()));
        assert_eq!(check(&format!("v1a,xyz {SIGNATURE}"), BODY, TIMESTAMP), Ok(()));
    }
}
