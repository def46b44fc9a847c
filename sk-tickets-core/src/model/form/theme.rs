use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    limits::FORM_RADIUS_MAX,
    platform::{
        input::{Faults, Input, Patch, Pointer, read_parsed},
        json::Json,
        number::Whole,
    },
    request, words,
};

words! {
    /// What a form is set in.
    pub enum Font {
        /// As the machine that it is shown on.
        System = "system",
        /// With serifs.
        Serif = "serif",
        /// All characters equally wide.
        Mono = "mono",
    }
}

/// How a form looks; what is not said is as usual. None of it is text that could say more to a style sheet than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(clippy::exhaustive_structs, reason = "a store must keep every field")]
pub struct Theme {
    /// What draws the eye: buttons, links, the focus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Color"))]
    pub accent: Option<Color>,
    /// What it stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Color"))]
    pub background: Option<Color>,
    /// What it is written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Color"))]
    pub text: Option<Color>,
    /// How round its corners are, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Radius"))]
    pub radius: Option<u8>,
    /// What it is set in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Font"))]
    pub font: Option<Font>,
}

/// How round the corners of a form are, in pixels.
pub type Radius = Whole<0, FORM_RADIUS_MAX>;

request! {
    /// What of a form's looks to change; null for as usual.
    pub struct ThemePatch {
        /// What draws the eye: buttons, links, the focus.
        pub accent: Patch<Color>,
        /// What it stands on.
        pub background: Patch<Color>,
        /// What it is written in.
        pub text: Patch<Color>,
        /// How round its corners are, in pixels.
        pub radius: Patch<Radius>,
        /// What it is set in.
        pub font: Patch<Font>,
    }
    example = { "accent": "#0b6e4f", "radius": 8, "font": "system" };
}

impl ThemePatch {
    /// A change of nothing, to build on.
    #[must_use]
    pub const fn nothing() -> Self {
        Self { accent: Patch::Keep, background: Patch::Keep, text: Patch::Keep, radius: Patch::Keep, font: Patch::Keep }
    }

    /// The theme after this change.
    #[must_use]
    pub fn apply(&self, before: Theme) -> Theme {
        let Self { accent, background, text, radius, font } = *self;
        Theme {
            accent: accent.apply(before.accent),
            background: background.apply(before.background),
            text: text.apply(before.text),
            // A radius is far below 256.
            radius: radius.map(|radius| u8::try_from(radius.get()).unwrap_or(u8::MAX)).apply(before.radius),
            font: font.apply(before.font),
        }
    }
}

/// A colour: `#rgb` or `#rrggbb`, written as the latter in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Color([u8; 3]);

/// Not a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a colour such as #0b6e4f or #fff")]
#[non_exhaustive]
pub struct ColorError;

impl Color {
    /// A colour by its red, green and blue.
    #[must_use]
    pub const fn of(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Its red, green and blue.
    #[must_use]
    pub const fn rgb(self) -> [u8; 3] {
        self.0
    }
}

impl FromStr for Color {
    type Err = ColorError;

    fn from_str(text: &str) -> Result<Self, ColorError> {
        let digits = text.strip_prefix('#').ok_or(ColorError)?;
        let digits: Option<Vec<_>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
        let byte = |high: u32, low: u32| u8::try_from(high * 16 + low).map_err(|_| ColorError);
        match digits.as_deref() {
            Some(&[r, g, b]) => Ok(Self([byte(r, r)?, byte(g, g)?, byte(b, b)?])),
            Some(&[r, r2, g, g2, b, b2]) => Ok(Self([byte(r, r2)?, byte(g, g2)?, byte(b, b2)?])),
            Some(_) | None => Err(ColorError),
        }
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Serialize for Color {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
crate::platform::schema::inline_schema!([] Color, |_| schemars::json_schema!({
    "type": "string",
    "pattern": "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$",
}));

impl Input for Color {
    fn read(json: &Json, at: Pointer<'_>, faults: &mut Faults) -> Option<Self> {
        read_parsed(json, "invalid_color", at, faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_three_bytes_and_nothing_else() {
        for (text, written) in
            [("#fff", "#ffffff"), ("#0B6e4F", "#0b6e4f"), ("#000000", "#000000"), ("#a1b", "#aa11bb")]
        {
            assert_eq!(text.parse::<Color>().unwrap().to_string(), written);
        }
        for bad in
            ["", "#", "fff", "#ff", "#ffff", "#fffff", "#fffffff", "#ggg", "red", "#fff;", "#+ff", "#fff}", " #fff"]
        {
            assert!(bad.parse::<Color>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_patch_sets_clears_and_keeps() {
        let before = Theme { accent: Some(Color::of(1, 2, 3)), radius: Some(4), ..Theme::default() };
        let patch = ThemePatch { accent: Patch::Clear, font: Patch::Set(Font::Mono), ..ThemePatch::nothing() };
        let after = patch.apply(before);
        assert_eq!(after, Theme { radius: Some(4), font: Some(Font::Mono), ..Theme::default() });
        assert_eq!(serde_json::to_string(&after).unwrap(), r#"{"radius":4,"font":"mono"}"#);
        assert_eq!(ThemePatch::nothing().apply(before), before);
    }
}
