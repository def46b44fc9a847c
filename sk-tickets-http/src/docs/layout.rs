//! What all pages share: the frame, the style, Markdown.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser, Tag, html::push_html};
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
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: served_at(&dest_url).into(), title, id })
        }
        other => other,
    });
    let mut html = String::new();
    push_html(&mut html, events);
    PreEscaped(html)
}

/// Where the server has what a file among our documents links to.
fn served_at(link: &str) -> String {
    match link.split_once(".md") {
        Some(("../notifications", _)) => format!("{BASE_PATH}/docs#noun-notifications"),
        Some(("../webhooks", _)) => format!("{BASE_PATH}/docs#webhooks"),
        Some(("../transitions", _)) => format!("{BASE_PATH}/docs#op-transition_ticket"),
        Some((code, _)) if !code.contains('/') => format!("{BASE_PATH}/docs/errors/{code}"),
        Some(_) | None => link.to_owned(),
    }
}
