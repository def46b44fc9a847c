//! Files that are made from the code and kept in the repository, so that a change of meaning is seen in review.
//! `UPDATE_GOLDEN=1` writes them anew.

use std::{fs, path::PathBuf};

/// A path from the root of the workspace.
pub(crate) fn workspace(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Compares a file with what it should say.
#[track_caller]
pub(crate) fn check(path: &str, wanted: &str) {
    let file = workspace(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&file, wanted).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let kept = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    if let Some((number, (kept, wanted))) =
        (1..).zip(kept.lines().zip(wanted.lines())).find(|(_, (kept, wanted))| kept != wanted)
    {
        panic!("{path}:{number} is out of date; see it with UPDATE_GOLDEN=1\n  kept:   {kept}\n  wanted: {wanted}");
    }
    assert_eq!(kept, wanted, "{path} is out of date; see it with UPDATE_GOLDEN=1");
}
