use sk_tickets_core::{Error, Stats, Timestamp};

use super::{
    answers::Found,
    arguments::{Filter, Narrowed},
    call::Call,
};
use crate::platform::query::Query;

pub(super) async fn get(call: Call, within: Narrowed<Within>) -> Result<Found<Stats>, Error> {
    let Narrowed(Within { from, to }) = within;
    Ok(Found(call.desk.stats(from, to).await?))
}

/// When tickets were made.
pub(super) struct Within {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Filter for Within {
    fn read(query: &mut Query) -> Self {
        Self {
            from: query.one(
                "from",
                "Tickets made at this time or later; 30 days before `to` unless given, and 366 days before it at most.",
            ),
            to: query.one("to", "Tickets made before this time; up to now unless given."),
        }
    }
}
