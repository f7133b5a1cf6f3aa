//! A new configuration for a running gateway: read, check, build, swap, and say what changed. A bad file changes
//! nothing. Whoever wants a reload comes here (the watch on the file, a signal, management), so that its outcome is
//! told in one place and two never run at once. It knows nothing of how a change is noticed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use config::{Config, Diagnostic, LogFormat, Outline};
use gateway::{App, Reloaded, Shelved};
use transport::{ServeOptions, ServerTls};

use crate::setup::{self, Origin};
use crate::{environment, logging, pool_files, workers};

/// What a running gateway needs to take a new configuration.
#[derive(Debug)]
pub(crate) struct Reloader {
    app: Arc<App>,
    tls: Option<ServerTls>,
    options: ServeOptions,
    origin: Origin,
    /// What the file held when it was last taken over.
    text: Arc<Mutex<Vec<u8>>>,
    /// Held for a whole reload.
    outline: Mutex<Outline>,
}

/// What a reload says of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// Everything that is odd about it.
    All,
    /// What was not there before: the configuration is the one that is in force.
    News,
}

impl Tells {
    fn warn(self, what: std::fmt::Arguments<'_>) {
        if self == Self::All {
            tracing::warn!("{what}");
        }
    }
}

impl Reloader {
    /// For the configuration that was read from `origin`; flags and environment go on to win over the file.
    pub(crate) fn new(app: Arc<App>, tls: Option<ServerTls>, options: ServeOptions, mut origin: Origin) -> Self {
        let outline = Mutex::new(std::mem::take(&mut origin.outline));
        let text = Arc::new(Mutex::new(std::mem::take(&mut origin.bytes)));
        let (path, overrides, source) = (origin.path.clone(), origin.overrides.clone(), Arc::clone(&text));
        let files = origin.files.clone();
        app.explain_by(move || {
            let bytes = source.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let added = pool_files::settings(&files).ok()?;
            setup::parse(&bytes, &path, &[added, overrides.clone()].concat()).0
        });
        Self { app, tls, options, origin, text, outline }
    }

    /// The configuration file.
    pub(crate) fn path(&self) -> &Path {
        &self.origin.path
    }

    /// What the file held when it was last taken over.
    pub(crate) fn text(&self) -> Vec<u8> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Files beside the configuration whose content belongs to it.
    pub(crate) fn further_files(&self) -> Vec<PathBuf> {
        let config = &self.app.snapshot().config;
        let tls = config.tls.iter().filter(|_| self.tls.is_some()).flat_map(|tls| [tls.cert.clone(), tls.key.clone()]);
        let prompt = config.system_prompt.iter().filter_map(|prompt| prompt.file.clone());
        tls.chain(prompt).chain(self.origin.files.all().cloned()).collect()
    }

    /// Takes over what the file holds now. `cause` is for the log: who wants it.
    ///
    /// # Errors
    /// Why the old configuration stays.
    pub(crate) fn reload(&self, cause: &str, bytes: Result<&[u8], &std::io::Error>) -> Result<Reloaded, String> {
        self.reload_with(cause, bytes, Tells::All)
    }

    fn reload_with(
        &self,
        cause: &str,
        bytes: Result<&[u8], &std::io::Error>,
        tells: Tells,
    ) -> Result<Reloaded, String> {
        let mut outline = self.outline.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.origin.path.display();
        let started = Instant::now();
        let taken = bytes.map_err(|error| format!("cannot be read: {error}")).and_then(|bytes| {
            let (told, next) = self.take(bytes, tells)?;
            let settings = outline.changed(&next).into_iter().map(str::to_owned).collect();
            *outline = next;
            *self.text.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
            Ok(Reloaded { status: "ok", settings, changes: told })
        });
        match &taken {
            // What became of each file is told already.
            Ok(Reloaded { settings, changes, .. }) if changes.is_empty() && settings.is_empty() => {
                if tells == Tells::News {
                    return taken;
                }
                tracing::info!(cause, %file, "configuration read again: no setting has changed");
            }
            Ok(Reloaded { settings, changes, .. }) => {
                let told = if changes.is_empty() { String::new() } else { format!(": {changes}") };
                let settings = settings.join(", ");
                let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(cause, %file, settings, ms, "configuration reloaded{told}");
            }
            Err(why) => {
                tracing::error!(cause, %file, "configuration not taken over, the old one stays: {why}");
            }
        }
        taken
    }

