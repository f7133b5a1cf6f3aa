//! `cargo run -p bosporus-fuzz -- [--seconds N] [--seed N] [--target NAME] [--input FILE]`
//!
//! Tries each target for some seconds, as many at a time as there are processors. An input that breaks one is kept in
//! `fuzz/artifacts/`, and `--input` tries it again. The last line is "N passed, N failed", a target being one case.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bosporus_fuzz::{Broken, Mutator, Seeds, TARGETS, Target, run, try_input};

struct Options {
    seconds: u64,
    seed: u64,
    target: Option<String>,
    input: Option<PathBuf>,
}

fn main() -> io::Result<ExitCode> {
    let options = options()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let seeds = Seeds::read(&root)?;
    writeln!(io::stdout(), "seed {}", options.seed)?;
    let wanted = |target: &&Target| options.target.as_ref().is_none_or(|name| name == target.name);
    let targets: Vec<&Target> = TARGETS.iter().filter(wanted).collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || -> io::Result<()> {
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !tell(target, go(target, &seeds, &options)?)? {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
        let died = |_| io::Error::other("a worker has died");
        workers.into_iter().try_for_each(|worker| worker.join().map_err(died)?)
    })?;
    let failed = failed.into_inner();
    writeln!(io::stdout(), "{} passed, {failed} failed", targets.len() - failed)?;
    Ok(if failed == 0 && !targets.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says how a target fared, and keeps what broke it. True when nothing did.
fn tell(target: &Target, fared: Result<u64, Broken>) -> io::Result<bool> {
    match fared {
        Ok(tried) => writeln!(io::stdout(), "{}: {tried} inputs", target.name).map(|()| true),
        Err(broken) => {
            let kept = keep(target, &broken)?;
            writeln!(io::stdout(), "FAILED {}: {}\nkept as {}", target.name, broken.why, kept.display()).map(|()| false)
        }
    }
}

fn go(target: &Target, seeds: &Seeds, options: &Options) -> io::Result<Result<u64, Broken>> {
    if let Some(file) = &options.input {
        return Ok(try_input(target, &std::fs::read(file)?).map(|()| 1));
    }
    let end = Instant::now() + Duration::from_secs(options.seconds);
    Ok(run(target, (target.seeds)(seeds), &mut Mutator::new(options.seed), |_| Instant::now() < end))
}

fn keep(target: &Target, broken: &Broken) -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}-{}.bin", target.name, broken.input.len()));
    std::fs::write(&file, &broken.input)?;
    Ok(file)
}

fn options() -> io::Result<Options> {
    let mut options = Options { seconds: 3, seed: RandomState::new().hash_one(0), target: None, input: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| io::Error::other(format!("{word} needs a value")))?;
        match word.as_str() {
            "--seconds" => options.seconds = value.parse().map_err(io::Error::other)?,
            "--seed" => options.seed = value.parse().map_err(io::Error::other)?,
            "--target" => options.target = Some(value),
            "--input" => options.input = Some(value.into()),
            _ => return Err(io::Error::other(format!("there is no option {word}"))),
        }
    }
    Ok(options)
}
