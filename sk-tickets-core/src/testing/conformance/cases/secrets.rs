//! Secrets of endpoints: replaced, sealed, told again.

use std::{sync::Arc, time::Duration};

use super::{
    super::fixture::{Fixture, key},
    delivery::{ALICE, EVERYTHING, LEASE, lone_endpoint},
};
use crate::{
    desk::Tickets,
    model::{
        endpoint::{EndpointView, RotateSecret},
        page::PageRequest,
    },
    platform::{
        realm::{Environment, Realm},
        seal::Keyring,
        system::SeededEntropy,
        time::Clock,
        webhook::{TargetPolicy, WebhookSecret},
    },
    store::{Commit, CommitOutcome, Effect, SecretChange},
};

const OLD: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const NEW: &str = "//////////////////////////////////////////8=";

fn told(view: &EndpointView) -> String {
    view.secret.as_ref().expect("told").expose().to_owned()
}

/// The engine on the store under test, with master keys.
fn with_keys(fixture: &Fixture, seed: u64, keys: &[&str]) -> Tickets {
    Tickets::builder(Arc::clone(&fixture.store))
        .clock(Arc::clone(&fixture.clock) as Arc<dyn Clock>)
        .entropy(Arc::new(SeededEntropy::new(seed)))
        .targets(TargetPolicy::LoopbackInTest)
        .keyring(if keys.is_empty() { Keyring::default() } else { Keyring::parse(&keys.join("\n")).expect("keys") })
        .build()
}

/// The new one first, then those that have not run out, to the millisecond.
pub async fn replaced_secrets_stay_for_as_long_as_asked(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await;
    let rotate = |seconds: u64| RotateSecret { overlap_seconds: Some(seconds.try_into().expect("lawful")) };
    let first = told(&endpoint);
    let second = fixture.desk.rotate_secret(&key("second"), endpoint.id, rotate(60)).await.expect("rotated").value;
    let second = told(&second);
    let end = fixture.tickets.now() + Duration::from_secs(60);
    fixture.clock.advance(Duration::from_secs(10));
    let third = fixture.desk.rotate_secret(&key("third"), endpoint.id, rotate(5)).await.expect("rotated").value;
    let third = told(&third);
    assert!(first != second && second != third);

    fixture.ticket("one").await;
    let claimed = fixture.store.claim_due(ALICE, fixture.tickets.now(), LEASE, EVERYTHING).await.expect("claimed");
    let leased = &claimed.deliveries[0];
    let ring = Keyring::default();
    let open = |sealed| {
        WebhookSecret::from_bytes(ring.open(sealed, fixture.desk.realm()).expect("opens")).expect("a secret").expose()
    };
    assert_eq!(open(&leased.secret), third);
    let old: Vec<_> = leased.old_secrets.iter().map(|old| (open(&old.secret), old.until)).collect();
    let soon = end.as_millis() - 60_000 + 15_000;
    assert_eq!(old, [(second.clone(), crate::Timestamp::from_millis(soon)), (first.clone(), end)]);

    fixture.clock.set(end);
    fixture.desk.rotate_secret(&key("fourth"), endpoint.id, rotate(0)).await.expect("rotated");
    let kept = fixture.store.endpoint(fixture.desk.realm(), endpoint.id).await.expect("read").expect("there");
    assert_eq!(kept.old_secrets, [], "what has run out is not kept");
}

/// Byte for byte, whatever has become of the endpoint.
pub async fn a_recorded_answer_tells_its_secret_again(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await;
    let rotate = || RotateSecret { overlap_seconds: None };
    let rotated = fixture.desk.rotate_secret(&key("rotate"), endpoint.id, rotate()).await.expect("rotated");
    fixture.desk.rotate_secret(&key("once more"), endpoint.id, rotate()).await.expect("rotated");
    fixture.desk.delete_endpoint(&key("delete"), endpoint.id).await.expect("deleted");

    let again = lone_endpoint(fixture, 9_000).await;
    assert_eq!(again, endpoint, "the same key, the same answer");
    let replayed = fixture.desk.rotate_secret(&key("rotate"), endpoint.id, rotate()).await.expect("replayed");
    assert!(replayed.replayed);
    assert_eq!(replayed.value, rotated.value);
}

