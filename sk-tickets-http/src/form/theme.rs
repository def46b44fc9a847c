//! How a form looks: the style sheet, and the colours that go into it.
//!
//! Whatever a theme says, text stays legible (WCAG 2.2, 1.4.3 and 1.4.11): where two colours of it are too near to each
//! other, one of ours takes the place of the second.

use std::fmt::Write;

use sk_tickets_core::model::form::{Color, Font, Theme};

const STYLE: &str = include_str!("style.css");
/// The least contrast of text, and of what shows where a field is.
const TEXT_CONTRAST: f64 = 4.5;
const EDGE_CONTRAST: f64 = 3.0;
const WHITE: Color = Color::of(255, 255, 255);
const BLACK: Color = Color::of(0, 0, 0);

/// The colours of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Palette {
    scheme: &'static str,
    ground: Color,
    text: Color,
    accent: Color,
    danger: Color,
}

const LIGHT: Palette = Palette {
    scheme: "light",
    ground: WHITE,
    text: Color::of(0x1b, 0x1f, 0x26),
    accent: Color::of(0x0b, 0x57, 0xa8),
    danger: Color::of(0xb3, 0x26, 0x1e),
};

const DARK: Palette = Palette {
    scheme: "dark",
    ground: Color::of(0x14, 0x17, 0x1c),
    text: Color::of(0xe6, 0xe9, 0xee),
    accent: Color::of(0x8a, 0xb8, 0xf0),
    danger: Color::of(0xf2, 0xa2, 0x9c),
};

/// The style sheet of a form.
pub(super) fn style(theme: &Theme) -> String {
    let mut css = STYLE.to_owned();
    let radius = theme.radius.map_or(8, u32::from);
    let font = match theme.font.unwrap_or(Font::System) {
        Font::System => r#"system-ui, -apple-system, "Segoe UI", Roboto, sans-serif"#,
        Font::Serif => r#"ui-serif, Georgia, "Times New Roman", serif"#,
        Font::Mono => "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
    };
    // A text takes whatever is written to it.
    let _ = write!(css, ":root{{--radius:{radius}px;--font:{font}}}");
    // A ground, or a text to be read on one, is as it is by day and by night.
    let fixed = theme.background.or(theme.text.map(farther));
    match fixed {
        Some(ground) => {
            let base = if farther(ground) == BLACK { LIGHT } else { DARK };
            let _ = write!(css, ":root{{{}}}", variables(themed(theme, base)));
        }
        None => {
            let (light, dark) = (variables(themed(theme, LIGHT)), variables(themed(theme, DARK)));
            let _ = write!(css, ":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}");
        }
    }
    css
}

fn themed(theme: &Theme, base: Palette) -> Palette {
    let ground = theme.background.unwrap_or(base.ground);
    let or = |color: Option<Color>, usual: Color| {
        legible(color.unwrap_or(usual), ground).or_else(|| legible(usual, ground)).unwrap_or(farther(ground))
    };
    let Palette { scheme, ground: _, text, accent: _, danger } = base;
    Palette {
        scheme,
        ground,
        text: or(theme.text, text),
        accent: theme.accent.unwrap_or(base.accent),
        danger: or(None, danger),
    }
}

fn variables(palette: Palette) -> String {
    let Palette { scheme, ground, text, accent, danger } = palette;
    let quiet = legible(mix(text, ground, 72), ground).unwrap_or(text);
    let edge = Some(mix(text, ground, 55)).filter(|edge| contrast(*edge, ground) >= EDGE_CONTRAST).unwrap_or(text);
    let link = legible(accent, ground).unwrap_or(text);
    let on_accent = farther(accent);
    format!(
        "color-scheme:{scheme};--ground:{ground};--text:{text};--quiet:{quiet};--edge:{edge};--accent:{accent};\
         --on-accent:{on_accent};--link:{link};--danger:{danger}"
    )
}

/// The colour, if text in it can be read on this ground.
fn legible(color: Color, ground: Color) -> Option<Color> {
    (contrast(color, ground) >= TEXT_CONTRAST).then_some(color)
}

/// Black or white: that which stands out more. Its contrast is at least 4.5, whatever the colour.
fn farther(color: Color) -> Color {
    if contrast(BLACK, color) >= contrast(WHITE, color) { BLACK } else { WHITE }
}

/// So many hundredths of one colour, the rest of another.
fn mix(one: Color, other: Color, hundredths: u16) -> Color {
    let part = |index: usize| {
        let (one, other) = (u16::from(one.rgb()[index]), u16::from(other.rgb()[index]));
        // Between the two, so within a byte.
        u8::try_from((one * hundredths + other * (100 - hundredths)) / 100).unwrap_or(u8::MAX)
    };
    Color::of(part(0), part(1), part(2))
}

/// The contrast of two colours, from 1 to 21 (WCAG 2.2).
fn contrast(one: Color, other: Color) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(color: Color) -> f64 {
    let [red, green, blue] = color.rgb().map(|value| {
        let part = f64::from(value) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn contrasts_are_those_of_the_standard() {
        assert!((contrast(BLACK, WHITE) - 21.0).abs() < 0.001);
        assert!((contrast(Color::of(0x77, 0x77, 0x77), WHITE) - 4.478).abs() < 0.001);
        assert!((contrast(WHITE, WHITE) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_theme_is_in_the_style() {
        let theme = Theme {
            accent: Some(Color::of(0x0b, 0x6e, 0x4f)),
            background: Some(Color::of(0xff, 0xfd, 0xf7)),
            radius: Some(0),
            font: Some(Font::Serif),
            ..Theme::default()
        };
        let css = style(&theme);
        for part in ["--accent:#0b6e4f", "--ground:#fffdf7", "--radius:0px", "--font:ui-serif", "color-scheme:light"] {
            assert!(css.contains(part), "{part}");
        }
        assert!(!css.contains("prefers-color-scheme"), "a ground of one's own is the same at night");
        assert!(style(&Theme::default()).contains("prefers-color-scheme"));
        assert!(style(&Theme { text: Some(WHITE), ..Theme::default() }).contains("color-scheme:dark"));
    }

    fn colors() -> impl Strategy<Value = Option<Color>> {
        proptest::option::of(any::<[u8; 3]>().prop_map(|[red, green, blue]| Color::of(red, green, blue)))
    }

    /// The colour of a variable, where it is set last.
    fn variable(css: &str, name: &str) -> Color {
        let (_, rest) = css.rsplit_once(&format!("{name}:")).unwrap();
        rest[..7].parse().unwrap()
    }

    proptest! {
        #[test]
        fn whatever_the_theme_all_can_be_read(accent in colors(), background in colors(), text in colors()) {
            let css = style(&Theme { accent, background, text, ..Theme::default() });
            for at in [css.find("@media (prefers-color-scheme:dark)"), Some(css.len())].into_iter().flatten() {
                let of = |name: &str| variable(&css[..at], name);
                for (name, ground, least) in [
                    ("--text", "--ground", TEXT_CONTRAST),
                    ("--quiet", "--ground", TEXT_CONTRAST),
                    ("--link", "--ground", TEXT_CONTRAST),
                    ("--danger", "--ground", TEXT_CONTRAST),
                    ("--on-accent", "--accent", TEXT_CONTRAST),
                    ("--edge", "--ground", EDGE_CONTRAST),
                ] {
                    prop_assert!(contrast(of(name), of(ground)) >= least, "{name} on {ground}: {css}");
                }
            }
        }
    }
}
