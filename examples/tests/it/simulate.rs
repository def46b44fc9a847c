//! The simulation as a program: what it prints, and that it can be repeated.

use std::process::{Command, Output};

fn simulate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulate")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn some_seeds_are_run_and_counted() {
    let output = simulate(&["--seeds", "0..2", "--jobs", "2"]);
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.starts_with("2 seeds, "), "{text}");
    assert!(text.contains("  The same seed gives the same trace.\n"), "{text}");
}

#[test]
fn a_run_can_be_printed_and_is_the_same_each_time() {
    let (one, other) = (simulate(&["--seed", "3", "--trace"]), simulate(&["--seed", "3", "--trace"]));
    assert!(one.status.success(), "{}", text(&one));
    assert_eq!(text(&one), text(&other));
    assert!(text(&one).contains(" world: from here on anything may fail\n"));
}

#[test]
fn the_nodes_can_share_a_database() {
    let output = simulate(&["--seed", "4", "--store", "sqlite"]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn what_is_no_range_is_refused() {
    for arguments in [["--seeds", "5"], ["--seeds", "9..1"], ["--store", "paper"]] {
        assert_eq!(simulate(&arguments).status.code(), Some(2), "{arguments:?}");
    }
}
