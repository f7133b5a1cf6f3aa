//! The files of accounts and models that AIClient-2-API's start parameters name: read through the importer at the start
//! and at each reload, into settings that are added to the file's own. Nothing is written.

use import::{Disk, PoolFiles, Summary};

use crate::{environment, logging};

/// What the files hold, as settings. Nothing where none is named.
///
/// # Errors
/// Why they cannot be used.
pub(crate) fn settings(files: &PoolFiles) -> Result<Vec<(String, String)>, String> {
    Ok(read(files)?.map(|added| added.entries).unwrap_or_default().into_iter().map(flag).collect())
}

/// The same, and what became of everything in them is told.
///
/// # Errors
/// Why they cannot be used.
pub(crate) fn settings_aloud(files: &PoolFiles) -> Result<Vec<(String, String)>, String> {
    let Some(added) = read(files)? else { return Ok(Vec::new()) };
    let names: Vec<_> = files.all().map(|path| path.display().to_string()).collect();
    logging::say(&format!(
        "{}: {} account(s) are used\n{}",
        names.join(", "),
        added.accounts,
        Summary(&added.findings).text()
    ));
    Ok(added.entries.into_iter().map(flag).collect())
}

fn read(files: &PoolFiles) -> Result<Option<import::Added>, String> {
    if *files == PoolFiles::default() {
        return Ok(None);
    }
    let home = environment::folder("HOME").and_then(|home| home.to_str().map(str::to_owned));
    files.read(&Disk, home).map(Some)
}

fn flag((way, value): (String, String)) -> (String, String) {
    (format!("--{way}"), value)
}
