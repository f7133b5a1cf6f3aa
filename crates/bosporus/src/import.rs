//! `bosporus import`: moves over from another program with the files that are there. The old folder is only read.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as Arguments, Subcommand};
use config::{Config, Report};
use import::{Disk, Import, Place, Program, Summary, Target};
use serde_json::json;

use crate::args::Args;
use crate::environment;

/// Something wants to be looked at; everything was written.
const ATTENTION: u8 = 3;
/// It failed.
const FAILED: u8 = 2;

/// From where.
#[derive(Debug, Subcommand)]
pub(crate) enum From {
    /// CLIProxyAPI or AIProxyAPI: DIR is the folder with its config.yaml.
    Cliproxy(What),
    /// AIClient-2-API: DIR is the folder in which its `configs` stand.
    Aiclient(What),
}

/// What to do with it.
#[derive(Debug, Arguments)]
pub(crate) struct What {
    /// The folder of the old installation. It is only read.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write into this folder: config.yaml, and the account files in `auths`. --config FILE names the new file instead;
    /// with neither, it is the one in the user's configuration folder (~/.config/bosporus).
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Only tell what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Replace files that are in the way.
    #[arg(long)]
    force: bool,
    /// Write the whole report into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Imports, and tells how it went: 0 when everything has its place, 3 when something wants to be looked at, 2 when it
/// failed.
pub(crate) fn run(args: &Args, from: &From) -> ExitCode {
    let (program, what) = match from {
        From::Cliproxy(what) => (Program::CliProxy, what),
        From::Aiclient(what) => (Program::AiClient, what),
    };
    match imported(args, program, what) {
        Ok(true) => ExitCode::from(ATTENTION),
        Ok(false) => ExitCode::SUCCESS,
        Err(why) => {
            crate::logging::say(&format!("bosporus: {why}"));
            ExitCode::from(FAILED)
        }
    }
}

/// Whether something wants to be looked at.
fn imported(args: &Args, program: Program, what: &What) -> Result<bool, String> {
    let place = place(args, what)?;
    let folder = source(what, &place)?;
    if let Some(report) = &what.report {
        may_be_written(report, &folder, what.force)?;
    }
    let target = Target {
        auth_dir: text(&place.auth_dir)?,
        prompt: text(&place.prompt)?,
        home: environment::folder("HOME").and_then(|home| home.to_str().map(str::to_owned)),
    };
    let mut new = import::import(program, &Disk, &folder, &target)?;
    let name = place.config.display().to_string();
    let (config, report) = import::settle(&mut new, &name).map_err(|report| {
        format!("nothing was written, for the program would not start with what the new file would be:\n{report}")
    })?;
    let models = usable(&new, config)?;
    let told = Told { place: &place, new: &new, report: &report, models };
    if what.dry_run {
        told.aloud("would write", &told.paths())?;
    } else {
        told.write(what)?;
    }
    if let Some(path) = &what.report {
        let object = format!("{:#}\n", told.json());
        save(path, &object, what.force)?;
    }
    Ok(Summary(&new.findings).wants_attention())
}

/// Absolute places, because the new file says them.
fn place(args: &Args, what: &What) -> Result<Place, String> {
    let config = match (&what.to, &args.config) {
        (Some(_), Some(_)) => return Err("--to and --config both say where to write; keep one".to_owned()),
        (Some(folder), None) => folder.join("config.yaml"),
        (None, Some(file)) => file.clone(),
        (None, None) => usual()?,
    };
    let config = std::path::absolute(&config).map_err(|error| format!("{}: {error}", config.display()))?;
    let folder = config.parent().unwrap_or(Path::new("/"));
    Ok(Place { auth_dir: folder.join("auths"), prompt: folder.join("system-prompt.txt"), config: config.clone() })
}

fn usual() -> Result<PathBuf, String> {
    let (xdg, home) = (environment::folder("XDG_CONFIG_HOME"), environment::folder("HOME"));
    let places = config::places(None, Path::new(""), xdg.as_deref(), home.as_deref());
    places.into_iter().nth(1).ok_or_else(|| "there is no home folder; say where to write with --to DIR".to_owned())
}

/// The old folder, which must not be written into. The name of its configuration file means its folder.
fn source(what: &What, place: &Place) -> Result<PathBuf, String> {
    let is_file = what.folder.is_file();
    let folder = if is_file { what.folder.parent().unwrap_or(Path::new("")) } else { &what.folder };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().map_err(|error| format!("cannot read {}: {error}", what.folder.display()))?;
    outside(&place.config, &folder)?;
    Ok(folder)
}

/// Whether writing a file leaves the old folder as it is.
fn outside(path: &Path, folder: &Path) -> Result<(), String> {
    let whole = std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let into = whole.ancestors().skip(1).find_map(|above| above.canonicalize().ok());
    if into.is_some_and(|into| into.starts_with(folder)) {
        return Err(format!(
            "{} is inside the old installation, which is never changed; choose another",
            path.display()
        ));
    }
    Ok(())
}

/// Looked at before anything else is written.
fn may_be_written(report: &Path, folder: &Path, force: bool) -> Result<(), String> {
    outside(report, folder)?;
    if !force && report.symlink_metadata().is_ok() {
        return Err(format!("in the way: {}; nothing was written (--force replaces it)", report.display()));
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, String> {
    path.to_str().map(str::to_owned).ok_or_else(|| format!("{} is not UTF-8 text", path.display()))
}

/// How many models the new installation could call. The prompt is not where the file says it is, yet.
fn usable(new: &Import, mut config: Config) -> Result<usize, String> {
    if new.prompt.is_some()
        && let Some(prompt) = &mut config.system_prompt
    {
        prompt.file = None;
    }
    let app = gateway::App::new(config);
    let app = app.map_err(|error| {
        format!("nothing was written, for the program would not start with what the new file would be: {error}")
    })?;
    Ok(app.snapshot().model_count())
}

/// What there is to tell.
struct Told<'a> {
    place: &'a Place,
    new: &'a Import,
    report: &'a Report,
    models: usize,
}

impl Told<'_> {
    fn write(&self, what: &What) -> Result<(), String> {
        let written = import::write(self.new, self.place, what.force)?;
        self.aloud("wrote", &written)?;
        // What is on the disk counts, not what was meant to be there.
        let bytes = std::fs::read(&self.place.config).map_err(|error| format!("cannot read back: {error}"))?;
        let (config, report) = config::parse_bytes(&bytes, &self.place.config.display().to_string(), &[]);
        let config = config.ok_or_else(|| format!("the file that was written is not right:\n{report}"))?;
        gateway::App::new(config).map_err(|error| format!("the file that was written is not right: {error}"))?;
        print(&format!("\nstart with: bosporus --config {}\n", self.place.config.display()))
    }

    fn paths(&self) -> Vec<PathBuf> {
        let copies = self.new.copies.iter().map(|copy| self.place.auth_dir.join(&copy.name));
        copies
            .chain(self.new.prompt.iter().map(|_| self.place.prompt.clone()))
            .chain([self.place.config.clone()])
            .collect()
    }

    /// The report for people.
    fn aloud(&self, verb: &str, paths: &[PathBuf]) -> Result<(), String> {
        let mut out = Summary(&self.new.findings).text();
        out.push_str(&format!("\n{verb}:\n"));
        let inside = |path: &&PathBuf| path.starts_with(&self.place.auth_dir);
        let accounts = paths.iter().filter(inside).count();
        if accounts > 0 {
            out.push_str(&format!("  {} ({accounts} account files)\n", self.place.auth_dir.display()));
        }
        paths.iter().filter(|path| !inside(path)).for_each(|path| out.push_str(&format!("  {}\n", path.display())));
        out.push_str(&format!("\nthe new configuration is fine: {} models can be called\n", self.models));
        for warning in &self.report.warnings {
            out.push_str(&format!("  {}\n", warning.brief()));
        }
        print(&out)
    }

    fn json(&self) -> serde_json::Value {
        let mut object = Summary(&self.new.findings).json();
        object["config"] = json!(self.place.config);
        object["accounts"] = self.new.copies.iter().map(|copy| json!(self.place.auth_dir.join(&copy.name))).collect();
        object["models"] = json!(self.models);
        object["warnings"] = self.report.warnings.iter().map(|warning| json!(warning.brief())).collect();
        object
    }
}

fn save(path: &Path, text: &str, force: bool) -> Result<(), String> {
    let saved = if force { config::write_private(path, text) } else { config::write_new(path, text) };
    saved.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn print(text: &str) -> Result<(), String> {
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| format!("cannot write: {error}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_report_says_of_the_same_files_that_they_are_served() {
        let (mut told, mut served) = (import::SERVED.to_vec(), gateway::account_types().collect::<Vec<_>>());
        told.sort_unstable();
        served.sort_unstable();
        assert_eq!(told, served);
    }
}
