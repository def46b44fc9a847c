#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sk_tickets_fuzz::signature(input));
