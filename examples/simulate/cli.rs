use std::{num::NonZeroUsize, ops::Range};

use clap::{Parser, ValueEnum};

/// Runs the engine in simulation: several nodes, their clients and receivers, and all that can go wrong between them.
///
/// A seed stands for one run, which is made twice and must be the same. What does not hold is told with the end of the
/// trace and the command that repeats it, and the exit code is 1.
#[derive(Debug, Parser)]
#[command(name = "simulate", version, about)]
pub(crate) struct Cli {
    /// Which seeds: the first, and the one after the last
    #[arg(long, value_name = "FROM..TO", default_value = "0..100", value_parser = range)]
    pub(crate) seeds: Range<u64>,

    /// This seed alone
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,

    /// Print all that happens
    #[arg(long, requires = "seed")]
    pub(crate) trace: bool,

    /// What the nodes share. On `SQLite` a run is made once, since its threads take turns as they like
    #[arg(long, value_enum, default_value_t = Shared::Memory)]
    pub(crate) store: Shared,

    /// How many runs at a time [default: as many as the machine has processors]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

/// The store that the nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shared {
    /// The reference store
    Memory,
    /// A file that is gone afterwards
    Sqlite,
}

impl Cli {
    pub(crate) fn range(&self) -> Range<u64> {
        self.seed.map_or_else(|| self.seeds.clone(), |seed| seed..seed.saturating_add(1))
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let bounds = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    bounds.filter(|bounds| !bounds.is_empty()).ok_or_else(|| "a range of seeds reads 0..1000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("0..1000"), Ok(0..1000));
        for text in ["", "7", "..", "5..5", "9..1", "a..b", "-1..2"] {
            assert!(range(text).is_err(), "{text}");
        }
    }
}
