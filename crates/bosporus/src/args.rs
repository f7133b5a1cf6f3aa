//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// One program between AI clients and AI providers.
#[derive(Debug, Parser)]
#[command(name = "bosporus", version, about, args_conflicts_with_subcommands = false)]
pub(crate) struct Args {
    /// The configuration file. Without one, config.yaml in this folder, then in the user's configuration folder.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen on this address instead of the file's.
    #[arg(long, global = true)]
    pub(crate) host: Option<String>,
    /// Listen on this port instead of the file's; 0 takes a free one.
    #[arg(long, global = true)]
    pub(crate) port: Option<u16>,
    /// How log lines are written, instead of what the file says.
    #[arg(long, global = true, value_enum)]
    pub(crate) log_format: Option<Format>,
    /// How many worker threads serve; as many as there are cores by default.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the configuration, say what is wrong or not used with it, and exit.
    Check,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}
