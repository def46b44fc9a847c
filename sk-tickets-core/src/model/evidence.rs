//! What a ticket is about, by reference: recordings and transcripts are linked, never copied.

use serde::{Deserialize, Serialize};

use super::id::{CallId, RecordingId, TranscriptId};
use crate::{
    limits::{EVIDENCE_LABEL_MAX, EVIDENCE_REF_MAX},
    platform::{
        id::{Id, IdKind},
        input::{Faults, Input, Pointer, field, object},
        json::Json,
        text::Text,
    },
    words,
};

words! {
    /// What a piece of evidence is.
    pub enum EvidenceKind {
        /// A recording of a call.
        Recording = "recording",
        /// What was said, in writing.
        Transcript = "transcript",
        /// A call.
        Call = "call",
        /// A chat.
        Chat = "chat",
        /// A submission of a form.
        Form = "form",
        /// A file.
        File = "file",
        /// Anything else.
        Other = "other",
    }
}

/// A reference to something outside of the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// Where it is: a prefixed id (`rec_…`), or an https URL.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What to call it.
    pub label: Option<String>,
}

impl Evidence {
    /// A piece of evidence without a label.
    #[must_use]
    pub fn new(kind: EvidenceKind, reference: impl Into<String>) -> Self {
        Self { kind, reference: reference.into(), label: None }
    }

    /// A call as evidence.
    #[must_use]
    pub fn call(id: CallId) -> Self {
        Self::new(EvidenceKind::Call, id.to_string())
    }
}

impl Input for Evidence {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        let members = object(json, &["kind", "ref", "label"], at, faults)?;
        let kind = field(members, "kind", at, faults);
        let reference = field::<Text<1, EVIDENCE_REF_MAX>>(members, "ref", at, faults);
        let label = field::<Option<Text<1, EVIDENCE_LABEL_MAX>>>(members, "label", at, faults);
        if let (Some(kind), Some(reference)) = (kind, &reference) {
            check_reference(kind, reference.as_str(), at.name("ref"), faults);
        }
        let reference = in_one_spelling(reference?.into_string());
        Some(Self { kind: kind?, reference, label: label?.map(Text::into_string) })
    }

    fn check(&self, at: Pointer<'_>, faults: &mut Faults) {
        match Text::<1, EVIDENCE_REF_MAX>::new(self.reference.as_str()) {
            Ok(reference) => check_reference(self.kind, reference.as_str(), at.name("ref"), faults),
            Err(error) => faults.push(at.name("ref"), "invalid_reference", error.to_string()),
        }
        if let Some(Err(error)) = self.label.as_ref().map(|label| Text::<1, EVIDENCE_LABEL_MAX>::new(label.as_str())) {
            faults.push(at.name("label"), "invalid_label", error.to_string());
        }
    }
}

/// Notes it if evidence of this kind cannot be found by this reference.
fn check_reference(kind: EvidenceKind, reference: &str, at: Pointer<'_>, faults: &mut Faults) {
    let (is_an_id, wanted) = match kind {
        EvidenceKind::Recording => (is_id::<RecordingId>(reference), "a `rec_` id"),
        EvidenceKind::Transcript => (is_id::<TranscriptId>(reference), "a `trn_` id"),
        EvidenceKind::Call => (is_id::<CallId>(reference), "a `cal_` id"),
        EvidenceKind::Chat | EvidenceKind::Form | EvidenceKind::File | EvidenceKind::Other => {
            (is_prefixed_id(reference), "a prefixed id")
        }
    };
    if !is_an_id && !is_https(reference) {
        faults.push(at, "invalid_reference", format!("must be {wanted} or an https URL"));
    }
}

/// The reference as it is kept: an id, which may come in either case, as ids are written; anything else as it came.
fn in_one_spelling(reference: String) -> String {
    let id = reference
        .split_once('_')
        .map(|(prefix, ulid)| format!("{}_{}", prefix.to_ascii_lowercase(), ulid.to_ascii_uppercase()));
    id.filter(|id| is_prefixed_id(id)).unwrap_or(reference)
}

/// Whether it is an https URL as RFC 3986 writes one. A browser would also trim it, drop line breaks in it and mend its
/// slashes; what is kept as a reference should need no mending.
fn is_https(reference: &str) -> bool {
    let begins = reference.get(..SCHEME.len()).is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
    begins && !reference.contains(|c: char| c <= ' ') && url::Url::parse(reference).is_ok_and(|url| url.has_host())
}

const SCHEME: &str = "https://";

fn is_id<T: std::str::FromStr>(reference: &str) -> bool {
    reference.parse::<T>().is_ok()
}

/// Whether it is some product's id: three letters, an underscore and a ULID.
pub(super) fn is_prefixed_id(reference: &str) -> bool {
    enum Any {}
    impl IdKind for Any {
        const PREFIX: &'static str = "any";
    }
    reference.split_once('_').is_some_and(|(prefix, ulid)| {
        prefix.len() == 3
            && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
            && format!("any_{ulid}").parse::<Id<Any>>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_an_id_of_the_kind_or_an_https_url() {
        let ulid = "01J9X2M3N4P5Q6R7S8T9VAWBXC";
        let faults = |kind, reference: &str| {
            let mut faults = Faults::default();
            Evidence::new(kind, reference).check(Pointer::ROOT, &mut faults);
            faults.into_vec().len()
        };
        assert_eq!(faults(EvidenceKind::Recording, &format!("rec_{ulid}")), 0);
        assert_eq!(faults(EvidenceKind::Recording, &format!("trn_{ulid}")), 1);
        assert_eq!(faults(EvidenceKind::Recording, "https://example.com/a.mp3"), 0);
        for mended in ["https:example.com", "https:\\\\example.com", " https://example.com", "https://exa\tmple.com"] {
            assert_eq!(faults(EvidenceKind::Recording, mended), 1, "{mended}");
        }
        assert_eq!(faults(EvidenceKind::Chat, &format!("cht_{ulid}")), 0);
        for bad in ["", "http://example.com/", "javascript:alert(1)", "file:///etc/passwd", "x", "cht_1"] {
            assert_eq!(faults(EvidenceKind::Chat, bad), 1, "{bad}");
        }
    }

    #[test]
    fn an_id_is_kept_as_ids_are_written_and_a_url_as_it_came() {
        let read = |kind: &str, reference: &str| {
            let json = Json::parse(format!(r#"{{"kind":"{kind}","ref":"{reference}"}}"#).as_bytes()).unwrap();
            Evidence::from_json(&json).unwrap().reference
        };
        for call in
            ["cal_01j9x2m3n4p5q6r7s8t9vawbxc", "CAL_01J9X2M3N4P5Q6R7S8T9VAWBXC", "Cal_01j9X2m3n4p5q6r7s8t9vawbxC"]
        {
            assert_eq!(read("call", call), "cal_01J9X2M3N4P5Q6R7S8T9VAWBXC");
        }
        assert_eq!(read("other", "abc_01j9x2m3n4p5q6r7s8t9vawbxc"), "abc_01J9X2M3N4P5Q6R7S8T9VAWBXC");
        let url = "https://example.com/cal_01j9x2m3n4p5q6r7s8t9vawbxc";
        assert_eq!(read("call", url), url);
    }
}
