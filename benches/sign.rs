//! Signing a webhook of 1 KiB. Floor: hmac, sha2 and base64 by hand.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sk_tickets_benches::{Work, compare, head, timed};
use sk_tickets_core::{WebhookSecret, platform::webhook::sign};
use std::hint::black_box;

fn main() {
    let body = vec![b'x'; 1_024];
    let secret = WebhookSecret::from_bytes(vec![7; 24]).expect("24 bytes");
    let ours = |count| {
        timed(|| {
            for _ in 0..count {
                black_box(sign(&secret, "evt_01J9X2M3N4P5Q6R7S8T9VAWBXC", 1_649_367_553, black_box(&body)));
            }
        })
    };
    let floor = |count| {
        timed(|| {
            for _ in 0..count {
                let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 24]).expect("any length");
                mac.update(b"evt_01J9X2M3N4P5Q6R7S8T9VAWBXC.1649367553.");
                mac.update(black_box(&body));
                black_box(STANDARD.encode(mac.finalize().into_bytes()));
            }
        })
    };
    head();
    // At most 1.1 times the floor's time.
    compare("sign 1 KiB", Work { most: 1_000_000, batch: 1 }, 0.91, ours, floor);
}
