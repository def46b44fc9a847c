//! `openapi`: the API as a document, for generators of clients. It needs no database.

use std::io::{Write, stdout};

use crate::Failure;

pub(crate) fn run() -> Result<(), Failure> {
    Ok(writeln!(stdout(), "{:#}", sk_tickets_http::openapi())?)
}
