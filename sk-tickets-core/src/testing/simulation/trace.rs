use sha2::{Digest, Sha256};

/// All that happened in a run, a line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace(Vec<String>);

impl Trace {
    pub(super) fn push(&mut self, line: String) {
        self.0.push(line);
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// The last lines, at most so many.
    #[must_use]
    pub fn end(&self, lines: usize) -> &[String] {
        &self.0[self.0.len().saturating_sub(lines)..]
    }

    /// A hash of all lines, in hex: two traces with the same are the same.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        for line in &self.0 {
            hasher.update(line);
            hasher.update(b"\n");
        }
        hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where two traces part: the number of the line, from 1, and what each has there.
    #[must_use]
    pub fn first_difference<'a>(&'a self, other: &'a Self) -> Option<(usize, &'a str, &'a str)> {
        let longer = self.0.len().max(other.0.len());
        (0..longer).find_map(|at| {
            let line = |trace: &'a Self| trace.0.get(at).map_or("(the end)", String::as_str);
            (line(self) != line(other)).then(|| (at + 1, line(self), line(other)))
        })
    }
}
