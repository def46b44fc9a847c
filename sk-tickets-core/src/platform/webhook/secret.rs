use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::platform::system::Entropy;

const PREFIX: &str = "whsec_";
const LENGTH: usize = 24;
/// What the specification allows a secret to have.
const LAWFUL_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret that an endpoint's deliveries are signed with: `whsec_` and the base 64 of 24 random bytes.
///
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// A text that is no webhook secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a webhook secret is `whsec_` and the base 64 of 24 to 64 bytes")]
#[non_exhaustive]
pub struct SecretError;

impl WebhookSecret {
    /// Draws a secret of 192 bits.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = vec![0; LENGTH];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Reads a secret in its text form.
    ///
    /// # Errors
    /// [`SecretError`] if the text is none.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(SecretError)?).map_err(|_| SecretError)?;
        Self::from_bytes(bytes)
    }

    /// The secret of these bytes, as a store keeps them.
    ///
    /// # Errors
    /// [`SecretError`] if there are fewer than 24 or more than 64.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SecretError> {
        if LAWFUL_LENGTHS.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(SecretError) }
    }

    /// The bytes: the HMAC key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text form, to show to the endpoint's owner.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(whsec_…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = WebhookSecret::from_bytes(vec![7; LENGTH]).unwrap();
        assert_eq!(WebhookSecret::parse(&secret.expose()).unwrap(), secret);
        assert_eq!(format!("{secret:?}"), "WebhookSecret(whsec_…)");
    }

    #[test]
    fn a_secret_has_24_to_64_bytes() {
        let lawful = |length| WebhookSecret::from_bytes(vec![7; length]).is_ok();
        assert_eq!([23, 24, 64, 65].map(lawful), [false, true, true, false]);
        for text in ["", "whsec_", "whsec_AAAA", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH", "whsec_!"] {
            assert!(WebhookSecret::parse(text).is_err(), "{text}");
        }
    }
}
