//! The program: read the arguments and the configuration, build the state, start the workers, wait for the end.

mod accounts;
mod args;
mod bell;
mod environment;
mod explain;
mod hash_key;
mod import;
mod keeper;
mod logging;
mod pool_files;
mod reload;
mod run;
mod seed_environment;
mod seed_flags;
mod setup;
mod vertex_import;
mod watch;
mod workers;

use std::process::ExitCode;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let _logging = logging::Logging;
    match Args::read(std::env::args_os()).and_then(|args| start(&args)) {
        Ok(code) => code,
        Err(error) => {
            logging::say(&format!("bosporus: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<ExitCode, String> {
    // The `.env` file of an old installation is read as one of its files, and not as settings of ours.
    if !matches!(args.command, Some(Command::Import { .. })) {
        environment::load()?;
    }
    args.seeds.notes.iter().for_each(|note| logging::say(&format!("note: {note}")));
    if let (Some(brought), None) = (&args.seeds.brought, &args.command) {
        return vertex_import::run(args, brought);
    }
    if args.command.is_none() {
        seed_environment::notes().iter().for_each(|note| logging::say(&format!("note: {note}")));
    }
    match &args.command {
        Some(Command::Check) => setup::check(args),
        Some(Command::HashKey) => hash_key::run(),
        Some(Command::Import { from }) => Ok(import::run(args, from)),
        Some(Command::Explain(wanted)) => explain::run(args, wanted),
        None => run::run(args),
    }
}
