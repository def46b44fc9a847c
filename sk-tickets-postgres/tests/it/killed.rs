//! Connections that are cut while they work, or that wait too long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sk_tickets_core::{
    CreateTicket, PageRequest, SendError, TicketFilter, TicketId, WebhookReply, WebhookRequest, WebhookSender,
    store::DeliveryQueue,
};
use sk_tickets_postgres::PostgresOptions;
use sqlx::{Connection, Executor};
use tokio::sync::Notify;

use crate::stage::{Stage, engine, key, raw, run};

const CALLERS: usize = 8;
const EACH: usize = 20;

/// Whoever is cut off is told to try again, and whoever tries again has done it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_a_lost_connection_has_one_effect() {
    let stage = Stage::set().await;
    let (url, stop) = (stage.url.clone(), Arc::new(Notify::new()));
    let stopped = Arc::clone(&stop);
    let killer = tokio::spawn(async move {
        let mut superuser = raw(&url).await;
        // Longer each time: on a machine that has much else to do, a new connection is of no use for long.
        for pause in (100..).step_by(10).map(Duration::from_millis) {
            let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND application_name = 'sk-tickets'";
            superuser.execute(kill).await.unwrap();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped.notified() => return,
            }
        }
    });

    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let desk = stage.mine.clone();
            tokio::spawn(async move {
                let mut retries = 0;
                for number in 0..EACH {
                    let key = key(&format!("{caller}-{number}"));
                    while let Err(error) = desk.create_ticket(&key, CreateTicket::new("once").unwrap()).await {
                        assert!(error.retry_after().is_some(), "{error:?}");
                        retries += 1;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                }
                retries
            })
        })
        .collect();
    let mut retries = 0;
    for caller in callers {
        retries += caller.await.unwrap();
    }
    stop.notify_one();
    killer.await.unwrap();
    assert!(retries > 0, "nobody was ever cut off");

    let mut made = 0;
    let mut request = PageRequest::first().limit(100);
    loop {
        let Ok(page) = stage.mine.tickets(&TicketFilter::ALL, &request).await else { continue };
        made += page.data.iter().filter(|ticket| ticket.subject == "once").count();
        let Some(cursor) = page.next_cursor else { break };
        request = request.after(cursor);
    }
    assert_eq!(made, CALLERS * EACH);
}

/// Ends the connection that settles an attempt first.
const CUT_OFF: &str = "
    CREATE SEQUENCE settlements;
    CREATE FUNCTION cut_off() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
        IF nextval('public.settlements') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER cut_off AFTER INSERT ON sk_tickets.delivery_attempts FOR EACH STATEMENT EXECUTE FUNCTION cut_off()";

/// Says yes, and counts.
#[derive(Debug, Default)]
struct Thanks(AtomicU64);

#[async_trait]
impl WebhookSender for Thanks {
    async fn send(&self, _: WebhookRequest) -> Result<WebhookReply, SendError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(WebhookReply { status_code: 200, retry_after: None, body: Vec::new() })
    }
}

/// Who loses the connection while it settles does so on another one: nothing is sent twice for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_is_settled_though_a_connection_is_lost() {
    let stage = Stage::set().await;
    run(&stage.url, CUT_OFF).await;
    let waiting = stage.store.backlog().await.unwrap().pending;
    let thanks = Arc::new(Thanks::default());
    let dispatcher = engine(&stage.store).dispatcher(Arc::clone(&thanks) as Arc<dyn WebhookSender>);
    let all_settled = async {
        while stage.store.backlog().await.unwrap().pending > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    dispatcher.run(all_settled).await;
    let settlements: i64 =
        sqlx::query_scalar("SELECT last_value FROM settlements").fetch_one(&mut raw(&stage.url).await).await.unwrap();
    assert!(settlements > 1, "nobody was cut off");
    assert_eq!(thanks.0.load(Ordering::Relaxed), waiting);
}

/// Whoever waits for a lock or for a connection is told to try again, and then finds all as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_long_is_unavailable() {
    let stage = Stage::set().await;
    let store = PostgresOptions::new(&stage.url).pool(1).open().await.unwrap();
    let desk = engine(&store).desk(stage.mine.realm().clone());
    let mut superuser = raw(&stage.url).await;
    let mut transaction = superuser.begin().await.unwrap();
    transaction.execute("LOCK TABLE sk_tickets.tickets").await.unwrap();
    let id = TicketId::from_bytes([1; 16]);
    let (left, right) = tokio::join!(desk.ticket(id), desk.ticket(id));
    for error in [left.unwrap_err(), right.unwrap_err()] {
        assert!(error.is_unavailable(), "{error:?}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    }
    transaction.rollback().await.unwrap();
    assert_eq!(desk.ticket(id).await.unwrap(), None);
}
