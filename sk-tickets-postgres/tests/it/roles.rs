//! Who may serve, and starting up: by one, by many, by those who may not.

use std::error::Error;

use sk_tickets_core::{CreateTicket, PageRequest, store::Directory};
use sk_tickets_postgres::{PostgresOptions, PostgresStore, check, migrate, testing::Cluster};
use sqlx::AssertSqlSafe;

use crate::stage::{Stage, app_url, engine, key, raw, realm, run};

/// Opening fails for this reason, and the check says the same.
async fn assert_refused(url: &str, reason: &str) {
    let error = PostgresStore::open(url).await.unwrap_err();
    assert!(error.retry_after().is_none(), "{error:?}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains(reason), "{cause}");
    let findings = check(url).await.unwrap();
    assert!(findings.iter().any(|finding| finding.contains(reason)), "{findings:?}");
}

async fn migrated() -> String {
    let url = Cluster::shared().database().await;
    migrate(&url).await.unwrap();
    url
}

/// A login of its own in the cluster, with these attributes; answers its URL.
async fn login(url: &str, name: &str, attributes: &str) -> String {
    run(url, &format!("CREATE ROLE {name} LOGIN {attributes}")).await;
    Cluster::shared().url(name, url.rsplit_once('/').unwrap().1)
}

#[tokio::test]
async fn all_is_well_with_a_fresh_database() {
    let url = migrated().await;
    assert_eq!(check(&url).await.unwrap(), [""; 0]);
    let app = app_url(&url).await;
    assert_eq!(check(&app).await.unwrap(), [""; 0]);
}

/// The application role's own login needs nothing else, and has its time-outs from the role.
#[tokio::test]
async fn the_application_role_can_serve_by_itself() {
    let url = app_url(&migrated().await).await;
    let store = PostgresStore::open(&url).await.unwrap();
    store.ping().await.unwrap();
    let desk = engine(&store).desk(realm("acme"));
    let made = desk.create_ticket(&key("k"), CreateTicket::new("Part delayed").unwrap()).await.unwrap().value;
    assert!(desk.ticket(made.id).await.unwrap().is_some());
    let mut session = raw(&url).await;
    for (setting, expected) in [
        ("statement_timeout", "30s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("jit", "off"),
    ] {
        let value: String =
            sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut session).await.unwrap();
        assert_eq!(value, expected, "{setting}");
    }
}

/// It can make nothing; where there is nothing to make, that is no matter.
#[tokio::test]
async fn the_application_role_can_migrate_what_is_up_to_date() {
    let url = migrated().await;
    migrate(&app_url(&url).await).await.unwrap();

    run(&url, "DELETE FROM sk_tickets.schema_version WHERE version > 1").await;
    let empty = Cluster::shared().database().await;
    for url in [app_url(&url).await, app_url(&empty).await] {
        for failed in [migrate(&url).await, PostgresStore::open(&url).await.map(|_| ())] {
            let cause = failed.unwrap_err().source().unwrap().to_string();
            assert!(cause.contains("migrate"), "{cause}");
        }
        let cause = migrate(&url).await.unwrap_err().source().unwrap().to_string();
        assert!(cause.contains("migrate with the owner's URL first"), "{cause}");
    }
}

/// An owner without a superuser's rights can make all of it, and is bound by the policies.
#[tokio::test]
async fn an_ordinary_owner_is_enough() {
    let superuser = Cluster::shared().database().await;
    let (_, database) = superuser.rsplit_once('/').unwrap();
    let owner = login(&superuser, &format!("owner_of_{database}"), "CREATEROLE").await;
    run(&superuser, &format!("ALTER DATABASE {database} OWNER TO owner_of_{database}")).await;
    let store = PostgresStore::open(&owner).await.unwrap();
    let desk = engine(&store).desk(realm("acme"));
    desk.create_ticket(&key("k"), CreateTicket::new("Part delayed").unwrap()).await.unwrap();
    assert_eq!(desk.events(&PageRequest::first()).await.unwrap().data.len(), 1);
    let seen: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sk_tickets.tickets").fetch_one(&mut raw(&owner).await).await.unwrap();
    assert_eq!(seen, 0, "row-level security is forced");
}

#[tokio::test]
async fn a_role_that_bypasses_the_guard_is_refused() {
    let url = migrated().await;
    let (_, database) = url.rsplit_once('/').unwrap();
    let bypassing = login(&url, &format!("bypassing_{database}"), "BYPASSRLS IN ROLE sk_tickets_app").await;
    assert_refused(&bypassing, "BYPASSRLS").await;
    let seeing = login(&url, &format!("seeing_{database}"), "IN ROLE sk_tickets_app, sk_tickets_worker").await;
    assert_refused(&seeing, "sees all realms").await;
    let redacting = login(&url, &format!("redacting_{database}"), "IN ROLE sk_tickets_app, sk_tickets_redactor").await;
    assert_refused(&redacting, "changes what is append-only").await;
    let stranger = login(&url, &format!("stranger_{database}"), "").await;
    assert_refused(&stranger, "no schema that this role may use").await;
}

#[tokio::test]
async fn a_role_that_owns_a_table_is_refused() {
    let url = migrated().await;
    run(&url, "ALTER TABLE sk_tickets.tickets OWNER TO sk_tickets_app").await;
    assert_refused(&url, "owns table tickets").await;
    assert_refused(&app_url(&url).await, "owns table tickets").await;
}

#[tokio::test]
async fn a_table_without_its_guard_is_refused() {
    let url = migrated().await;
    run(&url, "ALTER TABLE sk_tickets.claims NO FORCE ROW LEVEL SECURITY").await;
    assert_refused(&url, "table claims has no forced row-level security").await;
    run(&url, "ALTER TABLE sk_tickets.claims FORCE ROW LEVEL SECURITY").await;
    run(&url, "CREATE POLICY all_of_it ON sk_tickets.claims USING (true)").await;
    assert_refused(&url, "policy all_of_it on table claims is not ours").await;
    run(&url, "DROP POLICY all_of_it ON sk_tickets.claims; ALTER POLICY realm ON sk_tickets.claims USING (true)").await;
    assert_refused(&url, "policy realm on table claims does not compare the realm").await;
    run(&url, "ALTER TABLE sk_tickets.events DISABLE TRIGGER append_only").await;
    assert_refused(&url, "table events has no trigger that keeps it append-only").await;
    run(&url, "ALTER FUNCTION sk_tickets.redact SECURITY INVOKER").await;
    assert_refused(&url, "function redact").await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let url = migrated().await;
    run(&url, "INSERT INTO sk_tickets.schema_version VALUES (1000)").await;
    assert_refused(&app_url(&url).await, "newer").await;
    let error = PostgresStore::open(&url).await.unwrap_err();
    assert!(error.source().unwrap().to_string().contains("newer"));
}

#[tokio::test]
async fn an_older_schema_is_refused_where_it_cannot_be_changed() {
    let url = migrated().await;
    run(&url, "DELETE FROM sk_tickets.schema_version WHERE version > 1").await;
    assert_refused(&app_url(&url).await, "older").await;
}

/// Roles belong to the cluster, so this takes one in which there are none yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_databases_of_a_new_cluster_can_be_migrated_at_once() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap().unwrap();
    let mut urls = Vec::new();
    for _ in 0..10 {
        urls.push(cluster.database().await);
    }
    let migrating: Vec<_> = urls.iter().cloned().map(|url| tokio::spawn(async move { migrate(&url).await })).collect();
    for one in migrating {
        one.await.unwrap().unwrap();
    }
    for url in urls {
        assert_eq!(check(&url).await.unwrap(), [""; 0]);
    }
}

