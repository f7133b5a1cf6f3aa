//! `bosporus hash-key`: what a configuration file may hold instead of a client key.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use sha2::{Digest as _, Sha256};

/// More than any key has; a file that was piped in by mistake is not read to its end.
const MAX_INPUT: u64 = 64 << 10;

/// Reads the key, so that it stands in no history and in no list of processes, and prints its hash.
pub(crate) fn run() -> Result<ExitCode, String> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT).read_to_string(&mut text);
    read.map_err(|error| format!("cannot read the key: {error}"))?;
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("standard input must hold one key: visible ASCII without spaces".to_owned());
    }
    let hex: String = Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    writeln!(std::io::stdout().lock(), "sha256:{hex}").map_err(|error| format!("cannot write: {error}"))?;
    Ok(ExitCode::SUCCESS)
}
