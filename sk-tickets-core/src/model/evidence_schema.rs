//! The schema of evidence, which is a little wider in a request than in an answer: a label may be left out.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    evidence::{Evidence, EvidenceKind},
    id::{CallId, RecordingId, TranscriptId},
};
use crate::{
    limits::{EVIDENCE_LABEL_MAX, EVIDENCE_REF_MAX},
    platform::{id::ULID_PATTERN, schema::described, text::Text},
};

/// What begins as an https URL does. Whether it goes on as one is found out by reading it.
const HTTPS_PATTERN: &str = r"^[hH][tT][tT][pP][sS]://[^\x00-\x20]+$";

/// Evidence as a request has it.
impl JsonSchema for Evidence {
    fn schema_name() -> Cow<'static, str> {
        "NewEvidence".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let refers = |kinds: &[EvidenceKind], id: Schema| -> Value {
            json!({ "properties": { "kind": { "enum": kinds }, "ref": { "pattern": id.get("pattern") } } })
        };
        let prefixed = json_schema!({ "pattern": format!("^[a-z]{{3}}_{ULID_PATTERN}$") });
        let mut schema = shape(generator);
        schema.insert("required".to_owned(), json!(["kind", "ref"]));
        schema.insert("additionalProperties".to_owned(), false.into());
        // What is no URL is an id of the kind. By `if`, since generators of clients make a type of each alternative.
        schema.insert("if".to_owned(), json!({ "not": { "properties": { "ref": { "pattern": HTTPS_PATTERN } } } }));
        schema.insert(
            "then".to_owned(),
            json!({ "anyOf": [
                refers(&[EvidenceKind::Recording], RecordingId::json_schema(generator)),
                refers(&[EvidenceKind::Transcript], TranscriptId::json_schema(generator)),
                refers(&[EvidenceKind::Call], CallId::json_schema(generator)),
                refers(&[EvidenceKind::Chat, EvidenceKind::Form, EvidenceKind::File, EvidenceKind::Other], prefixed),
            ] }),
        );
        schema.insert(
            "examples".to_owned(),
            json!([
                { "kind": "call", "ref": "cal_01J9X2M3N4P5Q6R7S8T9VAWBXC", "label": "First call" },
                { "kind": "file", "ref": "https://example.com/invoice.pdf" },
            ]),
        );
        schema
    }
}

/// Evidence as an answer has it: with a label, if only null.
pub(crate) struct EvidenceInAnswer;

impl JsonSchema for EvidenceInAnswer {
    fn schema_name() -> Cow<'static, str> {
        "Evidence".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = shape(generator);
        schema.insert("required".to_owned(), json!(["kind", "ref", "label"]));
        schema
    }
}

fn shape(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "description": "A reference to something outside of the ticket.",
        "type": "object",
        "properties": {
            "kind": described(generator.subschema_for::<EvidenceKind>(), "What it is."),
            "ref": described(
                generator.subschema_for::<Text<1, EVIDENCE_REF_MAX>>(),
                "Where it is: a prefixed id, which is of the kind (`rec_…`), or an https URL.",
            ),
            "label": described(generator.subschema_for::<Option<Text<1, EVIDENCE_LABEL_MAX>>>(), "What to call it."),
        },
    })
}
