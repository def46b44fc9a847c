//! The doctor, on both databases.

use std::process::Output;

use sk_tickets_postgres::testing::Cluster;

use crate::process::command_on;

fn run(database: &str, arguments: &[&str]) -> Output {
    let folder = std::env::temp_dir();
    command_on(database, &folder, arguments).output().expect("it runs")
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_healthy_file_is_well_and_a_broken_one_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let database = format!("sqlite:{}", path.display());
    assert!(!run(&database, &["doctor"]).status.success(), "there is nothing yet");
    assert!(run(&database, &["migrate"]).status.success());
    let well = run(&database, &["doctor"]);
    assert!(well.status.success() && says(&well).contains("the database is well"), "{well:?}");

    // A copy is one compact file. Its schema is left alone, what comes later is not.
    let copy = folder.path().join("copy.db");
    assert!(run(&database, &["backup", copy.to_str().unwrap()]).status.success());
    let mut bytes = std::fs::read(&copy).unwrap();
    let last_page = bytes.len() - 4_096;
    bytes[last_page..].fill(0xAA);
    std::fs::write(&copy, bytes).unwrap();
    let ill = run(&format!("sqlite:{}", copy.display()), &["doctor"]);
    assert!(!ill.status.success() && says(&ill).contains("the file is damaged"), "{ill:?}");
}

#[tokio::test]
async fn a_healthy_server_is_well_and_lifted_isolation_is_described() {
    let url = Cluster::shared().database().await;
    let none = run(&url, &["doctor"]);
    assert!(!none.status.success() && says(&none).contains("there is no schema"), "{none:?}");
    assert!(run(&url, &["migrate"]).status.success());
    let well = run(&url, &["doctor"]);
    assert!(well.status.success() && says(&well).contains("the database is well"), "{well:?}");

    let psql = Cluster::shared().program("psql");
    let lift = "ALTER TABLE sk_tickets.tickets NO FORCE ROW LEVEL SECURITY";
    assert!(std::process::Command::new(psql).args([&url, "-qc", lift]).status().unwrap().success());
    let ill = run(&url, &["doctor"]);
    assert!(!ill.status.success() && says(&ill).contains("table tickets has no forced row-level security"), "{ill:?}");
    let refused = run(&url, &["--listen", "127.0.0.1:0"]);
    assert!(!refused.status.success(), "a server does not start on it");
}
