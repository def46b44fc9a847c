//! Webhook endpoints as writes change them.

use rusqlite::{Connection, OptionalExtension, params, types::Value};
use sk_tickets_core::{
    limits::ENDPOINTS_MAX,
    model::{
        delivery::DeadReason,
        endpoint::{DisabledReason, Endpoint, EndpointStatus},
    },
    platform::{id::EndpointId, time::Timestamp},
    store::{EndpointChange, PageSpec},
};

use crate::{
    commit::Change,
    error::Result,
    feed,
    list::{self, Query},
    outbox,
    realms::RealmNumber,
    row::{self, endpoint_columns},
};

/// Changes an endpoint, and the deliveries that hang on it.
pub(crate) fn change(
    connection: &Connection,
    realm: RealmNumber,
    change: &EndpointChange,
    at: Timestamp,
) -> Result<Change> {
    match change {
        EndpointChange::Create(endpoint) => insert(connection, realm, endpoint, at).map(Change::unless_stale),
        EndpointChange::Update { before, after } => update(connection, realm, before, after, at),
        EndpointChange::Delete(id) => delete(connection, realm, *id, at).map(Change::unless_stale),
        EndpointChange::Ping(id, event) => {
            let Some(endpoint) = find(connection, realm, *id)? else { return Ok(Change::Stale) };
            feed::insert_event(connection, realm, None, event)?;
            Ok(if outbox::deliver(connection, realm, event, &endpoint)? { Change::Due } else { Change::Done })
        }
    }
}

/// An endpoint that was not deleted.
pub(crate) fn find(connection: &Connection, realm: RealmNumber, id: EndpointId) -> Result<Option<Endpoint>> {
    let endpoint = connection
        .prepare_cached(concat!(
            "SELECT ",
            endpoint_columns!(),
            " FROM my_endpoints WHERE realm = ?1 AND id = ?2 AND deleted_at IS NULL"
        ))?
        .query_row(params![realm, id.to_bytes()], row::endpoint)
        .optional()?;
    Ok(endpoint)
}

/// The endpoints of a realm that were not deleted.
pub(crate) fn all(connection: &Connection, realm: RealmNumber) -> Result<Vec<Endpoint>> {
    let mut statement = connection.prepare_cached(concat!(
        "SELECT ",
        endpoint_columns!(),
        " FROM my_endpoints WHERE realm = ?1 AND deleted_at IS NULL"
    ))?;
    let endpoints = statement.query_map([realm], row::endpoint)?;
    Ok(endpoints.collect::<rusqlite::Result<_>>()?)
}

/// A page of the endpoints that were not deleted.
pub(crate) fn page(realm: RealmNumber, page: PageSpec<EndpointId>) -> Query {
    let mut query = Query::default();
    let present = format!("realm = {} AND deleted_at IS NULL", query.bind(Value::Integer(realm)));
    list::by_id(query, endpoint_columns!(), "my_endpoints", &present, page)
}

/// How many endpoints were not deleted.
pub(crate) fn count(connection: &Connection, realm: RealmNumber) -> Result<usize> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM my_endpoints WHERE realm = ?1 AND deleted_at IS NULL")?
        .query_row([realm], |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

fn insert(connection: &Connection, realm: RealmNumber, endpoint: &Endpoint, at: Timestamp) -> Result<bool> {
    if count(connection, realm)? >= ENDPOINTS_MAX {
        return Ok(false);
    }
    let Endpoint {
        id,
        url,
        description,
        events,
        status,
        disabled_reason,
        failing_since,
        created_at,
        secret,
        old_secrets,
    } = endpoint;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO endpoints (realm, id, url, description, events, status, disabled_reason, failing_since,
                                    created_at, secret, old_secrets, wanted_since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (realm, id) DO NOTHING",
        )?
        .execute(params![
            realm,
            id.to_bytes(),
            url,
            description,
            row::json(events)?,
            status.as_str(),
            disabled_reason.map(DisabledReason::as_str),
            failing_since.map(Timestamp::as_millis),
            created_at.as_millis(),
            secret.as_bytes(),
            row::old_secrets(old_secrets)?,
            at.as_millis(),
        ])?;
    Ok(inserted == 1)
}

fn update(
    connection: &Connection,
    realm: RealmNumber,
    before: &Endpoint,
    after: &Endpoint,
    at: Timestamp,
) -> Result<Change> {
    let Some(current) = find(connection, realm, before.id)? else { return Ok(Change::Stale) };
    let failing_since = current.failing_since;
    if current != (Endpoint { failing_since, ..before.clone() }) {
        return Ok(Change::Stale);
    }
    let enabled = before.status == EndpointStatus::Disabled && after.status == EndpointStatus::Enabled;
    let failing_since = if enabled { None } else { failing_since };
    // The workers' own column is the one that is not taken from the change.
    let Endpoint {
        id,
        url,
        description,
        events,
        status,
        disabled_reason,
        failing_since: _,
        created_at,
        secret,
        old_secrets,
    } = after;
    connection
        .prepare_cached(
            "UPDATE endpoints SET url = ?3, description = ?4, events = ?5, status = ?6, disabled_reason = ?7,
                                  failing_since = ?8, created_at = ?9, secret = ?10, old_secrets = ?11,
                                  wanted_since = iif(events = ?5, wanted_since, ?12)
             WHERE realm = ?1 AND id = ?2",
        )?
        .execute(params![
            realm,
            id.to_bytes(),
            url,
            description,
            row::json(events)?,
            status.as_str(),
            disabled_reason.map(DisabledReason::as_str),
            failing_since.map(Timestamp::as_millis),
            created_at.as_millis(),
            secret.as_bytes(),
            row::old_secrets(old_secrets)?,
            at.as_millis(),
        ])?;
    match after.status {
        EndpointStatus::Enabled if before.url != after.url => {
            outbox::end_leases(connection, realm, *id)?;
            return Ok(Change::Due);
        }
        EndpointStatus::Enabled => {}
        EndpointStatus::Disabled => {
            outbox::bury_pending(connection, realm, *id, DeadReason::EndpointDisabled)?;
        }
    }
    Ok(Change::Done)
}

fn delete(connection: &Connection, realm: RealmNumber, id: EndpointId, at: Timestamp) -> Result<bool> {
    let deleted = connection
        .prepare_cached(
            "UPDATE endpoints SET deleted_at = ?3, secret = x'', old_secrets = '[]'
             WHERE realm = ?1 AND id = ?2 AND deleted_at IS NULL",
        )?
        .execute(params![realm, id.to_bytes(), at.as_millis()])?;
    if deleted == 0 {
        return Ok(false);
    }
    outbox::bury_dead_letters(connection, realm, id, DeadReason::EndpointDeleted)?;
    outbox::bury_pending(connection, realm, id, DeadReason::EndpointDeleted)?;
    Ok(true)
}
