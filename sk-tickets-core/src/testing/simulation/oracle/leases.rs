use std::collections::BTreeMap;

use super::Window;
use crate::platform::{realm::Realm, time::Timestamp};

/// What is wrong with a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::testing::simulation) struct Lapse(pub(in crate::testing::simulation) String);

/// Who has leased what, as seen where the store is asked.
#[derive(Debug, Default)]
pub(in crate::testing::simulation) struct Leases(BTreeMap<(Realm, String), Held>);

#[derive(Debug)]
struct Held {
    token: u64,
    /// None once it was settled, handed back or made void.
    until: Option<Timestamp>,
    worker: u64,
    given: Window,
    /// How many attempts were settled.
    settled: usize,
}

impl Leases {
    /// A lease was given at `now`; true if another one had run out. An error if that should not have been.
    pub(in crate::testing::simulation) fn given(
        &mut self,
        lease: (&Realm, String, u64),
        worker: u64,
        (now, until): (Timestamp, Timestamp),
        window: Window,
    ) -> Result<bool, Lapse> {
        let (realm, id, token) = lease;
        let held = self.0.entry((realm.clone(), id.clone())).or_insert(Held {
            token: 0,
            until: None,
            worker,
            given: window,
            settled: 0,
        });
        let before = (held.token, held.until);
        let Held { settled, .. } = *held;
        *held = Held { token, until: Some(until), worker, given: window, settled };
        match before {
            (last, _) if token <= last => Err(Lapse(format!("{id} was leased with token {token} after {last}"))),
            (_, Some(end)) if end > now => Err(Lapse(format!("{id} was leased at {now}, and is leased until {end}"))),
            (_, ended) => Ok(ended.is_some()),
        }
    }

    pub(in crate::testing::simulation) fn renewed(
        &mut self,
        lease: (&Realm, String, u64),
        until: Timestamp,
        window: Window,
    ) -> Result<(), Lapse> {
        self.still_held(lease, window).map(|held| held.until = Some(until))
    }

    /// A lease was settled.
    pub(in crate::testing::simulation) fn settled(
        &mut self,
        lease: (&Realm, String, u64),
        window: Window,
    ) -> Result<(), Lapse> {
        self.still_held(lease, window).map(|held| {
            held.until = None;
            held.settled += 1;
        })
    }

    pub(in crate::testing::simulation) fn released(&mut self, worker: u64) {
        for held in self.0.values_mut().filter(|held| held.worker == worker) {
            held.until = None;
        }
    }

    /// All of a realm's may be leased again: something has happened that makes leases void.
    pub(in crate::testing::simulation) fn void(&mut self, realm: &Realm) {
        for (_, held) in self.0.iter_mut().filter(|((of, _), _)| of == realm) {
            held.until = None;
        }
    }

    /// How often it was settled.
    pub(in crate::testing::simulation) fn settlements(&self, realm: &Realm, id: &str) -> usize {
        self.0.get(&(realm.clone(), id.to_owned())).map_or(0, |held| held.settled)
    }

    /// What is leased with this token; an error if another lease was given before this was asked for.
    fn still_held(&mut self, (realm, id, token): (&Realm, String, u64), window: Window) -> Result<&mut Held, Lapse> {
        let key = (realm.clone(), id.clone());
        let Some(held) = self.0.get_mut(&key) else { return Err(Lapse(format!("{id} was never leased"))) };
        if held.token == token || held.given.to > window.from {
            Ok(held)
        } else {
            Err(Lapse(format!("{id} was settled or renewed with token {token}, and {} was given since", held.token)))
        }
    }
}
