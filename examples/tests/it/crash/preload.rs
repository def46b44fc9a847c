//! Makes the disk of a running server fail and its clock jump: by a small library in C that is loaded before all others
//! (Linux alone) and stands between the server and the system. The server is the one that is shipped.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

/// What a call fails with, by the number that Linux has for it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Errno {
    Io = 5,
    NoSpace = 28,
    OverQuota = 122,
}

/// The words of the shared page, as in `preload.c`.
#[derive(Debug, Clone, Copy)]
enum Word {
    ClockMs,
    WriteError,
    SyncError,
    Left,
    Faults,
}

const WORDS: usize = 5;

/// The library, and the page that tells it what to do.
#[derive(Debug)]
pub(super) struct Preload {
    library: PathBuf,
    control: PathBuf,
    page: File,
}

impl Preload {
    /// Builds the library in a folder.
    pub(super) fn build(folder: &Path) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/crash/preload.c");
        let (library, control) = (folder.join("preload.so"), folder.join("control"));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        assert!(cc.status().expect("a C compiler is there").success());
        fs::write(&control, [0; WORDS * 8]).unwrap();
        let page = File::options().read(true).write(true).open(&control).unwrap();
        Self { library, control, page }
    }

    /// What the environment of a server has to say.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        vec![("LD_PRELOAD", path(&self.library)), ("CRASH_CONTROL", path(&self.control))]
    }

    /// Sets the clock ahead of what it is; behind, if that is negative.
    pub(super) fn set_clock(&self, ahead_ms: i64) {
        self.set(Word::ClockMs, ahead_ms);
    }

    /// Makes writes to the database fail, after so many more.
    pub(super) fn fail_writes(&self, error: Errno, after: usize) {
        self.set(Word::Left, i64::try_from(after).unwrap());
        self.set(Word::WriteError, error as i64);
    }

    /// Makes syncs of the database fail, after so many more.
    pub(super) fn fail_syncs(&self, after: usize) {
        self.set(Word::Left, i64::try_from(after).unwrap());
        self.set(Word::SyncError, Errno::Io as i64);
    }

    /// Lets everything succeed again.
    pub(super) fn mend(&self) {
        self.set(Word::WriteError, 0);
        self.set(Word::SyncError, 0);
    }

    /// How many calls have failed so far.
    pub(super) fn faults(&self) -> usize {
        let mut word = [0; 8];
        self.page.read_exact_at(&mut word, Word::Faults as u64 * 8).unwrap();
        u64::from_ne_bytes(word).try_into().unwrap()
    }

    fn set(&self, word: Word, value: i64) {
        self.page.write_all_at(&value.to_ne_bytes(), word as u64 * 8).unwrap();
    }
}