    /// Takes over account files. The configuration stays what it is, and what was said of it is not said again.
    ///
    /// # Errors
    /// Why they are not used.
    pub(crate) fn restock(&self, shelved: Shelved) -> Result<Reloaded, String> {
        self.app.shelve(shelved);
        let text = self.text();
        self.reload_with("account files have changed", Ok(&text), Tells::News)
    }

    /// The folder of account files.
    pub(crate) fn auth_dir(&self) -> PathBuf {
        self.app.snapshot().config.auth_dir_in(environment::folder("HOME").as_deref())
    }

    fn take(&self, bytes: &[u8], tells: Tells) -> Result<(String, Outline), String> {
        if bytes.trim_ascii().is_empty() {
            return Err("the file is empty".to_owned());
        }
        let added = pool_files::settings(&self.origin.files)?;
        let (mut config, outline) = self.parse(bytes, &added, &[], tells)?;
        let old = self.app.snapshot();
        if config.host != old.config.host {
            tells.warn(format_args!(
                "`host` cannot change while the gateway runs: it stays {} until a restart",
                old.config.host
            ));
            // Who can reach us decides which keys are good enough, and that is the address we have.
            (config, _) = self.parse(bytes, &added, &[("--host".to_owned(), old.config.host.clone())], tells)?;
        }
        if config.port != old.config.port {
            tells.warn(format_args!("`port` cannot change while the gateway runs: it stays until a restart"));
            config.port = old.config.port;
        }
        if config.tls.is_some() != old.config.tls.is_some() {
            tells.warn(format_args!("`tls.enable` cannot change while the gateway runs: it stays until a restart"));
            config.tls.clone_from(&old.config.tls);
        }
        let identity = config.tls.clone().zip(self.tls.as_ref());
        if let Some((tls, _)) = &identity {
            ServerTls::from_files(&tls.cert, &tls.key).map_err(|error| error.to_string())?;
        }
        let changes = self.app.reload(config).map_err(|error| error.to_string())?;
        if let Some((tls, server)) = identity {
            server.reload(&tls.cert, &tls.key).map_err(|error| error.to_string())?;
        }
        let snapshot = self.app.snapshot();
        self.apply(&snapshot.config);
        let known = if tells == Tells::All { Vec::new() } else { old.contradictions() };
        let new = snapshot.contradictions().into_iter().filter(|one| !known.contains(one));
        new.for_each(|one| tracing::warn!("{one}"));
        Ok((changes.to_string(), outline))
    }

    /// What lives outside the snapshot.
    fn apply(&self, config: &Config) {
        self.options.connections.resize(config.limits.connections);
        self.options.heads.set(workers::heads(&config.limits));
        logging::set(config.log.format == LogFormat::Json, config.debug);
    }

    fn parse(
        &self,
        bytes: &[u8],
        added: &[(String, String)],
        pinned: &[(String, String)],
        tells: Tells,
    ) -> Result<(Config, Outline), String> {
        let overrides = [added, &self.origin.overrides, pinned].concat();
        let (config, report, outline) = setup::outlined(bytes, &self.origin.path, &overrides);
        if pinned.is_empty() && tells == Tells::All {
            report.warnings.iter().for_each(|warning| tracing::warn!("{}", warning.brief()));
        }
        let errors = || report.errors.iter().map(Diagnostic::brief).collect::<Vec<_>>().join("; ");
        config.map(|config| (config, outline)).ok_or_else(errors)
    }
}
