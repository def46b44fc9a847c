//! Verifies one webhook with nothing but the core: the body on standard input, the rest as arguments.
//!
//! ```sh
//! cargo run --example verify-webhook -- SECRET WEBHOOK_ID WEBHOOK_TIMESTAMP WEBHOOK_SIGNATURE < body.json
//! ```

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{
    env,
    error::Error,
    io::{Read, stdin},
};

use sk_tickets_core::{Clock, SignatureHeaders, SystemClock, WebhookSecret, verify};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [secret, id, timestamp, signature] = arguments.as_slice() else {
        return Err("usage: verify-webhook SECRET WEBHOOK_ID WEBHOOK_TIMESTAMP WEBHOOK_SIGNATURE < body".into());
    };
    let mut body = Vec::new();
    stdin().read_to_end(&mut body)?;
    verify(&WebhookSecret::parse(secret)?, SignatureHeaders { id, timestamp, signature }, &body, SystemClock.now())?;
    println!("verified {id}");
    Ok(())
}
