//! Chores of the project: tidy checks, golden updates. Nothing here is part of the product.

pub mod tidy;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The cargo that runs us, or the one in the path.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a chore is a program of its own, and cargo tells it where it is")]
pub fn cargo() -> OsString {
    std::env::var("CARGO").map_or_else(|_| OsString::from("cargo"), OsString::from)
}
