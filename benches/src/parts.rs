use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use crate::record::{Record, tell};

/// The parts of a bench: one that fails keeps no other from running.
#[derive(Debug, Default)]
pub struct Parts {
    failed: Vec<String>,
}

impl Parts {
    /// Runs a part. If it panics, the panic is told and goes no further.
    pub fn run(&mut self, name: &str, part: impl FnOnce()) {
        // What a part leaves half done is its own.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(part)) {
            let why = panic.downcast_ref::<String>().map(String::as_str);
            let why = why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            tell(&Record::Failed(name.to_owned(), why.to_owned()));
            self.failed.push(name.to_owned());
        }
    }

    /// What the process ends with: a failure if any part has failed.
    #[must_use]
    pub fn end(self) -> ExitCode {
        if self.failed.is_empty() {
            return ExitCode::SUCCESS;
        }
        eprintln!("failed: {}", self.failed.join(", "));
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_part_that_fails_the_next_one_runs() {
        let mut parts = Parts::default();
        let mut ran = false;
        parts.run("first", || panic!("{} is wrong", "it"));
        parts.run("second", || ran = true);
        assert!(ran);
        assert_eq!(parts.failed, ["first"]);
        assert_eq!(parts.end(), ExitCode::FAILURE);
        assert_eq!(Parts::default().end(), ExitCode::SUCCESS);
    }
}