/// In a cluster of its own, since there is one application role in each.
#[tokio::test]
async fn a_superuser_is_refused() {
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap().unwrap();
    let url = cluster.database().await;
    migrate(&url).await.unwrap();
    run(&url, "ALTER ROLE sk_tickets_worker SUPERUSER").await;
    assert_refused(&url, "role sk_tickets_worker is a superuser").await;
    run(&url, "ALTER ROLE sk_tickets_app SUPERUSER").await;
    assert_refused(&url, "role sk_tickets_app is a superuser").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_nodes_can_open_a_new_database_at_once() {
    let url = Cluster::shared().database().await;
    let opening: Vec<_> = (0..10).map(|_| tokio::spawn(PostgresOptions::new(&url).pool(1).open())).collect();
    for store in opening {
        store.await.unwrap().unwrap().ping().await.unwrap();
    }
    let versions: i64 = sqlx::query_scalar("SELECT count(*) FROM sk_tickets.schema_version")
        .fetch_one(&mut raw(&url).await)
        .await
        .unwrap();
    assert_eq!(versions, 5);
}

/// Neither options nor stores nor errors show a password.
#[tokio::test]
async fn a_password_is_never_shown() {
    let stage = Stage::set().await;
    let secret = "hunter2";
    let urls = [
        format!("postgres://nobody:{secret}@127.0.0.1:1/none"),
        format!("postgres://nobody:{secret}@127.0.0.1:notaport/none"),
        stage.url.replace("postgres@", &format!("stranger:{secret}@")),
    ];
    for url in urls {
        assert!(!format!("{:?}", PostgresOptions::new(&url).listen_url(&url)).contains(secret));
        let error = PostgresStore::open(&url).await.unwrap_err();
        let mut shown = format!("{error} {error:?}");
        let mut cause: Option<&dyn Error> = Some(&error);
        while let Some(error) = cause {
            shown += &format!(" {error} {error:?}");
            cause = error.source();
        }
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(!format!("{:?}", stage.store).contains("postgres@"));
}

/// The application role reaches tenants, settings and keys through functions only, and no hash comes out.
#[tokio::test]
async fn what_is_known_before_a_realm_is_behind_doors() {
    let stage = Stage::set().await;
    let mut app = raw(&app_url(&stage.url).await).await;
    for table in ["tenants", "settings", "api_keys"] {
        let sql = format!("SELECT count(*) FROM sk_tickets.{table}");
        let refused: sqlx::Result<i64> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut app).await;
        assert!(refused.is_err(), "{table}");
    }
    let shown: Vec<String> =
        sqlx::query_scalar("SELECT k::text FROM sk_tickets.api_keys(NULL) AS k").fetch_all(&mut app).await.unwrap();
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|key| !key.contains("\\x")), "{shown:?}");
}
