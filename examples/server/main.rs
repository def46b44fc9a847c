//! `sk-tickets-server`: the example server. This is the composition root: the only place that sees the core, a store and
//! the HTTP adapter together.

mod backup;
mod cli;
mod client;
mod keys;
mod listen;
mod logging;
mod migrate;
mod quickstart;
mod receiver;
mod serve;
mod store;

use std::process::ExitCode;

use cli::Command;

/// What a subcommand may fail with; shown to whoever called it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::parse();
    logging::start();
    let database = &cli.database;
    let done = match cli.command {
        None => serve::run(database, cli.serve).await,
        Some(Command::Serve(serve)) => serve::run(database, serve).await,
        Some(Command::Keys(command)) => keys::run(database, command).await,
        Some(Command::Listen(listen)) => listen::run(database, listen).await,
        Some(Command::Quickstart) => quickstart::run().await,
        Some(Command::Migrate) => migrate::run(database).await,
        Some(Command::Backup { file }) => backup::run(database, &file).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprintln!("  because: {inner}");
                cause = inner.source();
            }
            ExitCode::FAILURE
        }
    }
}
