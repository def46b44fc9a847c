//! How a migration changes rows, though its owner is bound by the policies too.

use sk_tickets_postgres::{PostgresStore, testing::Cluster};
use sqlx::{Connection, PgConnection};

use crate::stage::{engine, key, raw, realm, run};

/// Changes rows of every realm as the owner: lifts FORCE for its own transaction, and fails unless it has changed as
/// many rows as there are.
async fn change_all(owner: &mut PgConnection, update: &'static str, expected: u64) -> sqlx::Result<()> {
    let mut transaction = owner.begin().await?;
    sqlx::raw_sql("ALTER TABLE sk_tickets.tickets NO FORCE ROW LEVEL SECURITY").execute(&mut *transaction).await?;
    let changed = sqlx::query(update).execute(&mut *transaction).await?.rows_affected();
    assert_eq!(changed, expected);
    sqlx::raw_sql("ALTER TABLE sk_tickets.tickets FORCE ROW LEVEL SECURITY").execute(&mut *transaction).await?;
    transaction.commit().await
}

#[tokio::test]
async fn a_migration_that_changes_rows_works_under_force() {
    let superuser = Cluster::shared().database().await;
    let (_, database) = superuser.rsplit_once('/').unwrap();
    run(&superuser, &format!("CREATE ROLE migrator_of_{database} LOGIN CREATEROLE")).await;
    run(&superuser, &format!("ALTER DATABASE {database} OWNER TO migrator_of_{database}")).await;
    let url = Cluster::shared().url(&format!("migrator_of_{database}"), database);
    let store = PostgresStore::open(&url).await.unwrap();
    for tenant in ["one", "two", "three"] {
        let create = sk_tickets_core::CreateTicket::new("before").unwrap();
        engine(&store).desk(realm(tenant)).create_ticket(&key("k"), create).await.unwrap();
    }

    let update = "UPDATE sk_tickets.tickets SET subject = 'after'";
    let mut owner = raw(&url).await;
    // The trap: with FORCE in place it changes nothing, and says nothing.
    assert_eq!(sqlx::query(update).execute(&mut owner).await.unwrap().rows_affected(), 0);
    change_all(&mut owner, update, 3).await.unwrap();
    assert_eq!(sk_tickets_postgres::check(&url).await.unwrap(), [""; 0], "FORCE is back");
    for tenant in ["one", "two", "three"] {
        let desk = engine(&store).desk(realm(tenant));
        let page = desk.tickets(&sk_tickets_core::TicketFilter::ALL, &sk_tickets_core::PageRequest::first()).await;
        assert_eq!(page.unwrap().data[0].subject, "after");
    }
}
