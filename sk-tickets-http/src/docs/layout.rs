//! What all pages share: the frame, the style, Markdown.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pulldown_cmark::{Options, Parser, html::push_html};
use sk_tickets_core::BASE_PATH;

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("script.js");

/// A page around what is in it.
pub(super) fn page(title: &str, content: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) " · SK Tickets" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                (content)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// A page that is one text.
pub(super) fn article(title: &str, text: &str) -> String {
    let content = html! {
        header.bar {
            a.brand href={ (BASE_PATH) "/docs" } { "SK Tickets" }
            a href={ (BASE_PATH) "/docs#errors" } { "All errors" }
        }
        main #content.article { (markdown(text)) }
    };
    page(title, &content)
}

/// Text of ours as HTML.
pub(super) fn markdown(text: &str) -> Markup {
    let mut html = String::new();
    push_html(&mut html, Parser::new_ext(text, Options::ENABLE_TABLES));
    // Within the API, pages are not called by the names of their files.
    PreEscaped(html.replace(".md\"", "\"").replace(".md#", "#"))
}
