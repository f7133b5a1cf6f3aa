//! Finds, reads or creates the configuration, and says what is wrong with it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use config::{Colour, Config, Fresh, Outline, Report};
use gateway::Lists;
use import::PoolFiles;

use crate::args::{Args, Format};
use crate::{accounts, environment, logging, pool_files};

/// A configuration that may be used.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    pub(crate) origin: Origin,
    /// The keys of a file that was written just now, to be shown once.
    pub(crate) fresh: Option<Fresh>,
}

/// Where a configuration came from.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) path: PathBuf,
    /// What the file held.
    pub(crate) bytes: Vec<u8>,
    /// By which its next version is told from it.
    pub(crate) outline: Outline,
    /// What wins over the file: environment, then flags.
    pub(crate) overrides: Vec<(String, String)>,
    /// Files whose accounts and models are added.
    pub(crate) files: PoolFiles,
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
    let overrides = overrides(args);
    let files = args.seeds.files.clone();
    let bytes = read(&path)?;
    let all = [&pool_files::settings_aloud(&files)?[..], &overrides].concat();
    let (config, report, outline) = outlined(&bytes, &path, &all);
    tell(&report);
    let config = config.ok_or_else(|| format!("{} cannot be used as it is", path.display()))?;
    Ok(Setup { config, origin: Origin { path, bytes, outline, overrides, files }, fresh })
}

/// `bosporus check`: 0 when the file may be used, 1 when not.
pub(crate) fn check(args: &Args) -> Result<ExitCode, String> {
    let places = places(args);
    let path = config::find(&places).ok_or("there is no configuration file to check")?;
    let all = [pool_files::settings_aloud(&args.seeds.files)?, overrides(args)].concat();
    let (config, report) = parse(&read(path)?, path, &all);
    tell(&report);
    match config {
        Some(config) => {
            let mut shelf = accounts::of(&config);
            shelf.look(false).remarks.iter().for_each(|remark| {
                let grade = if remark.is_trouble { "warning" } else { "note" };
                logging::say(&format!("{grade}: auth-dir: {}", remark.text));
            });
            let app = gateway::App::with_files(config, Lists::default(), shelf.shelved());
            let app = app.map_err(|error| error.to_string())?;
            app.snapshot().contradictions().iter().for_each(|one| logging::say(&format!("warning: {one}")));
            logging::say(&format!("{} is fine: {} models can be called", path.display(), app.snapshot().model_count()));
            Ok(ExitCode::SUCCESS)
        }
        None => {
            logging::say(&format!("{}: {} errors", path.display(), report.errors.len()));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The configuration as it stands, for commands that serve nobody. Nothing is written.
pub(crate) fn existing(args: &Args) -> Result<Config, String> {
    let places = places(args);
    let path = config::find(&places).ok_or("there is no configuration file")?;
    let all = [pool_files::settings(&args.seeds.files)?, overrides(args)].concat();
    let (config, report) = parse(&read(path)?, path, &all);
    config.ok_or_else(|| {
        tell(&report);
        format!("{} cannot be used as it is", path.display())
    })
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

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Settings that win over the file; a later one wins over an earlier one.
fn overrides(args: &Args) -> Vec<(String, String)> {
    let mut overrides = environment::settings();
    overrides.extend(args.seeds.settings.iter().cloned());
    overrides.extend(args.host.iter().map(|host| ("--host".to_owned(), host.clone())));
    overrides.extend(args.port.iter().map(|port| ("--port".to_owned(), port.to_string())));
    let format = args.log_format.map(|format| match format {
        Format::Text => "text",
        Format::Json => "json",
    });
    overrides.extend(args.set.iter().cloned());
    overrides.extend(format.map(|format| ("--log.format".to_owned(), format.to_owned())));
    overrides
}

/// What the text means, with what wins over it.
pub(crate) fn parse(bytes: &[u8], path: &Path, overrides: &[(String, String)]) -> (Option<Config>, Report) {
    config::parse_bytes(bytes, &path.display().to_string(), overrides)
}

/// The same, with what tells it from other versions.
pub(crate) fn outlined(bytes: &[u8], path: &Path, overrides: &[(String, String)]) -> (Option<Config>, Report, Outline) {
    config::outlined(bytes, &path.display().to_string(), overrides)
}

fn tell(report: &Report) {
    if !report.is_empty() {
        let colour = if std::io::stderr().is_terminal() { Colour::Always } else { Colour::Never };
        logging::say(report.render(colour).trim_end());
    }
}
