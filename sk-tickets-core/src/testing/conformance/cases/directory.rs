//! Keys of the API and of cursors.

use std::time::Duration;

use super::super::fixture::Fixture;
use crate::{
    model::api_key::{ApiKey, Scope},
    platform::{api_key::ApiKeyHash, cursor::CursorKey, id::ApiKeyId, realm::Environment, realm::Realm},
};

fn realm() -> Realm {
    Realm::assume("keyholder".parse().expect("lawful"), Environment::Live)
}

/// Field by field; by no other hash.
pub async fn an_api_key_is_found_by_its_hash(fixture: &Fixture) {
    let scopes = [Scope::TicketsTriage, Scope::Webhooks];
    let name = Some("the agent's".to_owned());
    let expiry = Some(fixture.tickets.now());
    let (key, secret) = fixture.tickets.create_api_key(realm(), name, scopes, expiry).await.expect("made");
    let (plain, other) = fixture.tickets.create_api_key(realm(), None, [Scope::Admin], None).await.expect("made");
    assert_eq!(fixture.store.api_key_by_hash(secret.hash()).await.expect("read"), Some(key.clone()));
    assert_eq!(fixture.store.api_key_by_hash(other.hash()).await.expect("read"), Some(plain.clone()));
    assert_eq!(fixture.store.api_key_by_hash(ApiKeyHash([0; 32])).await.expect("read"), None);
    assert_eq!(fixture.store.api_keys().await.expect("read"), [key, plain]);
}

/// Revoked, it stays in the list; a second time there is nothing to do.
pub async fn a_key_is_revoked_once(fixture: &Fixture) {
    let (key, secret) = fixture.tickets.create_api_key(realm(), None, [Scope::Admin], None).await.expect("made");
    assert!(key.is_valid(fixture.tickets.now()));
    fixture.tick();
    assert!(fixture.tickets.revoke_api_key(key.id).await.expect("answered"));
    assert!(!fixture.tickets.revoke_api_key(key.id).await.expect("answered"));
    assert!(!fixture.tickets.revoke_api_key(ApiKeyId::from_bytes([7; 16])).await.expect("answered"));
    let found = fixture.store.api_key_by_hash(secret.hash()).await.expect("read").expect("there");
    assert_eq!(found.revoked_at, Some(fixture.tickets.now()));
    assert!(!found.is_valid(fixture.tickets.now()));

    fixture.store.api_key_used(key.id, fixture.tickets.now()).await.expect("noted");
    let found = fixture.store.api_key_by_hash(secret.hash()).await.expect("read").expect("there");
    assert_eq!(found.last_used_at, Some(fixture.tickets.now()));
}

/// One that is revoked, or not there, has no end to set.
pub async fn a_key_expires_earlier_and_never_later(fixture: &Fixture) {
    let (key, secret) = fixture.tickets.create_api_key(realm(), None, [Scope::Admin], None).await.expect("made");
    let (other, _) = fixture.tickets.create_api_key(realm(), None, [Scope::Admin], None).await.expect("made");
    let now = fixture.tickets.now();
    let at = |hours: u64| now + Duration::from_secs(hours * 3_600);
    for (hours, is_earlier) in [(48, true), (72, false), (48, false), (24, true)] {
        assert_eq!(fixture.store.api_key_expire(key.id, at(hours)).await.expect("answered"), is_earlier, "{hours}");
    }
    let found = fixture.store.api_key_by_hash(secret.hash()).await.expect("read").expect("there");
    assert_eq!(found, ApiKey { expires_at: Some(at(24)), ..key.clone() });

    assert!(fixture.tickets.revoke_api_key(key.id).await.expect("answered"));
    assert!(!fixture.store.api_key_expire(key.id, at(1)).await.expect("answered"));
    assert!(!fixture.store.api_key_expire(ApiKeyId::from_bytes([7; 16]), at(1)).await.expect("answered"));
    let keys = fixture.store.api_keys().await.expect("read");
    assert_eq!(keys, [ApiKey { revoked_at: Some(now), ..found }, other], "no other key is touched");
}

/// The new key does the same; the old one lasts for the overlap, and for no longer than it would have.
pub async fn a_rotated_key_opens_until_the_overlap_ends(fixture: &Fixture) {
    let tickets = &fixture.tickets;
    let (now, overlap) = (tickets.now(), Duration::from_secs(24 * 3_600));
    let name = Some("the agent's".to_owned());
    for (ends, expected) in [(None, now + overlap), (Some(now + overlap / 2), now + overlap / 2)] {
        let (old, secret) =
            tickets.create_api_key(realm(), name.clone(), [Scope::TicketsTriage], ends).await.expect("made");
        let (new, other) = tickets.rotate_api_key(old.id, overlap, None).await.expect("rotated").expect("there");
        assert!(old.id != new.id && secret != other);
        assert_eq!(new, ApiKey { id: new.id, expires_at: None, ..old.clone() });
        assert_eq!(fixture.store.api_key_by_hash(other.hash()).await.expect("read"), Some(new));
        let found = fixture.store.api_key_by_hash(secret.hash()).await.expect("read");
        assert_eq!(found, Some(ApiKey { expires_at: Some(expected), ..old }));
    }

    let before = fixture.store.api_keys().await.expect("read");
    let (ended, _) = tickets.create_api_key(realm(), None, [Scope::Admin], Some(now)).await.expect("made");
    for id in [ended.id, ApiKeyId::from_bytes([7; 16])] {
        assert_eq!(tickets.rotate_api_key(id, overlap, None).await.expect("answered"), None);
    }
    assert_eq!(fixture.store.api_keys().await.expect("read").len(), before.len() + 1, "nothing was made");
}

/// The first one wins, and stays.
pub async fn the_cursor_key_is_kept(fixture: &Fixture) {
    let first = fixture.store.cursor_key(CursorKey::from_bytes([1; 32])).await.expect("kept");
    let second = fixture.store.cursor_key(CursorKey::from_bytes([2; 32])).await.expect("kept");
    assert_eq!(first, CursorKey::from_bytes([1; 32]));
    assert_eq!(second, first);
}
