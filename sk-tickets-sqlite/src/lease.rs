//! Leases on what waits to be sent, deliveries and notifications alike: how they are prolonged and ended.

use rusqlite::{Connection, Params, params};
use sk_tickets_core::{
    platform::{realm::Realm, time::Timestamp},
    store::{Settled, WorkerId},
};

use crate::{
    columns::Columns,
    error::Result,
    guard::{Guarded, Scope},
    realms::{RealmNumber, Realms},
};

/// The leases on the rows of one table. While a row is leased, `claimable_at` is the end of the lease, and afterwards
/// `next_attempt_at` again.
pub(crate) struct Leases {
    renew: &'static str,
    end: &'static str,
    /// Which rows of all realms a worker holds; of what is leased there is never much.
    pub(crate) held: &'static str,
    /// Which rows of all realms anybody holds.
    pub(crate) all: &'static str,
}

macro_rules! leases {
    ($table:literal, $view:literal) => {
        Leases {
            renew: concat!(
                "UPDATE ",
                $table,
                " SET claimable_at = ?4 WHERE realm = ?1 AND id = ?2 AND lease_token = ?3 AND lease_owner IS NOT NULL"
            ),
            end: concat!(
                "UPDATE ",
                $table,
                " SET lease_owner = NULL, claimable_at = next_attempt_at WHERE realm = ?1 AND id = ?2"
            ),
            held: concat!("SELECT realm, id FROM ", $view, " WHERE lease_owner = ?1"),
            all: concat!("SELECT realm, id FROM ", $view, " WHERE lease_owner IS NOT NULL"),
        }
    };
}

/// On deliveries.
pub(crate) const DELIVERIES: Leases = leases!("deliveries", "worker_leases");
/// On notifications.
pub(crate) const NOTIFICATIONS: Leases = leases!("notifications", "worker_notifications");

impl Leases {
    /// Prolongs one that still holds.
    pub(crate) fn renew(
        &self,
        guarded: &Guarded,
        realms: &Realms,
        realm: &Realm,
        id: [u8; 16],
        token: u64,
        until: Timestamp,
    ) -> Result<Settled> {
        held_within(guarded, realms, realm, |connection, realm| {
            let values = params![realm, id, i64::try_from(token)?, until.as_millis()];
            Ok(connection.prepare_cached(self.renew)?.execute(values)?)
        })
    }

    /// Ends those of a worker; what it held is due as it was before.
    pub(crate) fn end_of(&self, guarded: &Guarded, worker: WorkerId) -> Result<()> {
        self.end(guarded, self.held, [owner(worker)])
    }

    /// Ends every one of them.
    pub(crate) fn end_all(&self, guarded: &Guarded) -> Result<()> {
        self.end(guarded, self.all, [])
    }

    fn end(&self, guarded: &Guarded, sql: &str, values: impl Params) -> Result<()> {
        for (realm, id) in guarded.within(Scope::Worker, |connection| find(connection, sql, values))? {
            guarded.within(Scope::Realm(realm), |connection| {
                connection.prepare_cached(self.end)?.execute(params![realm, id])?;
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Changes the row of a lease in its realm, if that lease still holds: `change` answers how many rows it has changed.
pub(crate) fn held_within(
    guarded: &Guarded,
    realms: &Realms,
    realm: &Realm,
    change: impl FnOnce(&Connection, RealmNumber) -> Result<usize>,
) -> Result<Settled> {
    let Some(realm) = realms.find_written(guarded, realm)? else { return Ok(Settled::LeaseLost) };
    let changed = guarded.within(Scope::Realm(realm), |connection| change(connection, realm))?;
    Ok(if changed == 1 { Settled::Recorded } else { Settled::LeaseLost })
}

/// Which rows of all realms a statement finds.
pub(crate) fn find(connection: &Connection, sql: &str, values: impl Params) -> Result<Vec<(RealmNumber, [u8; 16])>> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(values, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.plain()?, columns.plain()?))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// A worker as a column has it: the same 64 bits.
pub(crate) const fn owner(worker: WorkerId) -> i64 {
    worker.0.cast_signed()
}
