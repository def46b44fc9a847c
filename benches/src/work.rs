use std::time::Duration;

/// How long a round may take: so that a slow machine is measured in as few minutes as a fast one.
const ROUND: Duration = Duration::from_millis(600);
/// How long a trial takes at least, unless the most takes less.
const TRIAL: Duration = Duration::from_millis(100);

/// How much is done in a round.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// The most pieces.
    pub most: u32,
    /// They come in whole batches of so many, such as one for each connection.
    pub batch: u32,
}

impl Work {
    /// As many pieces as fit into a round on this machine, by trials, which warm up caches and files too.
    pub(crate) fn fitting(self, work: &mut impl FnMut(u32) -> Duration) -> u32 {
        let mut tried = self.batch;
        loop {
            let took = work(tried);
            let fitting = self.batches(f64::from(tried) * ROUND.as_secs_f64() / took.as_secs_f64());
            if took >= TRIAL || tried >= self.most {
                return fitting;
            }
            // No more than fit, as far as is known: who is measured may be much slower at first.
            tried = fitting.min(tried * 4);
        }
    }

    /// So many pieces or somewhat fewer, but never none.
    fn batches(self, pieces: f64) -> u32 {
        let pieces = pieces.min(f64::from(self.most)) as u32;
        (pieces / self.batch).max(1) * self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Work = Work { most: 3_200, batch: 64 };

    /// What `WORK` finds fitting where a piece takes so many nanoseconds, and what it tried.
    fn fitting(nanos: u64) -> (u32, Vec<u32>) {
        let mut tried = Vec::new();
        let fitting = WORK.fitting(&mut |count| {
            tried.push(count);
            Duration::from_nanos(nanos * u64::from(count))
        });
        (fitting, tried)
    }

    #[test]
    fn a_round_does_what_fits_into_it_in_whole_batches() {
        assert_eq!(fitting(500_000), (1_152, vec![64, 256]), "1,200 would be no whole batches");
        assert_eq!(fitting(1), (3_200, vec![64, 256, 1_024, 3_200]), "never more than the most");
        assert_eq!(fitting(100_000_000), (64, vec![64]), "never less than a batch");
    }
}
