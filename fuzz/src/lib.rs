//! What comes from outside, and whatever it may be: a function for each kind of input, which takes any bytes and panics if
//! something does not hold that always must.
//!
//! That nothing panics by itself is the least of it. Each function knows what its input means by a way of its own (an id
//! is worked out digit by digit, a signature is made anew, a form is read by the core) and compares; what is taken must be
//! written back as it was meant; what is refused must be refused by the book, with nothing changed.
//!
//! The tests of this crate try each with the committed corpus and with inputs made from it. `libfuzzer` has the same
//! functions as targets of cargo-fuzz, which looks for inputs that take new ways through the code: `./scripts/fuzz`.

mod cursor;
mod form_post;
mod id;
mod idempotency_key;
mod json_body;
mod key;
mod operation;
mod problem;
mod signature;
mod spoil;
mod stage;
mod webhook_url;

pub use cursor::cursor;
pub use form_post::form_post;
pub use id::id;
pub use idempotency_key::idempotency_key;
pub use json_body::json_body;
pub use key::key;
pub use signature::signature;
pub use webhook_url::webhook_url;

/// A kind of input.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a name with a function")]
pub struct Target {
    /// Its name; that of its folder in the corpus, too.
    pub name: &'static str,
    /// Tries one input, and panics if something does not hold.
    pub run: fn(&[u8]),
}

/// Every kind of input there is.
pub const TARGETS: [Target; 8] = [
    Target { name: "cursor", run: cursor },
    Target { name: "form_post", run: form_post },
    Target { name: "id", run: id },
    Target { name: "idempotency_key", run: idempotency_key },
    Target { name: "json_body", run: json_body },
    Target { name: "key", run: key },
    Target { name: "signature", run: signature },
    Target { name: "webhook_url", run: webhook_url },
];
