//! Same key and same body: the same result, for as long as answers are kept, and never again another effect. Same key and
//! another body: a conflict.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{json::Json, seal::Sealed};

/// The longest key a client may send, in characters.
pub const KEY_MAX: usize = 255;

/// What a client sends in `Idempotency-Key`, or the system makes for itself; unique within a realm.
///
/// The two live in namespaces of their own, so no client can name a key of the system's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(String);

/// Why a text cannot be an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the two faults a key can have")]
pub enum IdempotencyKeyError {
    /// There is none, or it is empty.
    #[error("an Idempotency-Key of 1 to {KEY_MAX} visible ASCII characters is required")]
    Missing,
    /// It is too long or has other characters than visible ASCII.
    #[error("an Idempotency-Key has 1 to {KEY_MAX} visible ASCII characters")]
    Malformed,
}

impl IdempotencyKey {
    /// A key as a client sends it: 1 to 255 visible ASCII characters.
    ///
    /// A structured-field string (`"abc"`, RFC 8941 section 3.3.3) is the same key as its bare text.
    ///
    /// # Errors
    /// [`IdempotencyKeyError`] if it is empty, too long or has other characters.
    pub fn client(text: &str) -> Result<Self, IdempotencyKeyError> {
        let text = text.trim_matches([' ', '\t']);
        let bare = match text.strip_prefix('"') {
            Some(rest) => unescape(rest.strip_suffix('"').ok_or(IdempotencyKeyError::Malformed)?)?,
            None => text.to_owned(),
        };
        if bare.is_empty() {
            return Err(IdempotencyKeyError::Missing);
        }
        if bare.len() > KEY_MAX || !bare.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(IdempotencyKeyError::Malformed);
        }
        Ok(Self(format!("client:{bare}")))
    }

    /// A key that the system makes for itself, such as a form's nonce.
    #[must_use]
    pub fn system(text: &str) -> Self {
        Self(format!("system:{text}"))
    }

    /// A key as a store has kept it, with its namespace.
    #[must_use]
    pub const fn from_kept(text: String) -> Self {
        Self(text)
    }

    /// The key with its namespace, as a store keeps it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn unescape(quoted: &str) -> Result<String, IdempotencyKeyError> {
    let mut bare = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(escaped @ ('"' | '\\')) => bare.push(escaped),
                _ => return Err(IdempotencyKeyError::Malformed),
            },
            '"' => return Err(IdempotencyKeyError::Malformed),
            other => bare.push(other),
        }
    }
    Ok(bare)
}

/// What a key is bound to: SHA-256 over a version byte, the operation, the path's parameters and the canonical body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct Fingerprint(pub [u8; 32]);

/// What a key is bound to once its answer is no longer kept: no request has this fingerprint.
pub const EXPIRED: Fingerprint = Fingerprint([0; 32]);

const FINGERPRINT_VERSION: u8 = 1;

impl Fingerprint {
    /// The fingerprint of a request. Each part is preceded by its length (eight bytes, big-endian), so that no two
    /// requests share one by moving text from one part to the next.
    #[must_use]
    pub fn of(operation: &str, path_parameters: &[&str], body: &Json) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([FINGERPRINT_VERSION]);
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        part(operation.as_bytes());
        for parameter in path_parameters {
            part(parameter.as_bytes());
        }
        part(&body.canonical());
        Self(hasher.finalize().into())
    }
}

/// A key bound to a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct Claim {
    /// The key, unique in its realm.
    pub key: IdempotencyKey,
    /// What the key stands for.
    pub fingerprint: Fingerprint,
}

/// An answer as it is kept with its claim and given again, byte for byte.
#[derive(Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct StoredResponse {
    /// The HTTP status.
    pub status: u16,
    /// Where the new resource is: a path.
    pub location: Option<String>,
    /// The entity tag, with its quotes.
    pub etag: Option<String>,
    /// The media type of the body; none where there is no body.
    pub content_type: Option<String>,
    /// The body; where it tells a secret, without it.
    pub body: Vec<u8>,
    /// The secret that belongs into the body.
    pub secret: Option<SecretSlot>,
}

