//! The customer.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{id::ContactId, page::Order};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{CONTACT_NAME_MAX, EMAIL_MAX},
    platform::{
        input::{Faults, Input, Patch, Pointer, read_parsed},
        json::Json,
        text::Text,
        time::Timestamp,
    },
    request,
};

/// A contact: somebody tickets are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Contact", transform = Object("contact")))]
#[serde(tag = "object", rename = "contact")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Contact {
    /// Its id.
    pub id: ContactId,
    /// What they are called.
    pub name: Option<String>,
    /// Where they get mail, in lower case. Unique in the realm.
    pub email: Option<String>,
    /// Where they can be called (E.164). Unique in the realm among contacts without an address.
    pub phone: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a contact is found by: its e-mail address, else its phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
pub enum ContactHandle {
    /// An address in lower case.
    Email(String),
    /// A number (E.164).
    Phone(String),
}

request! {
    /// A contact given along with a ticket: found by the e-mail address or, if none is given, by the phone number; made if
    /// there is none. An address that is unknown is another person, whoever has the number.
    pub struct InlineContact {
        /// What they are called.
        pub name: Option<ContactName>,
        /// Where they get mail.
        pub email: Option<Email>,
        /// Where they can be called.
        pub phone: Option<Phone>,
    }
    check(email, phone) = InlineContact::has_a_handle;
    rule = {
        "if": { "properties": { "email": { "type": "null" } } },
        "then": { "properties": { "phone": { "type": "string" } }, "required": ["phone"] },
    };
    example = { "name": "Ann Smith", "email": "ann@example.com" };
    example = { "phone": "+49 30 123456" };
}

impl InlineContact {
    fn has_a_handle(
        email: Option<&Option<Email>>,
        phone: Option<&Option<Phone>>,
        at: Pointer<'_>,
        faults: &mut Faults,
    ) {
        if matches!((email, phone), (Some(None), Some(None))) {
            faults.push(at, "required", "needs an email or a phone to be found by");
        }
    }

    /// What the contact is found by.
    #[must_use]
    pub fn handle(&self) -> Option<ContactHandle> {
        let email = self.email.as_ref().map(|email| ContactHandle::Email(email.0.clone()));
        email.or_else(|| self.phone.as_ref().map(|phone| ContactHandle::Phone(phone.0.clone())))
    }
}

request! {
    /// Makes a contact or, with the id of one that is there, changes it.
    pub struct CreateContact {
        /// Its id, where another system has given it one; a new one unless named.
        pub id: Option<ContactId>,
        /// What they are called.
        pub name: Option<ContactName>,
        /// Where they get mail.
        pub email: Option<Email>,
        /// Where they can be called.
        pub phone: Option<Phone>,
    }
    check(name, email, phone) = CreateContact::says_something;
    rule = {
        "if": { "properties": { "name": { "type": "null" }, "email": { "type": "null" } } },
        "then": { "properties": { "phone": { "type": "string" } }, "required": ["phone"] },
    };
    example = { "name": "Ann", "email": "ann@example.com" };
    example = { "id": "ctc_01J9X2M3N4P5Q6R7S8T9VAWBXC", "phone": "+4930123456" };
}

impl CreateContact {
    fn says_something(
        name: Option<&Option<ContactName>>,
        email: Option<&Option<Email>>,
        phone: Option<&Option<Phone>>,
        at: Pointer<'_>,
        faults: &mut Faults,
    ) {
        if matches!((name, email, phone), (Some(None), Some(None), Some(None))) {
            faults.push(at, "required", "needs a name, an email or a phone");
        }
    }
}

request! {
    /// Changes a contact.
    pub struct UpdateContact {
        /// What they are called.
        pub name: Patch<ContactName>,
        /// Where they get mail.
        pub email: Patch<Email>,
        /// Where they can be called.
        pub phone: Patch<Phone>,
    }
    example = { "email": "ann@example.com", "phone": null };
}

/// Which contacts a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must heed every field")]
pub struct ContactFilter {
    /// The one with this address, in lower case.
    pub email: Option<String>,
    /// Those with this number.
    pub phone: Option<String>,
}

impl ContactFilter {
    /// Whether a contact is shown.
    #[must_use]
    pub fn matches(&self, contact: &Contact) -> bool {
        let Self { email, phone } = self;
        (email.is_none() || contact.email == *email) && (phone.is_none() || contact.phone == *phone)
    }
}

/// The order in which contacts are listed unless another is asked for.
pub const CONTACT_ORDER: Order = Order::Desc;

/// What a contact is called.
pub type ContactName = Text<1, CONTACT_NAME_MAX>;

/// An e-mail address, in lower case: one `@`, something on both sides, no white space or control characters.
///
/// Deliberately no more than that: whether mail arrives there is found out by sending some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Email(String);

/// Not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an e-mail address of at most {EMAIL_MAX} characters")]
#[non_exhaustive]
pub struct EmailError;

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.to_lowercase();
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        let dull = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '@');
        let lawful = !local.is_empty()
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && text.chars().count() <= EMAIL_MAX
            && !local.contains(dull)
            && !domain.contains(dull);
        if lawful { Ok(Self(text)) } else { Err(EmailError) }
    }
}

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// Wider than what is read: an address is counted in lower case, where a few letters become two, and there is more white
// space in Unicode than is named here.
#[cfg(feature = "schema")]
crate::platform::schema::inline_schema!([] Email, |_| {
    const DULL: &str = r"\x00-\x20\x7f-\xa0<>,;@";
    schemars::json_schema!({
        "type": "string",
        "maxLength": EMAIL_MAX,
        "pattern": format!("^[^{DULL}]+@[^{DULL}.]([^{DULL}]*[^{DULL}.])?$"),
    })
});

impl Input for Email {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_email", at, faults)
    }
}

/// A phone number in [E.164](https://www.itu.int/rec/T-REC-E.164): `+` and 7 to 15 digits. Spaces, dashes, dots and
/// brackets between them are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Phone(String);

/// Not a phone number in E.164.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a phone number in E.164, such as +4930123456")]
#[non_exhaustive]
pub struct PhoneError;

impl FromStr for Phone {
    type Err = PhoneError;

    fn from_str(text: &str) -> Result<Self, PhoneError> {
        let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        let digits = bare.strip_prefix('+').ok_or(PhoneError)?;
        let lawful = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if lawful { Ok(Self(bare)) } else { Err(PhoneError) }
    }
}

impl Phone {
    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
crate::platform::schema::inline_schema!([] Phone, |_| schemars::json_schema!({
    "type": "string",
    "pattern": r"^[-. ()]*\+[-. ()]*[1-9]([-. ()]*[0-9]){6,14}[-. ()]*$",
}));

impl Input for Phone {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_phone", at, faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!("Ann@Example.COM".parse::<Email>().unwrap().to_string(), "ann@example.com");
        for bad in ["", "ann", "@x", "ann@", "a b@x.de", "a@x\r\nBcc: b@x", "a@b@c", "<a@b.c>", "a@.de"] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!("+49 (30) 12-34.56".parse::<Phone>().unwrap().to_string(), "+4930123456");
        for bad in ["", "030123456", "+0301234567", "+49", "+49301234567890123", "+49 30 12a456"] {
            assert!(bad.parse::<Phone>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_contact_needs_a_handle() {
        let faults = InlineContact::from_json(&Json::parse(br#"{"name":"Ann"}"#).unwrap()).unwrap_err();
        assert_eq!(faults[0].code, "required");
    }
}
