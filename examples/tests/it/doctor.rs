//! The doctor, on both databases.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    process::{Command, Output},
};

use sk_tickets_postgres::testing::Cluster;

use crate::process::{SERVER, command_on};

/// An account without rights.
const NOBODY: u32 = 65_534;

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
    assert!(well.stderr.is_empty(), "it changes nothing, and says nothing of the kind: {well:?}");

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

/// As an account that is not root, whom no permission binds.
#[test]
fn a_file_that_cannot_be_written_is_described_and_not_served_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let database = format!("sqlite:{}", path.display());
    assert!(run(&database, &["migrate"]).status.success());
    let program = folder.path().join("server");
    fs::copy(SERVER, &program).unwrap();
    for (file, mode) in [(folder.path(), 0o777), (program.as_path(), 0o755), (path.as_path(), 0o444)] {
        fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
    }
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir("/").args(["--database", &database]).args(arguments);
        if is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.output().unwrap()
    };
    let ill = run(&["doctor"]);
    assert!(!ill.status.success() && says(&ill).contains("- the file cannot be written"), "{ill:?}");
    let refused = run(&["--listen", "127.0.0.1:0"]);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the file cannot be written"), "{refused:?}");
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
    assert!(Command::new(psql).args([&url, "-qc", lift]).status().unwrap().success());
    let ill = run(&url, &["doctor"]);
    assert!(!ill.status.success() && says(&ill).contains("table tickets has no forced row-level security"), "{ill:?}");
    let refused = run(&url, &["--listen", "127.0.0.1:0"]);
    assert!(!refused.status.success(), "a server does not start on it");
}

#[tokio::test]
async fn a_role_for_backups_is_told_from_one_that_lacks_something() {
    let cluster = Cluster::shared();
    let url = cluster.database().await;
    assert!(run(&url, &["migrate"]).status.success());
    let (_, database) = url.rsplit_once('/').unwrap();
    cluster.execute(&url, "CREATE ROLE backup LOGIN BYPASSRLS IN ROLE pg_read_all_data").await;
    cluster.execute(&url, "CREATE ROLE reader LOGIN IN ROLE pg_read_all_data").await;
    cluster.execute(&url, "CREATE ROLE blind LOGIN BYPASSRLS").await;
    cluster.execute(&url, "CREATE ROLE writer LOGIN BYPASSRLS IN ROLE pg_read_all_data, pg_write_all_data").await;

    let backup = cluster.url("backup", database);
    let good = run(&backup, &["doctor"]);
    assert!(good.status.success() && says(&good).contains("good for a backup with pg_dump"), "{good:?}");
    let dumped = Command::new(cluster.program("pg_dump")).arg(&backup).output().unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    assert!(!run(&backup, &["--listen", "127.0.0.1:0"]).status.success(), "a server does not start as it");

    for (role, lack) in [
        ("reader", "nor BYPASSRLS, to be shown every row by pg_dump"),
        ("blind", "such as api_keys: GRANT pg_read_all_data to it"),
        ("writer", "such as api_keys, and a backup only reads"),
    ] {
        let url = cluster.url(role, database);
        let ill = run(&url, &["doctor"]);
        assert!(!ill.status.success() && says(&ill).contains(lack), "{ill:?}");
        assert!(!run(&url, &["--listen", "127.0.0.1:0"]).status.success(), "{role} does not serve");
    }
}
