//! The document by tools that others made: a validator of documents, and a fuzzer that asks the server whatever the
//! document says can be asked.

use std::{env, fs, path::Path};

use serde_json::Value;
use sk_tickets_postgres::testing::Cluster;

use crate::{
    process::Server,
    say::say,
    tools::{python_tool, root, run},
};

/// How many cases each operation gets at most in a phase; `SCHEMATHESIS_EXAMPLES` says otherwise.
fn examples() -> String {
    env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| "15".to_owned())
}

/// Where chance begins; `SCHEMATHESIS_SEED` says otherwise.
fn seed() -> String {
    env::var("SCHEMATHESIS_SEED").unwrap_or_else(|_| "1".to_owned())
}

#[test]
fn the_document_keeps_to_the_specification() {
    let document = root().join("sk-tickets-http/openapi.json");
    run(python_tool("openapi-spec-validator").args(["--schema", "3.1"]).arg(document));
}

#[test]
fn sqlite_does_what_the_document_says() {
    fuzz("SQLite", "sqlite:tickets.db");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_does_what_the_document_says() {
    let url = Cluster::shared().database().await;
    tokio::task::spawn_blocking(move || fuzz("Postgres", &url)).await.unwrap();
}

fn fuzz(store: &str, database: &str) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_on(database, folder.path(), "127.0.0.1:0", &[]);
    let document = folder.path().join("openapi.json");
    fs::write(&document, server.get("/openapi.json").body).unwrap();
    let served: Value = serde_json::from_slice(&fs::read(&document).unwrap()).unwrap();
    let operations: usize =
        served["paths"].as_object().unwrap().values().map(|item| item.as_object().unwrap().len()).sum();

    let report = schemathesis(&server, &document);

    let number = |of: &str, what: &str| report[of][what].as_u64().unwrap();
    let (tested, cases) = (number("operations", "tested"), number("test_cases", "generated"));
    let (failures, filtered) = (number("test_cases", "unique_failures"), report["filtered"].as_u64().unwrap());
    say(&format!(
        "schemathesis on {store}: {tested} operations, {cases} cases, {failures} failures ({filtered} refusals were \
         explained), {:.0} s",
        report["running_time"].as_f64().unwrap()
    ));
    assert!(filtered > 0, "the exceptions are in force");
    assert_eq!(usize::try_from(tested).unwrap(), operations, "every operation was asked");
    assert!(cases >= 1_000, "only {cases} cases");
    for phase in ["examples", "coverage", "fuzzing", "stateful"] {
        assert_eq!(report["phases"][phase]["status"], "success", "{phase}: {report:#}");
    }
    assert_eq!((failures, &report["errors"]), (0, &serde_json::json!([])), "{report:#}");
}

/// Runs the fuzzer on a document; its report.
fn schemathesis(server: &Server, document: &Path) -> Value {
    let report = document.with_file_name("report.json");
    let configuration = root().join("examples/tests/openapi");
    let output = python_tool("schemathesis")
        // Where it leaves what it remembers.
        .current_dir(document.parent().unwrap())
        .env("SK_TICKETS_URL", format!("http://{}", server.authority))
        .env("SK_TICKETS_KEY", &server.key)
        .env("SCHEMATHESIS_HOOKS", configuration.join("exceptions.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("--config-file")
        .arg(configuration.join("schemathesis.toml"))
        .args(["run", "--seed", &seed(), "--max-examples", &examples()])
        .args(["--report", "json", "--report-json-path"])
        .args([&report, document])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&fs::read(report).unwrap()).unwrap()
}
