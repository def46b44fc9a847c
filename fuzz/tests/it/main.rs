//! Each kind of input: the committed corpus, and inputs made from it by chance, always the same.
//!
//! `FUZZ_INPUTS` says how many of these for each kind, `FUZZ_SEED` which.

mod corpus;
mod mutation;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::Path,
    str::FromStr,
};

use corpus::corpus;
use mutation::Mutation;
use sk_tickets_fuzz::{TARGETS, Target};

macro_rules! tried {
    ($($name:ident: $inputs:literal;)*) => {
        $(
            #[test]
            fn $name() {
                explore(stringify!($name), $inputs);
            }
        )*

        const TRIED: &[&str] = &[$(stringify!($name)),*];
    };
}

// Those that ask the router are slower.
tried! {
    cursor: 1_000;
    form_post: 500;
    id: 20_000;
    idempotency_key: 500;
    json_body: 800;
    key: 1_500;
    signature: 10_000;
    webhook_url: 2_000;
}

#[test]
fn every_kind_is_tried_here_and_by_cargo_fuzz() {
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TRIED.iter().copied().collect::<BTreeSet<_>>());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("libfuzzer/fuzz_targets");
    let files = fs::read_dir(folder).expect("the targets of cargo-fuzz");
    let files: BTreeSet<_> =
        files.map(|file| file.expect("readable").file_name().into_string().expect("text")).collect();
    assert_eq!(files, names.iter().map(|name| format!("{name}.rs")).collect::<BTreeSet<_>>());
}

fn number<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn explore(name: &str, inputs: usize) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("there is one");
    let inputs = number("FUZZ_INPUTS").unwrap_or(inputs);
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let corpus = corpus(name);
    for (file, input) in &corpus {
        attempt(target, input, file);
    }
    let mut mutation = Mutation::new(seed);
    let corpus: Vec<_> = corpus.into_iter().map(|(_, input)| input).collect();
    for number in 1..=inputs {
        attempt(target, &mutation.of(&corpus), &format!("number {number} of seed {seed}"));
    }
    // What the macros print is captured.
    let told =
        format!("fuzz: {name}: {} inputs of the corpus and {inputs} made from them, seed {seed}\n", corpus.len());
    io::stderr().write_all(told.as_bytes()).expect("written");
}

/// Tries an input; one that fails is kept in a file.
fn attempt(target: &Target, input: &[u8], what: &str) {
    if let Err(failure) = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{}", target.name));
        fs::write(&file, input).expect("can be written");
        eprintln!("{}: {what} fails, which is in {}: {}", target.name, file.display(), input.escape_ascii());
        panic::resume_unwind(failure);
    }
}
