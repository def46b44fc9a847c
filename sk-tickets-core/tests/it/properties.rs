//! What holds for every input. The seed is fixed, so a failure comes again; `PROPTEST_CASES` asks for more cases.

mod desk;
mod json;
mod parsers;
mod tokens;

use proptest::{
    prelude::ProptestConfig,
    test_runner::{RngAlgorithm, RngSeed},
};

pub(crate) fn seeded() -> ProptestConfig {
    ProptestConfig {
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(0x5C71_C4E7),
        // What was found is written as a test with a name, not kept as a number in a file.
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
