use std::{fmt, time::Duration};

use crate::{
    limits::{FORM_FILL_MIN_MILLIS, FORM_SHOWN_MAX_SECS},
    model::id::{FormId, TicketId},
    platform::{
        system::Entropy,
        time::Timestamp,
        token::{Token, TokenKey},
    },
};

pub(super) const RENDER_PURPOSE: &str = "form render";
pub(super) const STATUS_PURPOSE: &str = "form status";

const ID_LENGTH: usize = 16;

/// What tells one showing of a form from all others: what is sent under it is sent once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// A nonce of these bytes, which should be random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What says that a form was shown, and when: what is sent without one was not sent by somebody who saw the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a test builds one by naming its fields")]
pub struct RenderToken {
    /// Which form.
    pub form: FormId,
    /// Which showing of it.
    pub nonce: Nonce,
    /// When it was shown.
    pub issued_at: Timestamp,
}

/// Why a form cannot be sent with a render token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the two faults there are")]
pub enum RenderTokenError {
    /// Forged, truncated, or of another form.
    #[error("the form was not shown with this token")]
    Invalid,
    /// The form was shown too long ago.
    #[error("the form was shown too long ago")]
    Expired,
}

impl RenderToken {
    /// A token for a form that is shown at `now`.
    #[must_use]
    pub fn new(form: FormId, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut nonce = [0; 16];
        entropy.fill(&mut nonce);
        Self { form, nonce: Nonce(nonce), issued_at: now }
    }

    /// The token as text.
    #[must_use]
    pub fn sign(&self, key: &TokenKey) -> String {
        let payload = [self.form.to_bytes(), self.nonce.0].concat();
        key.sign(&Token { issued_at: self.issued_at, payload })
    }

    /// The token with which a form was shown that is sent at `now`.
    ///
    /// # Errors
    /// [`RenderTokenError`] if it was not shown with it, or more than a day ago.
    pub fn read(text: &str, form: FormId, now: Timestamp, key: &TokenKey) -> Result<Self, RenderTokenError> {
        let Token { issued_at, payload } = key.verify(text).map_err(|_| RenderTokenError::Invalid)?;
        let (of_form, nonce) = payload.split_first_chunk::<ID_LENGTH>().ok_or(RenderTokenError::Invalid)?;
        let nonce = nonce.try_into().map(Nonce).map_err(|_| RenderTokenError::Invalid)?;
        if FormId::from_bytes(*of_form) != form {
            return Err(RenderTokenError::Invalid);
        }
        if now.since(issued_at) > Duration::from_secs(FORM_SHOWN_MAX_SECS) {
            return Err(RenderTokenError::Expired);
        }
        Ok(Self { form, nonce, issued_at })
    }

    /// Whether a form that is sent at `now` was filled in faster than anybody can.
    #[must_use]
    pub fn is_too_fast(&self, now: Timestamp) -> bool {
        now.since(self.issued_at) < Duration::from_millis(FORM_FILL_MIN_MILLIS)
    }
}

/// What lets who sent a form see how their ticket stands. It does not expire: the link is all that they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusToken {
    pub(super) form: FormId,
    pub(super) ticket: TicketId,
}

impl StatusToken {
    pub(super) fn sign(self, issued_at: Timestamp, key: &TokenKey) -> String {
        let payload = [self.form.to_bytes(), self.ticket.to_bytes()].concat();
        key.sign(&Token { issued_at, payload })
    }

    /// The token, if it is one of this form's.
    pub(super) fn read(text: &str, form: FormId, key: &TokenKey) -> Option<Self> {
        let payload = key.verify(text).ok()?.payload;
        let (of_form, ticket) = payload.split_first_chunk::<ID_LENGTH>()?;
        let token = Self { form: FormId::from_bytes(*of_form), ticket: TicketId::from_bytes(ticket.try_into().ok()?) };
        (token.form == form).then_some(token)
    }
}
