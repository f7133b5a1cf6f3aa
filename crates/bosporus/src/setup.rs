//! Finds, reads or creates the configuration, and says what is wrong with it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use config::{Colour, Config, Fresh, LogFormat, Report};

use crate::args::{Args, Format};
use crate::{environment, logging};

/// A configuration that may be used.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) path: PathBuf,
    /// The keys of a file that was written just now, to be shown once.
    pub(crate) fresh: Option<Fresh>,
}

/// Reads the configuration; writes one first where there is none.
pub(crate) fn load(args: &Args) -> Result<Setup, String> {
    let places = places(args);
    let (path, fresh) = match config::find(&places) {
        Some(path) => (path.to_path_buf(), None),
        None => {
            let path = places.first().ok_or("there is no place for a configuration file")?;
            (path.clone(), Some(create(path)?))
        }
    };
    let (config, report) = read(&path, args)?;
    tell(&report);
    let config = config.ok_or_else(|| format!("{} cannot be used as it is", path.display()))?;
    Ok(Setup { config, path, fresh })
}

/// `bosporus check`: 0 when the file may be used, 1 when not.
pub(crate) fn check(args: &Args) -> Result<ExitCode, String> {
    let places = places(args);
    let path = config::find(&places).ok_or("there is no configuration file to check")?;
    let (config, report) = read(path, args)?;
    tell(&report);
    match config {
        Some(config) => {
            let app = gateway::App::new(config).map_err(|error| error.to_string())?;
            logging::say(&format!("{} is fine: {} models can be called", path.display(), app.snapshot().model_count()));
            Ok(ExitCode::SUCCESS)
        }
        None => {
            logging::say(&format!("{}: {} errors", path.display(), report.errors.len()));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn places(args: &Args) -> Vec<PathBuf> {
    let (xdg, home) = (environment::folder("XDG_CONFIG_HOME"), environment::folder("HOME"));
    config::places(args.config.as_deref(), Path::new(""), xdg.as_deref(), home.as_deref())
}

fn create(path: &Path) -> Result<Fresh, String> {
    let mut failed = false;
    let fresh = config::fresh(|bytes| failed |= getrandom::fill(bytes).is_err());
    if failed {
        return Err("the operating system gives no random numbers; no keys were made".to_owned());
    }
    config::write_new(path, fresh.yaml.expose())
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(fresh)
}

fn read(path: &Path, args: &Args) -> Result<(Option<Config>, Report), String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let mut overrides = environment::settings();
    overrides.extend(args.host.iter().map(|host| ("--host".to_owned(), host.clone())));
    overrides.extend(args.port.iter().map(|port| ("--port".to_owned(), port.to_string())));
    let (mut config, report) = config::parse_bytes(&bytes, &path.display().to_string(), &overrides);
    if let (Some(config), Some(format)) = (&mut config, args.log_format) {
        config.log.format = match format {
            Format::Text => LogFormat::Text,
            Format::Json => LogFormat::Json,
        };
    }
    Ok((config, report))
}

fn tell(report: &Report) {
    if !report.is_empty() {
        let colour = if std::io::stderr().is_terminal() { Colour::Always } else { Colour::Never };
        logging::say(report.render(colour).trim_end());
    }
}