/// A secret that an answer tells: kept apart, sealed, and put in its place each time the answer is given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct SecretSlot {
    /// At which byte of the body the secret's text is put in.
    pub at: usize,
    /// The secret.
    pub secret: Sealed,
}

impl fmt::Debug for StoredResponse {
    // Without the body, which may be long, and holds the secret once it is put in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, location, etag, content_type, body, secret } = self;
        f.debug_struct("StoredResponse")
            .field("status", status)
            .field("location", location)
            .field("etag", etag)
            .field("content_type", content_type)
            .field("body", &format_args!("{} bytes", body.len()))
            .field("secret", secret)
            .finish()
    }
}

/// What a store knows of a key: the fingerprint it was used with, and the answer. Once the answer is no longer kept, the
/// fingerprint is [`EXPIRED`], and of the answer there is no more than the status and the location.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Recorded {
    /// The fingerprint of the request that used the key first.
    pub fingerprint: Fingerprint,
    /// The answer to it.
    pub response: StoredResponse,
}

impl Recorded {
    /// Whether the answer is no longer kept.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.fingerprint == EXPIRED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_key_is_the_same_as_its_bare_text() {
        let bare = IdempotencyKey::client("9f2c-4d1a").unwrap();
        assert_eq!(IdempotencyKey::client("\"9f2c-4d1a\"").unwrap(), bare);
        assert_eq!(IdempotencyKey::client(" \t9f2c-4d1a ").unwrap(), bare);
        assert_eq!(IdempotencyKey::from_kept(bare.as_str().to_owned()), bare);
        assert_eq!(IdempotencyKey::client(r#""a\"b\\c""#).unwrap().as_str(), r#"client:a"b\c"#);
        assert_ne!(IdempotencyKey::system("9f2c-4d1a"), bare);
    }

    #[test]
    fn keys_that_are_none() {
        use IdempotencyKeyError::{Malformed, Missing};
        let long = "x".repeat(256);
        for (text, error) in [
            ("", Missing),
            ("\"\"", Missing),
            ("a b", Malformed),
            ("\"", Malformed),
            (r#""a"b""#, Malformed),
            (r#""a\x""#, Malformed),
            (r#""a\""#, Malformed),
            ("é", Malformed),
            (long.as_str(), Malformed),
        ] {
            assert_eq!(IdempotencyKey::client(text).unwrap_err(), error, "{text}");
        }
        assert!(IdempotencyKey::client(&"x".repeat(255)).is_ok());
    }

    fn hex(fingerprint: Fingerprint) -> String {
        fingerprint.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn golden_fingerprints() {
        let of = |operation, parameters: &[&str], body: &str| {
            hex(Fingerprint::of(operation, parameters, &Json::parse(body.as_bytes()).unwrap()))
        };
        assert_eq!(of("ticket_create", &[], r#"{"subject":"Part delayed"}"#), GOLDEN[0]);
        assert_eq!(of("ticket_create", &[], " { \"subject\" : \"Part \\u0064elayed\" } "), GOLDEN[0]);
        assert_eq!(of("ticket_transition", &["tkt_01J9X2M3N4P5Q6R7S8T9VAWBXC"], r#"{"to":"open"}"#), GOLDEN[1]);
        assert_eq!(of("endpoint_ping", &["whe_01J9X2M3N4P5Q6R7S8T9VAWBXC"], ""), GOLDEN[2]);
    }

    /// Made with the same layout by another implementation (Python's hashlib); they must never change.
    const GOLDEN: [&str; 3] = [
        "6f68493841ce5f8dfb0673081aeea4bad1ee03c45f81e221a9540c3f6c91a62b",
        "439d21f22f09634fcc9837b2c6389b3abec1ba57187ced4518ad7e007f1109b4",
        "7a2b669bd643232a9de2ffa058f281195790284733695eee24f136f08a30c805",
    ];
}
