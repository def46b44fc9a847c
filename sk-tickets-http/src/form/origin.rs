//! Whether a submission comes from a page that may send it.

use http::{HeaderMap, HeaderName, header};
use sk_tickets_core::{model::form::Form, platform::origin::Origin};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether what was sent came from the form's own page, or from one of the origins that may embed it.
///
/// The own page is on the host that was asked, or on the public one, should a proxy ask under another name. A browser
/// says in `Origin` where a submission comes from; it says `null` where it will not tell, as from a sandboxed frame, and
/// that is not let through. Our own pages have a referrer policy under which it does tell. What has no `Origin` is no
/// browser of these years, and so nobody's that could be made to send something; it has still to show a render token.
pub(super) fn may_send(headers: &HeaderMap, form: &Form, public_url: &str) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = text(&header::ORIGIN) else {
        return text(&FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none"));
    };
    if headers.get_all(header::ORIGIN).iter().count() > 1 {
        return false;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority.to_ascii_lowercase());
    let asked = text(&header::HOST).map(str::to_ascii_lowercase);
    let is_own = authority.is_some() && authority == asked;
    is_own || origin_of(public_url).is_some_and(|own| own == origin) || known(form, origin)
}

fn known(form: &Form, origin: &str) -> bool {
    form.allowed_origins.iter().any(|allowed| allowed.as_str() == origin)
}

/// The origin of a URL, as browsers write it.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let origin: Origin = format!("{scheme}://{authority}").parse().ok()?;
    Some(origin.to_string())
}
