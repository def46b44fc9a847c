//! Secrets at rest, sealed with a master key.
//!
//! XChaCha20-Poly1305 ([draft-irtf-cfrg-xchacha-03](https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03)):
//! its nonce is long enough to be drawn at random for each secret. The realm is authenticated along with each one, so
//! that a sealed secret that was copied into another realm does not open there.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};

use super::{realm::Realm, system::Entropy};

const KEY_LENGTH: usize = 32;
const KEY_ID_LENGTH: usize = 8;
const NONCE_LENGTH: usize = 24;

/// The first byte of what is kept: how the rest is to be read.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

/// A secret as a store keeps it: some bytes that are sealed with a master key or, where none is configured, plain.
///
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// What a store has kept.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What a store is to keep.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Which master key opens it; none if it is plain.
    #[must_use]
    pub fn key_id(&self) -> Option<MasterKeyId> {
        let (form, rest) = self.0.split_first()?;
        if *form == SEALED { rest.first_chunk().copied().map(MasterKeyId) } else { None }
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key_id() {
            Some(id) => write!(f, "Sealed(with {id})"),
            None => f.write_str("Sealed(…)"),
        }
    }
}

/// Names a master key without telling it: the first eight bytes of its SHA-256, in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MasterKeyId([u8; KEY_ID_LENGTH]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct MasterKey {
    id: MasterKeyId,
    cipher: XChaCha20Poly1305,
}

/// The master keys that secrets are sealed with: the first one seals, every one opens. With none, secrets are kept
/// plain.
///
/// To change the master key, put the new one first, seal anew, and take the old one away.
#[derive(Default)]
pub struct Keyring(Vec<MasterKey>);

/// A text that holds no master keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// A line is not a key.
    #[error("line {line} is not the base 64 of 32 bytes, such as `openssl rand -base64 32` prints")]
    Line {
        /// Which, counted from 1.
        line: usize,
    },
    /// There is none.
    #[error("there is no key in it: one line with what `openssl rand -base64 32` prints")]
    Empty,
}

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The key that it is sealed with is not there.
    #[error("sealed with the master key {0}, which is not configured")]
    UnknownKey(MasterKeyId),
    /// It is not what was sealed, or not for this realm.
    #[error("the sealed secret is damaged")]
    Damaged,
}

impl Keyring {
    /// Reads master keys: each on a line of its own, 32 bytes in base 64. Empty lines and those that begin with `#` say
    /// nothing.
    ///
    /// # Errors
    /// [`KeyringError`] if a line is no key, or if there is none.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let lines = text.lines().map(str::trim).enumerate();
        let keys = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(index, line)| {
                let bytes = STANDARD.decode(line).ok().filter(|bytes| bytes.len() == KEY_LENGTH);
                let bytes = bytes.ok_or(KeyringError::Line { line: index + 1 })?;
                MasterKey::new(&bytes).ok_or(KeyringError::Line { line: index + 1 })
            })
            .collect::<Result<Vec<_>, KeyringError>>()?;
        if keys.is_empty() { Err(KeyringError::Empty) } else { Ok(Self(keys)) }
    }

    /// Seals a secret of a realm with the first key; with none it stays plain.
    #[must_use]
    pub fn seal(&self, plain: &[u8], realm: &Realm, entropy: &dyn Entropy) -> Sealed {
        let Some(key) = self.0.first() else {
            return Sealed([&[PLAIN], plain].concat());
        };
        let mut nonce = [0; NONCE_LENGTH];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: &context(realm) };
        // Only a text of more than 256 GiB cannot be sealed; what comes out then does not open.
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        Sealed([&[SEALED][..], &key.id.0, &nonce, &sealed].concat())
    }

    /// Opens what was sealed for a realm.
    ///
    /// # Errors
    /// [`SealError`] if its key is not there, or if it was tampered with.
    pub fn open(&self, sealed: &Sealed, realm: &Realm) -> Result<Vec<u8>, SealError> {
        let Some(id) = sealed.key_id() else {
            return match sealed.0.split_first() {
                Some((&PLAIN, plain)) => Ok(plain.to_vec()),
                _ => Err(SealError::Damaged),
            };
        };
        let key = self.0.iter().find(|key| key.id == id).ok_or(SealError::UnknownKey(id))?;
        let (nonce, sealed) = sealed.0[1 + KEY_ID_LENGTH..].split_first_chunk().ok_or(SealError::Damaged)?;
        let nonce: &[u8; NONCE_LENGTH] = nonce;
        let payload = Payload { msg: sealed, aad: &context(realm) };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SealError::Damaged)
    }

    /// Whether it is sealed as this keyring seals: with its first key or, if it has none, not at all.
    #[must_use]
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.key_id() == self.0.first().map(|key| key.id)
    }
}

