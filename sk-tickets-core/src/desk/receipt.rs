/// What a mutation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct Receipt<T> {
    /// The resource as it is after the mutation; if replayed, as it was after the first time.
    pub value: T,
    /// Whether the key had been used for this before, so that nothing was done this time.
    pub replayed: bool,
}
