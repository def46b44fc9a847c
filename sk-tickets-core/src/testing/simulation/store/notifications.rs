use std::time::Duration;

use async_trait::async_trait;

use super::FaultyStore;
use crate::{
    platform::{realm::Realm, time::Timestamp},
    store::{
        ClaimedNotifications, NotificationBacklog, NotificationLease, NotificationQueue, Result, Settled, WorkerId,
    },
};

#[async_trait]
impl NotificationQueue for FaultyStore {
    async fn notification_claim(
        &self,
        worker: WorkerId,
        now: Timestamp,
        lease: Duration,
        limit: usize,
    ) -> Result<ClaimedNotifications> {
        let call = self.inner.notification_claim(worker, now, lease, limit);
        self.call("notification_claim", call, |claimed, window| {
            for one in &claimed.notifications {
                let given =
                    self.world.oracle().notifications.given(of(&one.lease), worker.0, (now, now + lease), window);
                self.check_given(&given);
            }
            let ids: Vec<_> =
                claimed.notifications.iter().map(|one| (one.lease.notification_id, one.lease.token)).collect();
            format!("{ids:?}, next {:?}", claimed.next)
        })
        .await
    }

    async fn notification_renew(&self, lease: &NotificationLease, until: Timestamp) -> Result<Settled> {
        let what = format!("notification_renew {} {}", lease.notification_id, lease.token);
        self.call(&what, self.inner.notification_renew(lease, until), |settled, window| {
            if *settled == Settled::Recorded {
                let held = self.world.oracle().notifications.renewed(of(lease), until, window);
                self.check_lease(&held);
            }
            format!("{settled:?}")
        })
        .await
    }

    async fn notification_retry(&self, lease: &NotificationLease, error: &str, at: Timestamp) -> Result<Settled> {
        let what = format!("notification_retry {} {}", lease.notification_id, lease.token);
        self.call(&what, self.inner.notification_retry(lease, error, at), |settled, window| {
            if *settled == Settled::Recorded {
                let held = self.world.oracle().notifications.settled(of(lease), window);
                self.check_lease(&held);
            }
            format!("{settled:?}")
        })
        .await
    }

    async fn notification_release(&self, worker: WorkerId) -> Result<()> {
        self.call("notification_release", self.inner.notification_release(worker), |(), _| {
            self.world.oracle().notifications.released(worker.0);
            String::new()
        })
        .await
    }

    async fn notification_backlog(&self) -> Result<NotificationBacklog> {
        self.read("notification_backlog", self.inner.notification_backlog()).await
    }

    async fn notification_wait(&self) {
        // As with deliveries: nothing may come between the wake-up and the worker.
        self.life.must_go_on().await;
        self.inner.notification_wait().await;
    }
}

fn of(lease: &NotificationLease) -> (&Realm, String, u64) {
    (&lease.realm, lease.notification_id.to_string(), lease.token)
}
