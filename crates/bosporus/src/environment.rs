//! The one place that reads the process environment, and a `.env` file beside it: a variable of the process wins over
//! one of the file.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::OnceLock;

use transport::client::ProxyEnvironment;

/// The variables of the `.env` file.
static FILE: OnceLock<BTreeMap<String, String>> = OnceLock::new();
const MAX_FILE: usize = 1 << 20;

/// Reads `.env` in the current folder, if there is one.
pub(crate) fn load() -> Result<(), String> {
    let text = match std::fs::read(".env") {
        Ok(bytes) if bytes.len() > MAX_FILE => return Err(".env is larger than 1 MiB".to_owned()),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| ".env is not UTF-8 text".to_owned())?,
        // A folder of this name holds the files of some other program's environment.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => String::new(),
        Err(error) => return Err(format!("cannot read .env: {error}")),
    };
    let variables = config::dotenv(&text).map_err(|line| format!(".env: line {line} is not NAME=value"))?;
    FILE.get_or_init(|| variables.into_iter().collect());
    Ok(())
}

fn of_file(name: &str) -> Option<String> {
    FILE.get()?.get(name).cloned()
}

/// A variable, if it is set and is text.
#[expect(clippy::disallowed_methods, reason = "the binary hands the environment to those who need it")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().or_else(|| of_file(name)).filter(|value| !value.is_empty())
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
    let process =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let file = FILE.get().cloned().unwrap_or_default().into_iter();
    let all: BTreeMap<_, _> = file.chain(process).collect();
    all.into_iter().filter(|(name, _)| ours(name)).collect()
}

/// The names of all variables that are set.
#[expect(clippy::disallowed_methods, reason = "the binary hands the environment to those who need it")]
pub(crate) fn names() -> Vec<String> {
    let process = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    FILE.get().into_iter().flat_map(BTreeMap::keys).cloned().chain(process).collect()
}

/// The proxies that the environment names.
pub(crate) fn proxies() -> ProxyEnvironment {
    ProxyEnvironment::from_lookup(variable)
}
