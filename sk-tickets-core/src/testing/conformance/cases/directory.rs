//! Keys of the API and of cursors.

use super::super::fixture::Fixture;
use crate::{
    model::api_key::Scope,
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

/// The first one wins, and stays.
pub async fn the_cursor_key_is_kept(fixture: &Fixture) {
    let first = fixture.store.cursor_key(CursorKey::from_bytes([1; 32])).await.expect("kept");
    let second = fixture.store.cursor_key(CursorKey::from_bytes([2; 32])).await.expect("kept");
    assert_eq!(first, CursorKey::from_bytes([1; 32]));
    assert_eq!(second, first);
}
