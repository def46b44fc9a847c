//! Realms and the numbers that stand for them in rows.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use rusqlite::{Connection, OptionalExtension, params};
use sk_tickets_core::platform::{realm::Realm, time::Timestamp};

use crate::{
    error::Result,
    guard::{Guarded, Scope},
};

/// The number of a realm.
pub(crate) type RealmNumber = i64;

/// Remembers the numbers of realms. Only reads add to it: they see nothing but what is committed, and a realm once
/// committed stays.
#[derive(Debug, Default)]
pub(crate) struct Realms {
    known: RwLock<HashMap<Realm, RealmNumber>>,
}

impl Realms {
    /// The number of a realm, asked for in a read; none if nobody has written to it.
    pub(crate) fn find(&self, guarded: &Guarded, realm: &Realm) -> Result<Option<RealmNumber>> {
        if let Some(number) = self.known(realm) {
            return Ok(Some(number));
        }
        let found = select(guarded, realm)?;
        if let Some(number) = found {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(realm.clone(), number);
        }
        Ok(found)
    }

    /// The number of a realm, asked for in a write, which may make it and may yet be undone.
    pub(crate) fn find_or_make(&self, guarded: &Guarded, realm: &Realm) -> Result<RealmNumber> {
        if let Some(number) = self.known(realm) {
            return Ok(number);
        }
        if let Some(number) = select(guarded, realm)? {
            return Ok(number);
        }
        guarded.within(Scope::Directory, |connection| {
            connection
                .prepare_cached("INSERT INTO realms (tenant, environment) VALUES (?1, ?2)")?
                .execute(params![realm.tenant().as_str(), realm.environment().as_str()])?;
            Ok(connection.last_insert_rowid())
        })
    }

    /// The number of a realm, asked for in a write that makes none.
    pub(crate) fn find_written(&self, guarded: &Guarded, realm: &Realm) -> Result<Option<RealmNumber>> {
        self.known(realm).map_or_else(|| select(guarded, realm), |number| Ok(Some(number)))
    }

    fn known(&self, realm: &Realm) -> Option<RealmNumber> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(realm).copied()
    }
}

fn select(guarded: &Guarded, realm: &Realm) -> Result<Option<RealmNumber>> {
    guarded.within(Scope::Directory, |connection| {
        let number = connection
            .prepare_cached("SELECT id FROM directory_realms WHERE tenant = ?1 AND environment = ?2")?
            .query_row(params![realm.tenant().as_str(), realm.environment().as_str()], |row| row.get(0))
            .optional()?;
        Ok(number)
    })
}

/// How far the times in ids of tickets and of events have ever been away from their own, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Skew {
    pub(crate) ahead: i64,
    pub(crate) behind: i64,
}

impl Skew {
    /// That of a realm, where one of these times bounds a list; where none does, it is not asked for.
    pub(crate) fn for_times(
        connection: &Connection,
        realm: RealmNumber,
        times: [Option<Timestamp>; 2],
    ) -> Result<Self> {
        if times == [None; 2] { Ok(Self::default()) } else { Self::of_realm(connection, realm) }
    }

    fn of_realm(connection: &Connection, realm: RealmNumber) -> Result<Self> {
        let skew = connection
            .prepare_cached("SELECT id_ahead_ms, id_behind_ms FROM my_realm WHERE id = ?1")?
            .query_row([realm], |row| Ok(Self { ahead: row.get(0)?, behind: row.get(1)? }))?;
        Ok(skew)
    }

    /// Widens the realm's by that of an id that says one time, of what was made at another.
    pub(crate) fn note(connection: &Connection, realm: RealmNumber, said: Timestamp, made: Timestamp) -> Result<()> {
        let ahead = said.as_millis() - made.as_millis();
        if ahead == 0 {
            return Ok(());
        }
        let known = Self::of_realm(connection, realm)?;
        let wider = Self { ahead: known.ahead.max(ahead), behind: known.behind.max(-ahead) };
        if wider != known {
            connection
                .prepare_cached("UPDATE realms SET id_ahead_ms = ?2, id_behind_ms = ?3 WHERE id = ?1")?
                .execute(params![realm, wider.ahead, wider.behind])?;
        }
        Ok(())
    }

    /// A time that no id of what was made at `at` or later is before.
    pub(crate) fn earliest(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().saturating_sub(self.behind))
    }

    /// A time that the id of all that was made before `at` is before; none if it cannot be written.
    pub(crate) fn latest(self, at: Timestamp) -> Option<Timestamp> {
        let latest = Timestamp::from_millis(at.as_millis().saturating_add(self.ahead));
        (latest < Timestamp::MAX).then_some(latest)
    }
}
