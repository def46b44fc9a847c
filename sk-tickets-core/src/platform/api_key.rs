//! The text of an API key: `sk_test_tk_` or `sk_live_tk_`, 43 characters of chance, 6 of checksum.
//!
//! Junk is refused by the checksum alone, without a look into the store. What is stored is the SHA-256 of the text;
//! the text itself is shown once.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{realm::Environment, system::Entropy};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;

/// A key as its holder has it. `Debug` and logs show only its beginning.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeySecret {
    text: String,
    environment: Environment,
}

/// The SHA-256 of a key's text: all that a store keeps of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a number with a name")]
pub struct ApiKeyHash(pub [u8; 32]);

/// A text that is no API key of this product: wrong shape or checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an API key")]
#[non_exhaustive]
pub struct ApiKeyError;

impl ApiKeySecret {
    /// Draws a key of 256 random bits for `product` (`tk` for tickets) and `environment`.
    #[must_use]
    pub fn generate(product: &str, environment: Environment, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 32];
        entropy.fill(&mut random);
        let head = format!("sk_{environment}_{product}_{}", base62(&random, RANDOM_LENGTH));
        let checksum = checksum(&head);
        Self { text: head + &checksum, environment }
    }

    /// Reads a key of `product`.
    ///
    /// # Errors
    /// [`ApiKeyError`] if the shape or the checksum is wrong.
    pub fn parse(product: &str, text: &str) -> Result<Self, ApiKeyError> {
        let rest = text.strip_prefix("sk_").ok_or(ApiKeyError)?;
        let (environment, rest) = rest.split_once('_').ok_or(ApiKeyError)?;
        let environment = environment.parse().map_err(|_| ApiKeyError)?;
        let body = rest.strip_prefix(product).and_then(|rest| rest.strip_prefix('_')).ok_or(ApiKeyError)?;
        if body.len() != RANDOM_LENGTH + CHECKSUM_LENGTH || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ApiKeyError);
        }
        let (head, given) = text.split_at(text.len() - CHECKSUM_LENGTH);
        if checksum(head) == given { Ok(Self { text: text.to_owned(), environment }) } else { Err(ApiKeyError) }
    }

    /// The whole key, to show to its holder once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The world that the key opens.
    #[must_use]
    pub const fn environment(&self) -> Environment {
        self.environment
    }

    /// What the store knows the key by.
    #[must_use]
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash(Sha256::digest(&self.text).into())
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeySecret(sk_{}_…)", self.environment)
    }
}

/// The CRC-32 of everything before it, in base 62.
fn checksum(head: &str) -> String {
    base62(&crc32fast::hash(head.as_bytes()).to_be_bytes(), CHECKSUM_LENGTH)
}

/// A big-endian number in base 62, padded with zeros to `length`.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = bytes.to_vec();
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0;
        for byte in &mut number {
            let value = remainder * 256 + usize::from(*byte);
            // A remainder is below 62, so the quotient is below 256.
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = BASE62[remainder];
    }
    digits.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::system::SeededEntropy;

    #[test]
    fn a_key_is_read_back_and_junk_is_refused() {
        let key = ApiKeySecret::generate("tk", Environment::Test, &SeededEntropy::new(1));
        assert!(key.expose().starts_with("sk_test_tk_"));
        assert_eq!(key.expose().len(), "sk_test_tk_".len() + 49);
        assert_eq!(ApiKeySecret::parse("tk", key.expose()).unwrap(), key);
        assert!(!format!("{key:?}").contains(&key.expose()[11..]));

        let text = key.expose();
        for position in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[position] = if changed[position] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(ApiKeySecret::parse("tk", &changed).is_err(), "{position}");
        }
        assert!(ApiKeySecret::parse("other", text).is_err());
        assert!(ApiKeySecret::parse("tk", &text.replace("test", "live")).is_err());
        assert!(ApiKeySecret::parse("tk", "").is_err());
    }

    /// Checksum and hash made by another implementation (Python's zlib and hashlib).
    #[test]
    fn what_is_kept_of_a_key_is_its_hash() {
        let key = ApiKeySecret::parse("tk", "sk_test_tk_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg1QT2S3").unwrap();
        let hash: String = key.hash().0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "45a0d16ac8f0de0ef10ffb97c7957dd3662f6c32338d95d23c388f65b67b6e95");
    }

    #[test]
    fn base62_is_padded() {
        assert_eq!(base62(&[0, 0, 0, 0], 6), "000000");
        assert_eq!(base62(&[0, 0, 0, 63], 6), "000011");
        assert_eq!(base62(&[255; 4], 6), "4gfFC3");
    }
}