impl MasterKey {
    fn new(bytes: &[u8]) -> Option<Self> {
        let cipher = XChaCha20Poly1305::new_from_slice(bytes).ok()?;
        let digest = Sha256::digest(bytes);
        Some(Self { id: MasterKeyId(*digest.first_chunk()?), cipher })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| key.id)).finish()
    }
}

/// What is authenticated along with each secret.
fn context(realm: &Realm) -> Vec<u8> {
    format!("sk secret 1\0{}\0{}", realm.tenant(), realm.environment()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{realm::Environment, system::SeededEntropy};

    const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "//////////////////////////////////////////8=";

    fn realm(tenant: &str, environment: Environment) -> Realm {
        Realm::assume(tenant.parse().unwrap(), environment)
    }

    fn keyring(keys: &[&str]) -> Keyring {
        Keyring::parse(&keys.join("\n")).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_realm_and_nowhere_else() {
        let (ring, entropy) = (keyring(&[OLD]), SeededEntropy::new(7));
        let acme = realm("acme", Environment::Test);
        let sealed = ring.seal(b"a secret", &acme, &entropy);
        assert!(!sealed.as_bytes().windows(8).any(|part| part == b"a secret"));
        assert_eq!(ring.open(&sealed, &acme).unwrap(), b"a secret");
        for other in [realm("acme", Environment::Live), realm("globex", Environment::Test)] {
            assert_eq!(ring.open(&sealed, &other), Err(SealError::Damaged));
        }
        assert_ne!(ring.seal(b"a secret", &acme, &entropy), sealed, "a nonce of its own each time");
    }

    #[test]
    fn without_a_key_it_is_plain_and_with_one_still_read() {
        let (none, ring, acme) = (Keyring::default(), keyring(&[OLD]), realm("acme", Environment::Test));
        let plain = none.seal(b"a secret", &acme, &SeededEntropy::new(7));
        assert_eq!(none.open(&plain, &acme).unwrap(), b"a secret");
        assert_eq!(ring.open(&plain, &acme).unwrap(), b"a secret");
        assert!(none.is_current(&plain) && !ring.is_current(&plain));
    }

    #[test]
    fn keys_are_changed_one_after_the_other() {
        let (acme, entropy) = (realm("acme", Environment::Test), SeededEntropy::new(7));
        let sealed = keyring(&[OLD]).seal(b"a secret", &acme, &entropy);
        let both = keyring(&[NEW, OLD]);
        assert_eq!(both.open(&sealed, &acme).unwrap(), b"a secret");
        assert!(!both.is_current(&sealed));
        let anew = both.seal(b"a secret", &acme, &entropy);
        assert!(both.is_current(&anew));
        assert_eq!(keyring(&[NEW]).open(&anew, &acme).unwrap(), b"a secret");
        let error = keyring(&[NEW]).open(&sealed, &acme).unwrap_err();
        assert_eq!(error, SealError::UnknownKey(sealed.key_id().unwrap()));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (ring, acme) = (keyring(&[OLD]), realm("acme", Environment::Test));
        let sealed = ring.seal(b"a secret", &acme, &SeededEntropy::new(7));
        for index in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[index] ^= 0x40;
            assert!(ring.open(&Sealed::from_bytes(bytes), &acme).is_err(), "byte {index}");
        }
        for length in 0..sealed.as_bytes().len() {
            let cut = Sealed::from_bytes(sealed.as_bytes()[..length].to_vec());
            assert!(ring.open(&cut, &acme).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_key_file_has_a_key_on_each_line() {
        assert!(Keyring::parse(&format!("# since March\n{NEW}\n\n{OLD}\n")).is_ok());
        assert_eq!(Keyring::parse("# none\n").unwrap_err(), KeyringError::Empty);
        assert_eq!(Keyring::parse(&format!("{NEW}\nAAAA\n")).unwrap_err(), KeyringError::Line { line: 2 });
        assert_eq!(Keyring::parse("not base 64").unwrap_err(), KeyringError::Line { line: 1 });
    }

    #[test]
    fn nothing_is_told_by_debug() {
        let ring = keyring(&[OLD]);
        let sealed = ring.seal(b"a secret", &realm("acme", Environment::Test), &SeededEntropy::new(7));
        let id = sealed.key_id().unwrap();
        assert_eq!(format!("{ring:?} {sealed:?}"), format!("[{id}] Sealed(with {id})"));
    }
}
