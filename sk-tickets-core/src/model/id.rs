//! The kinds of ids that tickets add to the platform's.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    define_ids,
    platform::{
        id::IdError,
        input::{Faults, Input, Pointer, read_parsed},
        json::Json,
    },
};

define_ids! { TICKET_PREFIXES:
    /// Of a ticket (`tkt_`).
    TicketId = TicketKind("tkt");
    /// Of a thread entry (`ent_`).
    EntryId = EntryKind("ent");
    /// Of a contact: the customer (`ctc_`).
    ContactId = ContactKind("ctc");
    /// Of a user: a person who works on tickets (`usr_`).
    UserId = UserKind("usr");
    /// Of an AI agent (`agt_`).
    AgentId = AgentKind("agt");
    /// Of a call (`cal_`).
    CallId = CallKind("cal");
    /// Of a recording (`rec_`).
    RecordingId = RecordingKind("rec");
    /// Of a transcript (`trn_`).
    TranscriptId = TranscriptKind("trn");
    /// Of a hosted form (`frm_`).
    FormId = FormKind("frm");
    /// Of a queue (`que_`).
    QueueId = QueueKind("que");
    /// Of an SLA policy (`sla_`).
    SlaPolicyId = SlaPolicyKind("sla");
    /// Of a notification: what a customer is told (`ntf_`).
    NotificationId = NotificationKind("ntf");
}

/// Declares an id that may be of one of several kinds.
macro_rules! either_id {
    ($(#[$meta:meta])* pub enum $name:ident ($expected:literal) { $($(#[$doc:meta])* $variant:ident($id:ty),)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(clippy::exhaustive_enums, reason = "matches on it are total on purpose")]
        pub enum $name { $($(#[$doc])* $variant($id),)* }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$variant(id) => fmt::Display::fmt(id, f),)* }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        $(impl From<$id> for $name {
            fn from(id: $id) -> Self {
                Self::$variant(id)
            }
        })*

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                $(match text.parse() {
                    Ok(id) => return Ok(Self::$variant(id)),
                    Err(IdError::Prefix { .. }) => {}
                    Err(error) => return Err(error),
                })*
                Err(IdError::Prefix { expected: $expected })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        #[cfg(feature = "schema")]
        crate::platform::schema::inline_schema!([] $name, |_| {
            crate::platform::id::schema(&[$(<$id>::PREFIX),*])
        });

        impl Input for $name {
            fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
                read_parsed(json, "invalid_id", at, faults)
            }
        }
    };
}

either_id! {
    /// Who a ticket can belong to.
    pub enum OwnerId ("usr_` or `agt") {
        /// A person.
        User(UserId),
        /// An AI agent.
        Agent(AgentId),
    }
}

either_id! {
    /// Whom a request can name as the one who acts.
    pub enum ActorId ("usr_`, `agt_` or `ctc") {
        /// A person who works on tickets.
        User(UserId),
        /// An AI agent.
        Agent(AgentId),
        /// The customer.
        Contact(ContactId),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::platform::id::PLATFORM_PREFIXES;

    #[test]
    fn no_prefix_is_given_out_twice() {
        let all: Vec<_> = PLATFORM_PREFIXES.iter().chain(TICKET_PREFIXES).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|prefix| prefix.len() == 3));
    }

    #[test]
    fn an_owner_is_a_user_or_an_agent() {
        let ulid = "01J9X2M3N4P5Q6R7S8T9VAWBXC";
        assert!(matches!(format!("usr_{ulid}").parse(), Ok(OwnerId::User(_))));
        assert!(matches!(format!("agt_{ulid}").parse(), Ok(OwnerId::Agent(_))));
        let error = format!("ctc_{ulid}").parse::<OwnerId>().unwrap_err();
        assert_eq!(error.to_string(), "must begin with `usr_` or `agt_`");
        assert!(matches!("agt_!".parse::<OwnerId>(), Err(IdError::Length { .. })));
    }
}
