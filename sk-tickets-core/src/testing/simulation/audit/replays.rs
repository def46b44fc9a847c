use super::Audit;
use crate::{
    desk::{Request, Tickets},
    platform::idempotency::IdempotencyKey,
    testing::simulation::{oracle::Told, property::Property},
};

impl Audit<'_> {
    /// Each key once more, at a node that has seen nothing of it: the same answer, and with another body none.
    pub(super) async fn replays(&self, tickets: &Tickets) {
        let known: Vec<_> = {
            let oracle = self.world.oracle();
            oracle.answers.by_key.iter().map(|(at, known)| (at.clone(), known.clone())).collect()
        };
        for ((realm, name), (deed, told)) in known {
            let key = IdempotencyKey::client(&name).expect("a lawful key");
            let desk = tickets.desk(realm.clone());
            match desk.execute(Request::new(&key, deed.command.clone())).await {
                Ok(answer) => {
                    let again = Told::of(&answer.response);
                    let alike = self.world.oracle().answers.are_alike(&realm, &told, &again);
                    self.world.check(Property::ReplayIsIdentical, answer.replayed && alike, || {
                        format!("{name}, replayed: {}\n  {told:?}\n  {again:?}", answer.replayed)
                    });
                }
                Err(error) => {
                    self.world.check(Property::ReplayIsIdentical, false, || format!("{name}: {told:?}, then {error}"));
                }
            }
            let other = desk.execute(Request::new(&key, deed.with_another_body())).await;
            let code = other.map_or_else(|error| error.code().to_owned(), |answer| answer.response.status.to_string());
            self.world
                .check(Property::ReusedKeyIsRefused, code == "idempotency_key_reused", || format!("{name}: {code}"));
        }
    }
}
