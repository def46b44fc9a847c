//! `sk-tickets-server`: the example server. This is the composition root: the only place that sees the core, a store and
//! the HTTP adapter together.

mod backup;
mod cli;
mod client;
mod dead_letters;
mod demo;
mod descriptors;
mod doctor;
mod keys;
mod listen;
mod logging;
mod mail;
mod mcp;
mod migrate;
mod openapi;
mod progress;
mod quickstart;
mod receiver;
mod reseal;
mod secrets;
mod serve;
mod stop;
mod store;
mod worker;

use std::process::ExitCode;

use cli::Command;

/// What a subcommand may fail with; shown to whoever called it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::parse();
    logging::start();
    let location = &cli.location;
    let done = match cli.command {
        None => serve::run(location, cli.serve).await,
        Some(Command::Serve(serve)) => serve::run(location, serve).await,
        Some(Command::Keys(command)) => keys::run(location, command).await,
        Some(Command::Listen(listen)) => listen::run(location, listen).await,
        Some(Command::Quickstart) => quickstart::run().await,
        Some(Command::Worker(worker)) => worker::run(location, worker).await,
        Some(Command::DeadLetters(command)) => dead_letters::run(location, command).await,
        Some(Command::Reseal) => reseal::run(location).await,
        Some(Command::Migrate) => migrate::run(location).await,
        Some(Command::Mcp(mcp)) => mcp::run(location, mcp).await,
        Some(Command::Openapi) => openapi::run(),
        Some(Command::Doctor(options)) => doctor::run(location, &options).await,
        Some(Command::Backup { file }) => backup::run(location, &file).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

/// Says what went wrong, and why as far as each cause has something to add.
fn complain(error: &(dyn std::error::Error + 'static)) {
    let mut said = error.to_string();
    eprintln!("error: {said}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !said.contains(&text) {
            eprintln!("  because: {text}");
            said = text;
        }
        cause = inner.source();
    }
}
