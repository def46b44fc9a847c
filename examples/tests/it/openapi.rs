//! The document, as the server prints it.

use crate::process::command;

#[test]
fn the_document_is_printed_without_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let printed = command(folder.path(), &["openapi"]).output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let kept = include_str!("../../../sk-tickets-http/openapi.json");
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), kept);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}
