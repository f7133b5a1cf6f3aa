//! `cargo run -p bosporus-fuzz -- [--seconds N] [--seed N] [--target NAME] [--input FILE]`
//!
//! Tries each target for some seconds. An input that breaks one is kept in `fuzz/artifacts/`, and `--input` tries it
//! again. The last line is "N passed, N failed", a target being one case.

use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
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
    let mut out = io::stdout().lock();
    writeln!(out, "seed {}", options.seed)?;
    let (mut passed, mut failed) = (0, 0);
    let wanted = |target: &&Target| options.target.as_ref().is_none_or(|name| name == target.name);
    for target in TARGETS.iter().filter(wanted) {
        match go(target, &seeds, &options)? {
            Ok(tried) => {
                passed += 1;
                writeln!(out, "{}: {tried} inputs", target.name)?;
            }
            Err(broken) => {
                failed += 1;
                let kept = keep(target, &broken)?;
                writeln!(out, "{}: {}\nkept as {}", target.name, broken.why, kept.display())?;
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
