//! Forms: how customers write to us without an account.

mod theme;

use serde::{Deserialize, Serialize};

pub use theme::{Color, ColorError, Font, Radius, Theme, ThemePatch};

use super::{id::FormId, page::Order, ticket::Topic};
#[cfg(feature = "schema")]
use crate::platform::schema::Object;
use crate::{
    limits::{FORM_NAME_MAX, FORM_ORIGINS_MAX, FORM_TOPIC_LABEL_MAX, FORM_TOPICS_MAX},
    platform::{
        input::{Change, Faults, Patch, Pointer},
        origin::Origin,
        text::{List, Text, TextError},
        time::Timestamp,
    },
    request, words,
};

words! {
    /// The language that a form speaks.
    pub enum Locale {
        /// English.
        En = "en",
        /// German.
        De = "de",
    }
}

/// A form that customers fill in: on a page of its own, or within other pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Form", transform = Object("form")))]
#[serde(tag = "object", rename = "form")]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Form {
    /// Its id, which is in its address: who has it can send the form.
    pub id: FormId,
    /// What it is called; its heading.
    pub name: String,
    /// What customers can choose from, in this order.
    pub topics: Vec<FormTopic>,
    /// The origins whose pages may embed it. Its own page always works.
    pub allowed_origins: Vec<Origin>,
    /// The language it speaks.
    pub locale: Locale,
    /// How it looks, where that is not as usual.
    pub theme: Theme,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Form {
    /// Whether customers can choose this topic.
    #[must_use]
    pub fn offers(&self, topic: &str) -> bool {
        self.topics.iter().any(|offered| offered.key == topic)
    }
}

/// A topic that a form offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct FormTopic {
    /// The topic of the tickets, which routes them.
    pub key: String,
    /// What customers read.
    pub label: String,
}

/// What a form is called.
pub type FormName = Text<1, FORM_NAME_MAX>;
/// What customers read for a topic.
pub type FormTopicLabel = Text<1, FORM_TOPIC_LABEL_MAX>;
/// The topics that a form is to offer.
pub type NewFormTopics = List<NewFormTopic, FORM_TOPICS_MAX>;
/// The origins whose pages may embed a form.
pub type FormOrigins = List<Origin, FORM_ORIGINS_MAX>;

request! {
    /// A topic that a form is to offer.
    pub struct NewFormTopic {
        /// The topic of the tickets, which routes them. Once in a form.
        pub key: Topic,
        /// What customers are to read.
        pub label: FormTopicLabel,
    }
    example = { "key": "delivery", "label": "Where is my order?" };
}

request! {
    /// Makes a form.
    pub struct CreateForm {
        /// What it is called; its heading.
        pub name: FormName,
        /// What customers can choose from, in this order.
        pub topics: NewFormTopics,
        /// The origins whose pages may embed it, such as `https://shop.example`; none unless named.
        pub allowed_origins: FormOrigins,
        /// The language it speaks; `en` unless named.
        pub locale: Option<Locale>,
        /// How it looks, where that is not to be as usual.
        pub theme: Option<ThemePatch>,
    }
    check(topics) = CreateForm::names_each_topic_once;
    example = {
        "name": "Contact us",
        "topics": [
            { "key": "delivery", "label": "Where is my order?" },
            { "key": "invoice", "label": "A question about an invoice" },
        ],
        "allowed_origins": ["https://shop.example"],
        "locale": "en",
        "theme": { "accent": "#0b6e4f", "radius": 8 },
    };
    example = { "name": "Contact us" };
}

impl CreateForm {
    /// A form with a name and nothing else.
    ///
    /// # Errors
    /// [`TextError`] if the name is empty or longer than 200 characters.
    pub fn new(name: impl Into<String>) -> Result<Self, TextError> {
        Ok(Self {
            name: FormName::new(name)?,
            topics: List::default(),
            allowed_origins: List::default(),
            locale: None,
            theme: None,
        })
    }

