//! The one place that reads the process environment.

use std::path::PathBuf;

use transport::client::ProxyEnvironment;

/// A variable, if it is set and is text.
#[expect(clippy::disallowed_methods, reason = "the binary hands the environment to those who need it")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that names a folder.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from)
}

/// All settings of the form `BOSPORUS_SECTION__KEY`, in order of name.
#[expect(clippy::disallowed_methods, reason = "the binary hands the environment to those who need it")]
pub(crate) fn settings() -> Vec<(String, String)> {
    // `BOSPORUS_LOG` sets the log filter and is no setting of the file.
    let ours = |name: &str| name.starts_with("BOSPORUS_") && name != "BOSPORUS_LOG";
    let mut settings: Vec<_> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ours(name))
        .collect();
    settings.sort();
    settings
}

/// The proxies that the environment names.
pub(crate) fn proxies() -> ProxyEnvironment {
    ProxyEnvironment::from_lookup(variable)
}
