//! Short texts that only this system can have made: for a link, or a hidden field of a page.
//!
//! A token carries a payload and when it was issued, both in the clear, and a MAC. What tokens of one purpose are signed
//! with is derived from the store's key and the purpose's name: so any node takes any node's tokens, and none is ever
//! good for another purpose, nor as a cursor.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use subtle::ConstantTimeEq;

use super::{
    cursor::{CursorKey, hmac_sha256},
    time::Timestamp,
};

const VERSION: u8 = 1;
const TIME_LENGTH: usize = 8;
const MAC_LENGTH: usize = 16;

/// What tokens of one purpose are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey([u8; 32]);

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct Token {
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Not a token of this purpose: forged, truncated, or of another store or purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token that was issued here for this")]
#[non_exhaustive]
pub struct TokenError;

impl TokenKey {
    /// The key for a purpose. `root` is the key that the store keeps.
    #[must_use]
    pub fn derive(root: &CursorKey, purpose: &str) -> Self {
        // What the MAC of a cursor is of begins with the eight bytes of a small number, so it is never this.
        let mut mac = hmac_sha256(&root.to_bytes());
        mac.update(b"token key\0");
        mac.update(purpose.as_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    /// The token, in characters that need no escaping in a URL.
    #[must_use]
    pub fn sign(&self, token: &Token) -> String {
        let Token { issued_at, payload } = token;
        let mut bytes = Vec::with_capacity(1 + TIME_LENGTH + payload.len() + MAC_LENGTH);
        bytes.push(VERSION);
        bytes.extend_from_slice(&issued_at.as_millis().to_be_bytes());
        bytes.extend_from_slice(payload);
        let mac = self.mac(&bytes);
        bytes.extend_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token says that was signed with this key.
    ///
    /// # Errors
    /// [`TokenError`] if it was not.
    pub fn verify(&self, token: &str) -> Result<Token, TokenError> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError)?;
        let end = bytes.len().checked_sub(MAC_LENGTH).ok_or(TokenError)?;
        let (signed, mac) = bytes.split_at(end);
        if !bool::from(self.mac(signed).ct_eq(mac)) {
            return Err(TokenError);
        }
        // What passed the MAC was written by `sign`; other versions of it may have been.
        let (&version, rest) = signed.split_first().ok_or(TokenError)?;
        let (issued_at, payload) = rest.split_first_chunk::<TIME_LENGTH>().ok_or(TokenError)?;
        if version != VERSION {
            return Err(TokenError);
        }
        let issued_at = Timestamp::from_millis(i64::from_be_bytes(*issued_at));
        Ok(Token { issued_at, payload: payload.to_vec() })
    }

    fn mac(&self, signed: &[u8]) -> [u8; MAC_LENGTH] {
        let mut mac = hmac_sha256(&self.0);
        mac.update(signed);
        let mut short = [0; MAC_LENGTH];
        short.copy_from_slice(&mac.finalize().into_bytes()[..MAC_LENGTH]);
        short
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(root: u8, purpose: &str) -> TokenKey {
        TokenKey::derive(&CursorKey::from_bytes([root; 32]), purpose)
    }

    #[test]
    fn a_token_is_good_for_its_purpose_and_store_alone() {
        let token = Token { issued_at: Timestamp::from_millis(1_700_000_000_123), payload: b"tkt".to_vec() };
        let text = key(7, "receipt").sign(&token);
        assert_eq!(key(7, "receipt").verify(&text), Ok(token));
        assert_eq!(key(7, "page").verify(&text), Err(TokenError));
        assert_eq!(key(8, "receipt").verify(&text), Err(TokenError));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
    }

    #[test]
    fn a_changed_token_is_refused_at_every_position() {
        let key = key(7, "page");
        let text = key.sign(&Token { issued_at: Timestamp::from_millis(0), payload: vec![9; 32] });
        for position in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.verify(&changed), Err(TokenError), "{position}");
            assert_eq!(key.verify(&text[..position]), Err(TokenError), "{position}");
        }
        assert_eq!(key.verify(&format!("{text}A")), Err(TokenError));
        assert_eq!(key.verify(&format!("{text}=")), Err(TokenError));
    }
}
