//! Opaque page tokens that never skip or repeat a row.
//!
//! A cursor carries the key of the last row shown, not the row: it goes on working when the row changes or goes. It is
//! bound to its realm, its list and its filters by a MAC, so a forged, truncated or foreign one is told apart from one
//! of ours. The MAC key lives in the store, so that any node takes any node's cursor.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::realm::Realm;

const VERSION: u8 = 1;
const FILTER_LENGTH: usize = 8;
const MAC_LENGTH: usize = 16;

/// The key that a store's cursors are authenticated with.
#[derive(Clone, PartialEq, Eq)]
pub struct CursorKey([u8; 32]);

impl CursorKey {
    /// The key of these bytes, which should be random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store to keep.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

/// The list that a cursor belongs to: whose, which, filtered how.
#[derive(Debug, Clone)]
pub struct CursorScope {
    realm: Realm,
    list: String,
    filter: [u8; FILTER_LENGTH],
}

/// Why a text is not a cursor of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the two answers of the contract")]
pub enum CursorError {
    /// Forged, truncated, of another realm or of another list.
    #[error("the cursor was not made by this server for this list")]
    Invalid,
    /// Made for the same list under other filters.
    #[error("the cursor was made for other filters; start again without it")]
    FilterMismatch,
}

impl CursorScope {
    /// The scope of a list. `filter` is all that chooses and orders its rows; `list` names it with its parent's id.
    #[must_use]
    pub fn new(realm: &Realm, list: impl Into<String>, filter: &impl Serialize) -> Self {
        // Filters are plain data; one that could not be written would only make cursors that match it.
        let digest = Sha256::digest(serde_json::to_vec(filter).unwrap_or_default());
        let mut short = [0; FILTER_LENGTH];
        short.copy_from_slice(&digest[..FILTER_LENGTH]);
        Self { realm: realm.clone(), list: list.into(), filter: short }
    }

    /// The cursor that goes on after the row with this key.
    #[must_use]
    pub fn encode(&self, secret: &CursorKey, key: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(1 + FILTER_LENGTH + key.len() + MAC_LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.filter);
        bytes.extend_from_slice(key);
        let mac = self.mac(secret, &bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The key of the row that `cursor` goes on after.
    ///
    /// # Errors
    /// [`CursorError`] if the cursor is not of this scope.
    pub fn decode(&self, secret: &CursorKey, cursor: &str) -> Result<Vec<u8>, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| CursorError::Invalid)?;
        let key_end = bytes.len().checked_sub(MAC_LENGTH).ok_or(CursorError::Invalid)?;
        let (body, mac) = bytes.split_at(key_end);
        if !bool::from(self.mac(secret, body).ct_eq(mac)) {
            return Err(CursorError::Invalid);
        }
        // What passed the MAC was written by `encode`; other versions of it may have been.
        let (&version, rest) = body.split_first().ok_or(CursorError::Invalid)?;
        if version != VERSION || rest.len() < FILTER_LENGTH {
            return Err(CursorError::Invalid);
        }
        let (filter, key) = rest.split_at(FILTER_LENGTH);
        if filter != self.filter { Err(CursorError::FilterMismatch) } else { Ok(key.to_vec()) }
    }

    fn mac(&self, secret: &CursorKey, body: &[u8]) -> [u8; MAC_LENGTH] {
        let mut mac = hmac_sha256(&secret.0);
        for part in [self.realm.tenant().as_str(), self.realm.environment().as_str(), &self.list] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(body);
        let mut short = [0; MAC_LENGTH];
        short.copy_from_slice(&mac.finalize().into_bytes()[..MAC_LENGTH]);
        short
    }
}

pub(super) fn hmac_sha256(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "RFC 2104 defines HMAC for keys of every length")]
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::realm::Environment;

    fn scope(tenant: &str, environment: Environment, list: &str, filter: &str) -> CursorScope {
        CursorScope::new(&Realm::assume(tenant.parse().unwrap(), environment), list, &filter)
    }

    #[test]
    fn a_cursor_is_bound_to_its_realm_list_and_filter() {
        let secret = CursorKey::from_bytes([7; 32]);
        let mine = scope("acme", Environment::Test, "tickets", "status=open");
        let cursor = mine.encode(&secret, b"key");
        assert_eq!(mine.decode(&secret, &cursor).unwrap(), b"key");

        let refused = |scope: CursorScope| scope.decode(&secret, &cursor).unwrap_err();
        assert_eq!(refused(scope("acme", Environment::Test, "tickets", "")), CursorError::FilterMismatch);
        assert_eq!(refused(scope("acme", Environment::Test, "events", "status=open")), CursorError::Invalid);
        assert_eq!(refused(scope("acme", Environment::Live, "tickets", "status=open")), CursorError::Invalid);
        assert_eq!(refused(scope("other", Environment::Test, "tickets", "status=open")), CursorError::Invalid);
        assert_eq!(mine.decode(&CursorKey::from_bytes([8; 32]), &cursor), Err(CursorError::Invalid));
    }

    #[test]
    fn what_is_sealed_and_not_of_this_version_is_refused() {
        let secret = CursorKey::from_bytes([7; 32]);
        let mine = scope("acme", Environment::Test, "tickets", "");
        let sealed = |body: &[u8]| {
            let mac = mine.mac(&secret, body);
            mine.decode(&secret, &URL_SAFE_NO_PAD.encode([body, &mac].concat()))
        };
        let of_version = |version: u8| [&[version][..], &mine.filter, b"key"].concat();
        assert_eq!(sealed(&of_version(VERSION)), Ok(b"key".to_vec()));
        assert_eq!(sealed(&of_version(VERSION + 1)), Err(CursorError::Invalid));
        assert_eq!(sealed(&of_version(VERSION)[..FILTER_LENGTH]), Err(CursorError::Invalid), "cut within the filter");
        assert_eq!(sealed(&of_version(VERSION)[..=FILTER_LENGTH]), Ok(Vec::new()));
        assert_eq!(sealed(&[]), Err(CursorError::Invalid));
    }

    #[test]
    fn a_changed_cursor_is_refused_at_every_position() {
        let secret = CursorKey::from_bytes([7; 32]);
        let mine = scope("acme", Environment::Test, "tickets", "");
        let cursor = mine.encode(&secret, &[9; 16]);
        for position in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(mine.decode(&secret, &changed), Err(CursorError::Invalid), "{position}");
            assert_eq!(mine.decode(&secret, &cursor[..position]), Err(CursorError::Invalid), "{position}");
        }
    }
}
