//! What people read: the document, the reference, the pages of error codes. All of it without a key.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::{
    app::{Answer, Ask, Client, TestApp},
    golden,
    openapi::contract::DOCUMENT,
};

/// The page, as a browser asks for it.
async fn browse(client: &Client, path: &str) -> (Answer, String) {
    let ask = Ask::get(path).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let answer = client.send(ask).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let html = String::from_utf8(answer.body.to_vec()).expect("text");
    (answer, html)
}

/// What is between each `start` and the `end` after it.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

#[tokio::test]
async fn the_document_is_served_to_anybody() {
    let client = TestApp::start().await.anonymous();
    let answer = client.get("/openapi.json").await.expect(200);
    assert_eq!(answer.json(), *DOCUMENT);
    assert_eq!(answer.header("cache-control"), Some("public, no-cache"));
    let etag = answer.header("etag").expect("a tag").to_owned();
    let again = client.send(Ask::get("/openapi.json").header("if-none-match", &etag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(etag.as_str()));
}

#[tokio::test]
async fn the_reference_has_every_operation_event_object_and_code() {
    let client = TestApp::start().await.anonymous();
    let (_, html) = browse(&client, "/docs").await;
    let ids: BTreeSet<_> = between(&html, " id=\"", "\"").into_iter().collect();
    let names =
        |pointer: &str| DOCUMENT.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for item in DOCUMENT["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = format!("op-{}", operation["operationId"].as_str().unwrap());
            assert!(ids.contains(id.as_str()), "{id}");
        }
    }
    for event in names("/webhooks") {
        assert!(ids.contains(format!("event-{event}").as_str()), "{event}");
    }
    for schema in names("/components/schemas") {
        assert!(ids.contains(format!("schema-{schema}").as_str()), "{schema}");
    }
    for code in names("/components/examples") {
        assert!(html.contains(&format!("href=\"/tickets/v1/docs/errors/{code}\"")), "{code}");
    }
}

#[tokio::test]
async fn the_reference_says_how_a_form_is_sent() {
    let client = TestApp::start().await.anonymous();
    let (_, html) = browse(&client, "/docs").await;
    let article = between(&html, " id=\"op-send_form\"", "</article>")[0];
    for part in [
        "<span class=\"badge post\">POST</span>",
        "<h4>Body</h4>",
        ">message</code>",
        "It is a ticket: to its receipt.",
    ] {
        assert!(article.contains(part), "{part}: {article}");
    }
}

#[tokio::test]
async fn no_id_is_there_twice_and_no_link_leads_nowhere() {
    let client = TestApp::start().await.anonymous();
    let mut pages = vec![browse(&client, "/docs").await.1, browse(&client, "/docs/errors").await.1];
    for code in DOCUMENT["components"]["examples"].as_object().expect("codes").keys() {
        pages.push(browse(&client, &format!("/docs/errors/{code}")).await.1);
    }
    let reference: BTreeSet<_> = between(&pages[0], " id=\"", "\"").into_iter().map(str::to_owned).collect();
    assert_eq!(reference.len(), between(&pages[0], " id=\"", "\"").len(), "an id is there twice");
    let mut inside = BTreeSet::new();
    for html in &pages {
        for link in between(html, "href=\"", "\"") {
            match link.strip_prefix('#') {
                Some(id) => assert!(html.contains(&format!("id=\"{id}\"")), "#{id}"),
                None if link.starts_with('/') => {
                    let (path, id) = link.split_once('#').unwrap_or((link, ""));
                    assert!(id.is_empty() || reference.contains(id), "{link}");
                    inside.insert(path.to_owned());
                }
                None => assert!(link.starts_with("https://") || link == "data:,", "{link}"),
            }
        }
    }
    for link in inside {
        client.get(&link).await.expect(200);
    }
}

/// Strict, and kept to: the style and the script are the only ones there are, and nothing is fetched.
#[tokio::test]
async fn the_pages_need_no_other_host() {
    let client = TestApp::start().await.anonymous();
    for path in ["/docs", "/docs/errors", "/docs/errors/internal"] {
        let (answer, html) = browse(&client, path).await;
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
            let inline = between(&html, &format!("<{tag}>"), &format!("</{tag}>"));
            assert_eq!(inline.len(), 1, "{path} has one {tag}");
            let hash = STANDARD.encode(Sha256::digest(inline[0]));
            assert!(policy.contains(&format!("{directive} 'sha256-{hash}'")), "{policy}");
        }
        for fetched in ["src=", "<link rel=\"stylesheet", "@import", "url(", " style=\"", " onclick="] {
            assert!(!html.contains(fetched), "{path} has {fetched}");
        }
    }
}

#[tokio::test]
async fn the_page_of_a_code_is_markdown_and_html_for_browsers() {
    let client = TestApp::start().await.anonymous();
    let answer = client.get("/docs/errors/contention").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/markdown; charset=utf-8"));
    assert_eq!(answer.header("vary"), Some("accept"));
    assert!(answer.body.starts_with(b"# `contention`"));
    let (_, html) = browse(&client, "/docs/errors/contention").await;
    assert!(html.contains("<h1><code>contention</code></h1>"), "{html}");
    for unknown in ["unheard_of", "%FF"] {
        client.get(&format!("/docs/errors/{unknown}")).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_index_of_codes_is_kept_beside_their_pages() {
    let client = TestApp::start().await.anonymous();
    let answer = client.get("/docs/errors").await.expect(200);
    golden::check("docs/errors/README.md", std::str::from_utf8(&answer.body).expect("text"));
    let (_, html) = browse(&client, "/docs/errors").await;
    assert!(html.contains("<table>"), "{html}");
}
