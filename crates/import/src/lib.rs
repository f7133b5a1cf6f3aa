//! Turns an installation of another program into one of ours: one configuration file, the account files beside it, and a
//! report in which every setting of the old one has its place.
//!
//! It reads through [`Look`], so it knows no folder by itself; it starts nothing and asks nobody. What it makes is text and
//! bytes in memory ([`Import`]); [`write()`] puts them where they belong, and only where nothing is in the way.

mod aiclient;
mod cliproxy;
mod draft;
mod layout;
mod look;
mod report;
mod settle;
mod write;
mod yaml;

use std::path::Path;

pub use aiclient::pools::{Added, PoolFiles};
pub use cliproxy::SERVED;
pub use draft::{Copied, Import};
pub use look::{Disk, Look, Seen, Trouble};
pub use report::{Finding, Outcome, Summary};
pub use settle::settle;
pub use write::{Place, write};

/// The programs whose installations are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// CLIProxyAPI, and AIProxyAPI, which is made of it.
    CliProxy,
    /// AIClient-2-API.
    AiClient,
}

/// Where things will be, for what the new file says about them.
#[derive(Debug, Clone)]
pub struct Target {
    /// The folder of account files, absolute.
    pub auth_dir: String,
    /// The file of the system prompt, absolute.
    pub prompt: String,
    /// The user's home, which `~` stands for in the old files.
    pub home: Option<String>,
}

/// Reads an installation and makes ours of it. Nothing is written.
///
/// # Errors
/// When there is no installation in `folder`, or its main file cannot be read.
pub fn import(program: Program, look: &dyn Look, folder: &Path, target: &Target) -> Result<Import, String> {
    match program {
        Program::CliProxy => cliproxy::import(look, folder, target),
        Program::AiClient => aiclient::import(look, folder, target),
    }
}

#[cfg(test)]
mod tests;
