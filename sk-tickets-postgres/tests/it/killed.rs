//! Connections that are cut while they work, or that wait too long.

use std::{sync::Arc, time::Duration};

use sk_tickets_core::{CreateTicket, PageRequest, TicketFilter, TicketId};
use sk_tickets_postgres::PostgresOptions;
use sqlx::{Connection, Executor};
use tokio::sync::Notify;

use crate::stage::{Stage, engine, key, raw};

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
