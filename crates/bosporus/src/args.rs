//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::seed_flags::{self, Found};

/// One program between AI clients and AI providers.
#[derive(Debug, Parser)]
#[command(name = "bosporus", version, about, args_conflicts_with_subcommands = false, after_help = AFTER)]
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
    /// How a change of the configuration file is noticed.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub(crate) watch: Watching,
    /// Set one setting of the file, such as routing.strategy=fill-first; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
    /// What the start parameters of other programs said.
    #[arg(skip)]
    pub(crate) seeds: Found,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const AFTER: &str = "\
Every setting of the file can also be set by --set or by the environment, as BOSPORUS_SECTION__KEY, or in a .env file
in this folder. A flag wins over the environment, the environment over .env, and all over the file.
Start parameters of AIClient-2-API and CLIProxyAPI are understood, too; docs/configuration.md lists them.";

impl Args {
    /// Reads the command line; ends the process where it makes no sense or only asks for help.
    pub(crate) fn read(line: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let (line, seeds) = seed_flags::split(line)?;
        Ok(Self { seeds, ..Self::parse_from(line) })
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a setting is written KEY=VALUE")?;
    Ok((format!("--{}", key.trim()), value.to_owned()))
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read the configuration, say what is wrong or not used with it, and exit.
    Check,
    /// Read a client key from standard input and print what `key-hash` takes instead of it.
    HashKey,
    /// Move over from another program with the files that it left: one configuration file, its account files, and a
    /// report on what has no counterpart. Exits with 0 when everything has its place, 3 when something wants to be looked
    /// at, 2 when it failed.
    Import {
        /// Which program.
        #[command(subcommand)]
        from: crate::import::From,
    },
    /// Say which accounts would answer a request for a model, in what order, who would not and why, and what a failure
    /// would do next. No provider is asked. A running gateway tells what it has learned of its accounts; where none
    /// answers, the configuration alone decides.
    Explain(Explain),
}

/// What is to be explained, and by whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The model, as a client would name it.
    pub(crate) model: String,
    /// With what the client key of this label may reach.
    #[arg(long, value_name = "LABEL")]
    pub(crate) key: Option<String>,
    /// What the client speaks: openai, responses, claude, gemini or ollama.
    #[arg(long, value_name = "NAME")]
    pub(crate) dialect: Option<String>,
    /// What is asked for: generate, count-tokens, embed, image-generation, ...
    #[arg(long, value_name = "WHAT")]
    pub(crate) operation: Option<String>,
    /// The provider that the path or the header would name.
    #[arg(long, value_name = "ID")]
    pub(crate) provider: Option<String>,
    /// The conversation, as the header X-Session-ID would tell it.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// The gateway to ask, instead of the one at the configuration's address.
    #[arg(long, value_name = "URL", conflicts_with = "offline")]
    pub(crate) server: Option<String>,
    /// Ask no gateway: the configuration alone.
    #[arg(long)]
    pub(crate) offline: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How a change of the configuration file is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Watching {
    /// By the system's notifications, and by a look every two seconds.
    Auto,
    /// By the look alone, where notifications cost too much or lie.
    Poll,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}
