//! Hostile input for everything that reads bytes from outside: client bodies, upstream answers and streams, errors,
//! configuration files.
//!
//! A target is a function of bytes that panics when an invariant breaks. The mutator here needs no special toolchain,
//! so the targets run in `cargo test` (briefly) and in `scripts/test` (for some seconds). It is not guided by coverage:
//! a target fits any engine that wants a `fn(&[u8])`.

mod accounts;
mod kept;
pub mod mutate;
pub mod seeds;
pub mod targets;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

pub use mutate::Mutator;
pub use seeds::Seeds;
pub use targets::{TARGETS, Target};

/// Longest input that is tried, in bytes.
pub const LONGEST: usize = 64 * 1024;
/// One input must not take longer than this, even in a debug build on a busy machine.
pub const SLOWEST: Duration = Duration::from_secs(10);

/// An input that broke an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The input.
    pub input: Vec<u8>,
    /// What went wrong.
    pub why: String,
}

/// Tries one input.
///
/// # Errors
/// The input and what it broke.
pub fn try_input(target: &Target, input: &[u8]) -> Result<(), Broken> {
    let why = match took(target, input) {
        Ok(time) if time < SLOWEST => return Ok(()),
        // A machine that was busy with something else for so long is not so twice.
        Ok(_) => match took(target, input) {
            Ok(time) if time < SLOWEST => return Ok(()),
            Ok(time) => format!("took {time:?}"),
            Err(why) => why,
        },
        Err(why) => why,
    };
    Err(Broken { input: input.to_vec(), why })
}

/// How long an input took, or what it broke.
fn took(target: &Target, input: &[u8]) -> Result<Duration, String> {
    let started = Instant::now();
    let ran = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    ran.map(|()| started.elapsed()).map_err(|panic| message(panic.as_ref()))
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}

/// Tries every seed as it is, then mutations of them while `go_on` says so. Returns how many inputs were tried.
///
/// # Errors
/// The first input that broke an invariant.
pub fn run(
    target: &Target,
    seeds: &[Vec<u8>],
    mutator: &mut Mutator,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<u64, Broken> {
    let mut tried = 0;
    for seed in seeds {
        try_input(target, seed)?;
        tried += 1;
    }
    while go_on(tried) {
        try_input(target, &mutator.next(seeds))?;
        tried += 1;
    }
    Ok(tried)
}