    fn names_each_topic_once(topics: Option<&NewFormTopics>, at: Pointer<'_>, faults: &mut Faults) {
        if let Some(topics) = topics {
            check_topics(topics, at.name("topics"), faults);
        }
    }
}

request! {
    /// Changes a form.
    pub struct UpdateForm {
        /// What it is called; its heading.
        pub name: Change<FormName>,
        /// What customers can choose from, in this order, instead of what they could.
        pub topics: Patch<NewFormTopics>,
        /// The origins whose pages may embed it, instead of those that might.
        pub allowed_origins: Patch<FormOrigins>,
        /// The language it speaks.
        pub locale: Change<Locale>,
        /// What of its looks to change; null for all as usual.
        pub theme: Patch<ThemePatch>,
    }
    check(topics) = UpdateForm::names_each_topic_once;
    example = { "locale": "de", "theme": { "accent": null, "font": "serif" } };
}

impl UpdateForm {
    /// A change of nothing, to build on.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            name: Change(None),
            topics: Patch::Keep,
            allowed_origins: Patch::Keep,
            locale: Change(None),
            theme: Patch::Keep,
        }
    }

    fn names_each_topic_once(topics: Option<&Patch<NewFormTopics>>, at: Pointer<'_>, faults: &mut Faults) {
        if let Some(Patch::Set(topics)) = topics {
            check_topics(topics, at.name("topics"), faults);
        }
    }
}

// No rule in the schema says this: there, no item is compared with another by one of its members.
fn check_topics(topics: &NewFormTopics, at: Pointer<'_>, faults: &mut Faults) {
    for (index, topic) in topics.iter().enumerate() {
        if topics[..index].iter().any(|other| other.key == topic.key) {
            faults.push(at.index(index).name("key"), "duplicate", "is the key of a topic before");
        }
    }
}

/// The order in which forms are listed unless another is asked for.
pub const FORM_ORDER: Order = Order::Desc;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{input::Input, json::Json};

    fn faults<T: Input>(body: &str) -> Vec<(String, String)> {
        let faults = T::from_json(&Json::parse(body.as_bytes()).unwrap()).err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    fn named(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
    }

    #[test]
    fn every_fault_of_a_form_is_named_at_once() {
        let body = r##"{
            "name": "",
            "topics": [{ "key": "a", "label": "" }, { "key": "" }, { "key": "a", "label": "x", "hint": 1 }],
            "allowed_origins": ["https://shop.example/", "https://*.example", 7],
            "locale": "fr",
            "theme": { "accent": "red", "radius": 33, "font": "Comic Sans", "css": "}" }
        }"##;
        assert_eq!(
            faults::<CreateForm>(body),
            named(&[
                ("/name", "too_short"),
                ("/topics/0/label", "too_short"),
                ("/topics/1/key", "too_short"),
                ("/topics/1/label", "required"),
                ("/topics/2/hint", "unknown_field"),
                ("/allowed_origins/0", "invalid_origin"),
                ("/allowed_origins/1", "invalid_origin"),
                ("/allowed_origins/2", "wrong_type"),
                ("/locale", "invalid_value"),
                ("/theme/css", "unknown_field"),
                ("/theme/accent", "invalid_color"),
                ("/theme/radius", "out_of_range"),
                ("/theme/font", "invalid_value"),
            ])
        );
    }

    #[test]
    fn a_form_offers_a_topic_once() {
        let topics = r#"[{"key":"a","label":"A"},{"key":"b","label":"A"},{"key":"a","label":"B"}]"#;
        let expected = named(&[("/topics/2/key", "duplicate")]);
        assert_eq!(faults::<CreateForm>(&format!(r#"{{"name":"Help","topics":{topics}}}"#)), expected);
        assert_eq!(faults::<UpdateForm>(&format!(r#"{{"topics":{topics}}}"#)), expected);
    }
}
