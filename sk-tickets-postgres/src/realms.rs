//! Realms and the numbers that stand for them in rows.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use sk_tickets_core::platform::realm::{Environment, Realm, Tenant};
use sqlx::Row;

use crate::{error::Result, pool::Pool};

/// A realm as keys have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RealmNumber {
    pub(crate) tenant: i64,
    pub(crate) environment: Environment,
}

/// Remembers the numbers of tenants. A tenant once committed stays, so nothing is ever forgotten.
#[derive(Debug, Default)]
pub(crate) struct Realms {
    known: RwLock<HashMap<Tenant, i64>>,
}

impl Realms {
    /// The number of a realm; none if nobody has written to its tenant.
    pub(crate) async fn find(&self, pool: &Pool, realm: &Realm) -> Result<Option<RealmNumber>> {
        if let Some(number) = self.known(realm) {
            return Ok(Some(number));
        }
        let query = sqlx::query("SELECT sk_tickets.tenant_find($1)").bind(realm.tenant().as_str());
        let tenant: Option<i64> = pool.row(query).await?.try_get(0)?;
        Ok(tenant.map(|tenant| self.remember(realm, tenant)))
    }

    /// The number of a realm, whose tenant is made if there is none.
    pub(crate) async fn find_or_make(&self, pool: &Pool, realm: &Realm) -> Result<RealmNumber> {
        if let Some(number) = self.known(realm) {
            return Ok(number);
        }
        let query = sqlx::query("SELECT sk_tickets.tenant_ensure($1)").bind(realm.tenant().as_str());
        Ok(self.remember(realm, pool.row(query).await?.try_get(0)?))
    }

    /// Notes a number that came along with something else.
    pub(crate) fn remember(&self, realm: &Realm, tenant: i64) -> RealmNumber {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(realm.tenant().clone(), tenant);
        RealmNumber { tenant, environment: realm.environment() }
    }

    fn known(&self, realm: &Realm) -> Option<RealmNumber> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(realm.tenant()).map(|tenant| RealmNumber { tenant: *tenant, environment: realm.environment() })
    }
}
