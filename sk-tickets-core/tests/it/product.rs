//! What another product declares with the macros of the platform, from outside of the crate: with and without schemas.

use sk_tickets_core::{
    define_ids,
    platform::{
        input::{Faults, Input, Pointer},
        json::Json,
        text::Text,
    },
    request, words,
};

define_ids! { PARCEL_PREFIXES:
    /// Of a parcel (`pcl_`).
    ParcelId = ParcelKind("pcl");
}

words! {
    /// How fast it goes.
    pub enum Speed {
        /// By ship.
        Slow = "slow",
        /// By air.
        Fast = "fast",
    }
}

request! {
    /// Sends a parcel.
    ///
    /// Once sent, it is gone.
    pub struct SendParcel {
        /// Which.
        pub parcel_id: ParcelId,
        /// How fast.
        pub speed: Option<Speed>,
        /// To whom.
        pub to: Option<Text<1, 20>>,
    }
    check(to) = SendParcel::has_an_address;
    rule = { "properties": { "to": { "type": "string" } }, "required": ["parcel_id", "to"] };
    example = { "parcel_id": "pcl_01J9X2M3N4P5Q6R7S8T9VAWBXC", "to": "Ann" };
}

impl SendParcel {
    fn has_an_address(to: Option<&Option<Text<1, 20>>>, at: Pointer<'_>, faults: &mut Faults) {
        if matches!(to, Some(None)) {
            faults.push(at.name("to"), "required", "is required");
        }
    }
}

#[test]
fn a_request_of_another_product_is_read() {
    let read = |text: &str| SendParcel::from_json(&Json::parse(text.as_bytes()).expect("JSON"));
    let parcel = read(r#"{"parcel_id":"pcl_01J9X2M3N4P5Q6R7S8T9VAWBXC","speed":"fast","to":"Ann"}"#).expect("lawful");
    assert_eq!(parcel.speed, Some(Speed::Fast));
    let faults = read("{}").expect_err("nothing there");
    assert!(faults.iter().map(|fault| fault.pointer.as_str()).eq(["/parcel_id", "/to"]), "{faults:?}");
    assert_eq!(PARCEL_PREFIXES, ["pcl"]);
}

#[cfg(feature = "schema")]
#[test]
fn a_request_of_another_product_has_a_schema() {
    let mut generator = sk_tickets_core::platform::schema::settings().into_generator();
    generator.subschema_for::<SendParcel>();
    let definitions = generator.take_definitions(true);
    assert_eq!(
        serde_json::Value::from(definitions),
        serde_json::json!({
            "SendParcel": {
                "description": "Sends a parcel.\n\nOnce sent, it is gone.",
                "type": "object",
                "properties": {
                    "parcel_id": {
                        "description": "Which.",
                        "type": "string",
                        "pattern": "^[pP][cC][lL]_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$",
                    },
                    "speed": { "description": "How fast.", "anyOf": [{ "$ref": "#/$defs/Speed" }, { "type": "null" }] },
                    "to": {
                        "description": "To whom.",
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 20,
                        "pattern": r"^[^\x00]*$",
                    },
                },
                "required": ["parcel_id", "to"],
                "additionalProperties": false,
                "examples": [{ "parcel_id": "pcl_01J9X2M3N4P5Q6R7S8T9VAWBXC", "to": "Ann" }],
            },
            "Speed": {
                "description": "How fast it goes.\n\n- `slow`: By ship.\n- `fast`: By air.",
                "type": "string",
                "enum": ["slow", "fast"],
            },
        })
    );
}
