use crate::testing::dice::Dice;

/// How often each thing goes wrong, in a thousand; drawn for each seed, so that one run has what another has not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) store_refuses: usize,
    pub(super) store_answer_lost: usize,
    pub(super) store_slow: usize,
    pub(super) crash_before: usize,
    pub(super) crash_after: usize,
    pub(super) answer_lost: usize,
    pub(super) twins: usize,
    pub(super) receivers_fail: usize,
    pub(super) mail_fails: usize,
    /// How long a node lives at most, in milliseconds.
    pub(super) node_lives_ms: usize,
    /// Whether the store is away now and then.
    pub(super) outages: bool,
    /// How far clocks of nodes may be off, in milliseconds.
    pub(super) clocks_off_ms: usize,
}

impl Weather {
    pub(super) fn draw(dice: &Dice) -> Self {
        let rate = |most: usize| if dice.once_in(4) { 0 } else { dice.between(1, most) };
        Self {
            store_refuses: rate(80),
            store_answer_lost: rate(80),
            store_slow: rate(60),
            crash_before: rate(6),
            crash_after: rate(6),
            answer_lost: rate(120),
            twins: rate(200),
            receivers_fail: rate(700),
            mail_fails: if dice.once_in(4) { 0 } else { dice.between(200, 800) },
            node_lives_ms: dice.between(4_000, 60_000),
            outages: !dice.once_in(3),
            clocks_off_ms: if dice.once_in(3) { 0 } else { dice.between(1, 3_000) },
        }
    }
}
