use crate::{notify::Mail, platform::time::Timestamp};

/// A webhook as a receiver got it.
#[derive(Debug, Clone)]
pub(in crate::testing::simulation) struct Arrival {
    pub(in crate::testing::simulation) at: Timestamp,
    pub(in crate::testing::simulation) url: String,
    pub(in crate::testing::simulation) id: String,
    pub(in crate::testing::simulation) timestamp: String,
    pub(in crate::testing::simulation) signature: String,
    pub(in crate::testing::simulation) body: Vec<u8>,
    /// Whether the receiver answered with a success.
    pub(in crate::testing::simulation) taken: bool,
}

/// A mail as a server got it.
#[derive(Debug, Clone)]
pub(in crate::testing::simulation) struct Posted {
    pub(in crate::testing::simulation) mail: Mail,
    pub(in crate::testing::simulation) taken: bool,
}

/// What came out of the engine.
#[derive(Debug, Default)]
pub(in crate::testing::simulation) struct Inbox {
    pub(in crate::testing::simulation) webhooks: Vec<Arrival>,
    pub(in crate::testing::simulation) mails: Vec<Posted>,
}
