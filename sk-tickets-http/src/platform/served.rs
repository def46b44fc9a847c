use axum::{body::Body, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::etag;

/// A file that is the same for everybody, with its entity tag.
#[derive(Debug)]
pub(crate) struct Served {
    content_type: &'static str,
    etag: String,
    body: Bytes,
}

impl Served {
    pub(crate) fn new(content_type: &'static str, body: String) -> Self {
        Self { content_type, etag: format!("\"{}\"", digest(&body)), body: body.into() }
    }

    /// The file, or that it is what the asker has; to be kept as `cache_control` says.
    pub(crate) fn answer(&self, asked: &HeaderMap, cache_control: &'static str) -> Response {
        let mut response = if etag::is_known(asked, &self.etag) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = Response::new(Body::from(self.body.clone()));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
            response
        };
        let headers = response.headers_mut();
        headers.extend(HeaderValue::try_from(&self.etag).ok().map(|etag| (header::ETAG, etag)));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// The SHA-256 of a text in base 64.
pub(crate) fn digest(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}
