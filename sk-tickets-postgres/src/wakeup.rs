//! Tells sleeping workers, on this node and on others, that there is work.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::postgres::PgListener;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::sleep,
};

use crate::pool::Pool;

/// Where it is told that there may be deliveries to make.
pub(crate) const WORK: &str = "sk_tickets_work";
/// Where it is told that there may be notifications to send.
pub(crate) const MAIL: &str = "sk_tickets_mail";
/// Where nodes tell each other that a ticket may be due earlier.
pub(crate) const DUE: &str = "sk_tickets_due";
/// How long news is gathered before other nodes are told of it.
const GATHER: Duration = Duration::from_millis(5);
/// How long to wait before a connection that was lost is made anew. Work is found without it, by looking for it.
const RECONNECT: Duration = Duration::from_secs(1);

/// Wakes the workers of this node at once, and those of others soon.
///
/// Other nodes are told in a statement of its own after the commit, not in it: Postgres lets only one transaction at a
/// time commit a notification, in the whole cluster, so commits that carried one would wait for each other's fsync. If the
/// process ends in between, other nodes find the work by looking for it.
pub(crate) struct Wakeup {
    bell: Arc<Bell>,
    news: Arc<Notify>,
    announcer: JoinHandle<()>,
    listener: OnceLock<JoinHandle<()>>,
    channel: &'static str,
    listen_url: String,
}

impl Wakeup {
    pub(crate) fn start(pool: Arc<Pool>, channel: &'static str, listen_url: String) -> Self {
        let news = Arc::new(Notify::new());
        let announcer = tokio::spawn(announce(pool, channel, Arc::clone(&news)));
        Self { bell: Arc::new(Bell::new()), news, announcer, listener: OnceLock::new(), channel, listen_url }
    }

    /// Wakes every worker that waits or, if none does, the next one that would.
    pub(crate) fn ring(&self) {
        self.bell.ring();
        self.news.notify_one();
    }

    /// Returns when it rang here or elsewhere since this last returned. The first call begins to listen.
    pub(crate) async fn wait(&self) {
        self.listener
            .get_or_init(|| tokio::spawn(listen(self.listen_url.clone(), self.channel, Arc::clone(&self.bell))));
        self.bell.wait().await;
    }
}

impl Drop for Wakeup {
    fn drop(&mut self) {
        self.announcer.abort();
        if let Some(listener) = self.listener.get() {
            listener.abort();
        }
    }
}

impl fmt::Debug for Wakeup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeup").field("bell", &self.bell).finish_non_exhaustive()
    }
}

/// Tells other nodes the news, many at once.
async fn announce(pool: Arc<Pool>, channel: &'static str, news: Arc<Notify>) {
    loop {
        news.notified().await;
        sleep(GATHER).await;
        let told = pool.rows(sqlx::query("SELECT pg_notify($1, '')").bind(channel)).await;
        if let Err(error) = told {
            tracing::warn!(%error, "other nodes were not told of new work; they will find it by looking for it");
        }
    }
}

/// Rings the bell for work of other nodes.
async fn listen(url: String, channel: &'static str, bell: Arc<Bell>) {
    loop {
        // Whatever was committed while nobody listened is looked for.
        bell.ring();
        if let Err(error) = listen_once(&url, channel, &bell).await {
            tracing::warn!(%error, "cannot listen for new work; it is found by looking for it");
        }
        sleep(RECONNECT).await;
    }
}

async fn listen_once(url: &str, channel: &str, bell: &Bell) -> sqlx::Result<()> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(channel).await?;
    bell.ring();
    // None means that the connection was lost.
    while listener.try_recv().await?.is_some() {
        bell.ring();
    }
    Ok(())
}

/// A count of wake-ups, and how many of them were heeded. What is counted cannot be missed: not by a worker that was
/// busy meanwhile, and not by one whose wait was dropped.
#[derive(Debug)]
struct Bell {
    rung: watch::Sender<u64>,
    heeded: AtomicU64,
}

impl Bell {
    fn new() -> Self {
        Self { rung: watch::Sender::new(0), heeded: AtomicU64::new(0) }
    }

    fn ring(&self) {
        self.rung.send_modify(|count| *count += 1);
    }

    async fn wait(&self) {
        let heeded = self.heeded.load(Ordering::Acquire);
        let mut rung = self.rung.subscribe();
        // An error would mean that the sender is gone, and it lives as long as we do.
        if let Ok(count) = rung.wait_for(|count| *count > heeded).await {
            self.heeded.fetch_max(*count, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn what_rang_before_the_wait_is_heeded_once() {
        let bell = Bell::new();
        bell.ring();
        bell.ring();
        timeout(MOMENT, bell.wait()).await.unwrap();
        assert!(timeout(MOMENT, bell.wait()).await.is_err());
        // The wait that was dropped has not taken anything away.
        bell.ring();
        timeout(MOMENT, bell.wait()).await.unwrap();
    }
}
