//! Runs the benches one after the other, and writes what they tell into `benches/README.md` and `docs/performance`. A bench
//! that fails keeps no other from running; the process tells so at its end.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread::{available_parallelism, sleep},
    time::{Duration, Instant},
};

use clap::Parser;
use sk_tickets_benches::{
    POSTGRES_TICKETS, ROUNDS, STORE, TICKETS,
    plot::{growth_plot, ratio_plot},
    record::OUT,
    report::{Report, put},
    table,
};

/// Measures SK Tickets, each thing beside its floor.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench")]
struct Options {
    /// How things grow with the number of tickets, and memory, too: some 20 minutes more
    #[arg(long)]
    all: bool,
    /// How to build: `bench` to measure, `dev` to try something out
    #[arg(long, default_value = "bench", value_name = "PROFILE")]
    profile: String,
    /// Only these benches, separated by commas; figures are written of a set that is measured as a whole
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Keeps the large `SQLite` store here, and takes the one that is here [default: a folder that is removed]
    #[arg(long, value_name = "FOLDER")]
    store: Option<PathBuf>,
    /// How many tickets the large `SQLite` store has
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    tickets: u32,
    /// How many tickets the large Postgres store has
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    postgres_tickets: u32,
}

const QUICK: [&str; 7] = ["sign", "sqlite", "http", "queue_position", "postgres", "helpdesk", "webhooks"];
const LONG: [&str; 2] = ["growth", "memory"];
/// After this a bench hangs.
const PATIENCE: Duration = Duration::from_secs(3 * 60 * 60);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no folder above")?;
    let programs = build(root, &options.profile)?;
    let out = tempfile::tempdir()?;
    let temporary = tempfile::tempdir()?;
    let store = options.store.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(store)?;

    let names: Vec<&str> = match options.only.as_slice() {
        [] if options.all => QUICK.into_iter().chain(LONG).collect(),
        [] => QUICK.to_vec(),
        only => only.iter().map(String::as_str).collect(),
    };
    let rustc = ("rustc".to_owned(), rustc()?);
    let mut quick = Report { versions: vec![rustc.clone()], ..Report::default() };
    let mut long = Report { versions: vec![rustc], ..Report::default() };
    let began = Instant::now();
    for &name in &names {
        println!("\n== {name} ({} s)", began.elapsed().as_secs());
        let records = out.path().join(name);
        let program = programs.get(name).ok_or_else(|| format!("there is no bench {name}"))?;
        let mut command = Command::new(program);
        command.current_dir(root).env(OUT, &records).env(STORE, store);
        command.env(TICKETS, options.tickets.to_string()).env(POSTGRES_TICKETS, options.postgres_tickets.to_string());
        let report = if LONG.contains(&name) { &mut long } else { &mut quick };
        let failures = report.failures.len();
        let ended = run(&mut command);
        // What was told before the end counts, whatever the end was.
        let read = report.read(&fs::read_to_string(records).unwrap_or_default());
        let ended = ended.and_then(|()| Ok(read?));
        if let Err(error) = ended
            && report.failures.len() == failures
        {
            report.failures.push((format!("bench {name}"), error.to_string()));
        }
    }

    let folder = root.join("docs/performance");
    fs::create_dir_all(&folder)?;
    let path = root.join("benches/README.md");
    let mut readme = fs::read_to_string(&path)?;
    for (name, report, set) in [("rows", &quick, &QUICK[..]), ("large", &long, &LONG[..])] {
        let is_whole = set.iter().all(|one| names.contains(one));
        for section in sections(name, report) {
            println!("\n{}", section.text);
            if is_whole {
                readme = put(&readme, &section.name, &section.text)?;
                fs::write(folder.join(format!("{}.svg", section.name)), section.plot)?;
            }
        }
    }
    fs::write(path, readme)?;
    println!("\ntook {} s", began.elapsed().as_secs());
    let failures: Vec<_> = quick.failures.iter().chain(&long.failures).collect();
    for (what, why) in &failures {
        eprintln!("FAILED: {what}: {why}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A part of the figures: it stands between markers of its name, and its plot in a file of its name.
struct Section {
    name: String,
    text: String,
    plot: String,
}

/// What a report has: the rows, and how things grow in each store. Nothing of what was not measured.
fn sections(name: &str, report: &Report) -> Vec<Section> {
    if report.rows.is_empty() && report.growths.is_empty() && report.failures.is_empty() {
        return Vec::new();
    }
    let cores = available_parallelism().map_or(0, usize::from);
    let setting = report.setting(cores, ROUNDS);
    let mut sections = vec![Section {
        name: name.to_owned(),
        text: format!("{setting}:\n\n{}", report.rows_table()),
        plot: ratio_plot(&report.rows),
    }];
    for store in report.stores() {
        let growths = report.growths_of(store);
        sections.push(Section {
            name: format!("growth-{}", store.to_lowercase()),
            text: format!("{setting}:\n\n{}", table::growths(&growths)),
            plot: growth_plot(store, &growths),
        });
    }
    sections
}

/// Builds the server and the benches; answers the benches' programs by name.
fn build(root: &Path, profile: &str) -> Result<HashMap<String, PathBuf>, Box<dyn Error>> {
    // The server by itself: together, it would get what only benches ask for.
    let release = if profile == "bench" { "release" } else { profile };
    cargo(root, &["build", "-p", "sk-tickets-examples", "--bin", "sk-tickets-server", "--profile", release])?;
    let benches = [
        "bench",
        "-p",
        "sk-tickets-benches",
        "--no-run",
        "--message-format",
        "json",
        "--profile",
        profile,
        "--benches",
    ];
    let messages = cargo(root, &benches)?;
    let mut programs = HashMap::new();
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        if let (Some("bench"), Some(name), Some(program)) =
            (message["target"]["kind"][0].as_str(), message["target"]["name"].as_str(), message["executable"].as_str())
        {
            programs.insert(name.to_owned(), program.into());
        }
    }
    Ok(programs)
}

/// What cargo says on standard output.
fn cargo(root: &Path, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root).args(arguments).stderr(Stdio::inherit());
    // What the cargo that runs us says of this package; build scripts would take it for a change.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
    let done = command.output()?;
    if !done.status.success() {
        return Err(format!("cargo {} failed", arguments.join(" ")).into());
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// Runs a bench to its end, or to that of our patience.
fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let mut bench = command.spawn()?;
    loop {
        match bench.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(status.to_string().into()),
            None if began.elapsed() > PATIENCE => {
                bench.kill()?;
                bench.wait()?;
                return Err("it hangs".into());
            }
            None => sleep(Duration::from_millis(50)),
        }
    }
}

fn rustc() -> Result<String, Box<dyn Error>> {
    let version = String::from_utf8(Command::new("rustc").arg("--version").output()?.stdout)?;
    Ok(version.split(' ').nth(1).ok_or("rustc has no version")?.to_owned())
}
