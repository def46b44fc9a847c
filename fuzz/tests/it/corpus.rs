use std::{fs, path::Path};

/// The most bytes that all of the corpus may have: it is part of the sources.
const BYTES_MAX: u64 = 200 * 1024;

/// The inputs of a kind, by the names of their files.
pub(crate) fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<_> = files
        .map(|file| {
            let path = file.expect("readable").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("readable"))
        })
        .collect();
    assert!(inputs.len() >= 5, "{} has too few to begin with", folder.display());
    inputs.sort();
    inputs
}

#[test]
fn the_corpus_is_small() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let kinds = fs::read_dir(folder).expect("readable").map(|kind| kind.expect("readable").path());
    let files = kinds.flat_map(|kind| fs::read_dir(kind).expect("readable"));
    let bytes: u64 = files.map(|file| file.expect("readable").metadata().expect("readable").len()).sum();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes");
}