/// And nothing else of the answer; if it is not as it was, not even that.
pub async fn the_secret_in_a_recorded_answer_is_replaced(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await;
    let (store, realm) = (&fixture.store, fixture.desk.realm());
    let kept = store.recorded_secrets(realm, None, 10).await.expect("read");
    let [(name, before)] = kept.as_slice() else { panic!("one answer tells a secret: {kept:?}") };
    assert!(store.recorded_secrets(realm, Some(name), 10).await.expect("read").is_empty());
    assert!(store.recorded_secrets(fixture.decoy.realm(), None, 10).await.expect("read").is_empty());

    let plain = Keyring::default().open(before, realm).expect("opens");
    let after = Keyring::parse(OLD).expect("a key").seal(&plain, realm, &SeededEntropy::new(7));
    let change = || SecretChange { key: name.clone(), before: before.clone(), after: after.clone() };
    let commit = |change| {
        store.commit(Commit::new(realm.clone(), fixture.tickets.now(), None, Effect::Secret(Box::new(change))))
    };
    assert_eq!(commit(change()).await.expect("answered"), CommitOutcome::Applied);
    assert_eq!(commit(change()).await.expect("answered"), CommitOutcome::Stale, "it is another one now");
    let unknown = SecretChange { key: key("unknown"), ..change() };
    assert_eq!(commit(unknown).await.expect("answered"), CommitOutcome::Stale);
    assert_eq!(store.recorded_secrets(realm, None, 10).await.expect("read"), [(name.clone(), after.clone())]);

    let replay = with_keys(fixture, 3, &[OLD]).desk(realm.clone());
    let create = crate::CreateEndpoint::new("http://127.0.0.1:9000/".parse().expect("lawful"));
    let replayed = replay.create_endpoint(&key("lone 9000"), create).await.expect("replayed");
    assert!(replayed.replayed);
    assert_eq!(replayed.value, endpoint);
}

/// From none to a master key, to another one: nothing that was told changes, nothing stays behind.
pub async fn secrets_are_sealed_anew(fixture: &Fixture) {
    let endpoint = lone_endpoint(fixture, 9_000).await;
    fixture
        .desk
        .rotate_secret(&key("rotate"), endpoint.id, RotateSecret { overlap_seconds: None })
        .await
        .expect("rotated");
    fixture.endpoint(9_001).await;
    // Of three endpoints, one old one, and as many answers that tell one.
    let plain = with_keys(fixture, 10, &[]).secrets().await.expect("read");
    assert_eq!((plain.count, plain.outdated, plain.unreadable.len()), (8, 0, 0));

    for (seed, keys) in [(11, &[OLD][..]), (12, &[NEW, OLD])] {
        let tickets = with_keys(fixture, seed, keys);
        assert_eq!(tickets.secrets().await.expect("read").outdated, 8);
        let sealed = tickets.reseal().await.expect("sealed");
        assert_eq!((sealed.count, sealed.outdated, sealed.unreadable.len()), (8, 0, 0));
    }
    let lost = with_keys(fixture, 13, &[OLD]).secrets().await.expect("read");
    assert_eq!((lost.outdated, lost.unreadable.values().sum::<u64>()), (8, 8), "the old key opens nothing");

    let create = crate::CreateEndpoint::new("http://127.0.0.1:9000/".parse().expect("lawful"));
    let newest = with_keys(fixture, 14, &[NEW]).desk(fixture.desk.realm().clone());
    let replayed = newest.create_endpoint(&key("lone 9000"), create.clone()).await.expect("replayed");
    assert_eq!(replayed.value, endpoint);
    let refused = fixture.desk.create_endpoint(&key("lone 9000"), create).await.expect_err("no key");
    assert_eq!(refused.code(), "internal");
}

/// Both environments of a tenant that has a key or has written, and none that nobody ever named.
pub async fn every_realm_is_known(fixture: &Fixture) {
    fixture.ticket("one").await;
    let realms = fixture.store.realms().await.expect("read");
    for desk in [&fixture.desk, &fixture.decoy] {
        assert!(realms.contains(desk.realm()));
    }
    let stranger = Realm::assume("stranger".parse().expect("lawful"), Environment::Test);
    assert!(!realms.contains(&stranger));
    let stranger = fixture.tickets.desk(stranger);
    assert!(stranger.endpoints(&PageRequest::first()).await.expect("read").data.is_empty());
}
