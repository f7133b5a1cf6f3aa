//! The program: read the arguments and the configuration, build the state, start the workers, wait for the end.

mod args;
mod environment;
mod logging;
mod reload;
mod run;
mod setup;
mod watch;
mod workers;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let _logging = logging::Logging;
    let args = Args::parse();
    let done = match &args.command {
        Some(Command::Check) => setup::check(&args),
        None => run::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            logging::say(&format!("bosporus: {error}"));
            ExitCode::FAILURE
        }
    }
}
