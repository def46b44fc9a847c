//! Deliveries as writes change them.

use rusqlite::{Connection, params};
use sk_tickets_core::{
    model::{
        delivery::{DeadReason, DeliveryStatus, delivery_id},
        endpoint::{Endpoint, EndpointStatus},
        event::Event,
        id::TicketId,
    },
    platform::{
        id::{DeliveryId, EndpointId, EventId},
        time::Timestamp,
    },
};

use crate::{error::Result, realms::RealmNumber};

/// Those dead letters that wait for somebody. The same words as in the partial index, so that it is used.
macro_rules! is_dead_letter {
    () => {
        "status = 'dead' AND reason IN ('exhausted', 'endpoint_disabled')"
    };
}
pub(crate) use is_dead_letter;

/// The bounds of a range of ids that has all deliveries of an event: the time in a delivery's id is that of its event.
pub(crate) fn deliveries_of(event: EventId) -> [[u8; 16]; 2] {
    [0, u8::MAX].map(|byte| DeliveryId::from_parts(event.timestamp(), [byte; 10]).to_bytes())
}

/// Adds the delivery of an event to an endpoint: pending if the endpoint is enabled, else a dead letter at once.
/// Answers if it is pending.
pub(crate) fn deliver(connection: &Connection, realm: RealmNumber, event: &Event, endpoint: &Endpoint) -> Result<bool> {
    let (status, reason, due) = match endpoint.status {
        EndpointStatus::Enabled => (DeliveryStatus::Pending, None, Some(event.at.as_millis())),
        EndpointStatus::Disabled => (DeliveryStatus::Dead, Some(DeadReason::EndpointDisabled.as_str()), None),
    };
    connection
        .prepare_cached(
            "INSERT INTO deliveries (realm, id, endpoint_id, event_id, event_type, ticket_id, status, reason,
                                     next_attempt_at, claimable_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)",
        )?
        .execute(params![
            realm,
            delivery_id(event.id, endpoint.id).to_bytes(),
            endpoint.id.to_bytes(),
            event.id.to_bytes(),
            event.event_type.as_str(),
            event.ticket_id.map(TicketId::to_bytes),
            status.as_str(),
            reason,
            due,
            event.at.as_millis(),
        ])?;
    Ok(status == DeliveryStatus::Pending)
}

/// Makes the pending deliveries of an endpoint dead, and any lease on them void.
pub(crate) fn bury_pending(
    connection: &Connection,
    realm: RealmNumber,
    endpoint: EndpointId,
    reason: DeadReason,
) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE deliveries
             SET status = 'dead', reason = ?3, next_attempt_at = NULL, claimable_at = NULL, lease_owner = NULL
             WHERE realm = ?1 AND endpoint_id = ?2 AND status = 'pending'",
        )?
        .execute(params![realm, endpoint.to_bytes(), reason.as_str()])?;
    Ok(())
}

/// Ends the leases on the deliveries of an endpoint; what was held is due as it was before.
pub(crate) fn end_leases(connection: &Connection, realm: RealmNumber, endpoint: EndpointId) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE deliveries SET lease_owner = NULL, claimable_at = next_attempt_at
             WHERE realm = ?1 AND endpoint_id = ?2 AND lease_owner IS NOT NULL",
        )?
        .execute(params![realm, endpoint.to_bytes()])?;
    Ok(())
}

/// Gives up the dead letters of an endpoint.
pub(crate) fn bury_dead_letters(
    connection: &Connection,
    realm: RealmNumber,
    endpoint: EndpointId,
    reason: DeadReason,
) -> Result<()> {
    connection
        .prepare_cached(concat!(
            "UPDATE deliveries SET reason = ?3 WHERE realm = ?1 AND endpoint_id = ?2 AND ",
            is_dead_letter!()
        ))?
        .execute(params![realm, endpoint.to_bytes(), reason.as_str()])?;
    Ok(())
}

/// Makes a dead letter pending; false if it is none, or if its endpoint is not told anything.
pub(crate) fn replay(connection: &Connection, realm: RealmNumber, delivery: DeliveryId, at: Timestamp) -> Result<bool> {
    let is_told: bool = connection
        .prepare_cached(
            "SELECT EXISTS (
                 SELECT 1 FROM my_deliveries AS delivery
                 JOIN my_endpoints AS endpoint
                   ON endpoint.realm = delivery.realm AND endpoint.id = delivery.endpoint_id
                 WHERE delivery.realm = ?1 AND delivery.id = ?2
                   AND endpoint.status = 'enabled' AND endpoint.deleted_at IS NULL)",
        )?
        .query_row(params![realm, delivery.to_bytes()], |row| row.get(0))?;
    if !is_told {
        return Ok(false);
    }
    let changed = connection
        .prepare_cached(concat!(
            "UPDATE deliveries SET status = 'pending', reason = NULL, next_attempt_at = ?3, claimable_at = ?3,
                                   failures = 0
             WHERE realm = ?1 AND id = ?2 AND ",
            is_dead_letter!()
        ))?
        .execute(params![realm, delivery.to_bytes(), at.as_millis()])?;
    Ok(changed == 1)
}

/// Gives up a dead letter; false if it is none.
pub(crate) fn discard(connection: &Connection, realm: RealmNumber, delivery: DeliveryId, why: &str) -> Result<bool> {
    let changed = connection
        .prepare_cached(concat!(
            "UPDATE deliveries SET reason = ?3, discard_reason = ?4 WHERE realm = ?1 AND id = ?2 AND ",
            is_dead_letter!()
        ))?
        .execute(params![realm, delivery.to_bytes(), DeadReason::Discarded.as_str(), why])?;
    Ok(changed == 1)
}
