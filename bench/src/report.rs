//! The table: lines, verdicts, and the file that keeps the results.

use std::fmt::Write as _;

use crate::stats::{Summary, summary};
use crate::{Error, Result};

/// What a figure may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Times the bare proxy's figure, as the median of the rounds' ratios.
    Ratio(f64),
    /// The figure itself.
    AtMost(f64),
    /// Shown for information.
    None,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Line {
    name: String,
    title: String,
    unit: &'static str,
    bare: Option<Summary>,
    own: Option<Summary>,
    ratio: Option<Summary>,
    budget: Budget,
    failure: Option<String>,
}

impl Line {
    /// Two samples taken round by round.
    pub fn compared(name: &str, title: &str, unit: &'static str, bare: &[f64], own: &[f64], budget: f64) -> Self {
        let ratios: Vec<f64> = own.iter().zip(bare).map(|(own, bare)| own / bare).collect();
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            unit,
            bare: Some(summary(bare)),
            own: Some(summary(own)),
            ratio: Some(summary(&ratios)),
            budget: Budget::Ratio(budget),
            failure: None,
        }
    }

    /// A figure with a limit of its own; the bare proxy's stands beside it.
    pub fn absolute(name: &str, title: String, unit: &'static str, bare: &[f64], own: &[f64], budget: Budget) -> Self {
        let bare = (!bare.is_empty()).then(|| summary(bare));
        Self { name: name.to_owned(), title, unit, bare, own: Some(summary(own)), ratio: None, budget, failure: None }
    }

    /// Something that could not be measured.
    pub fn failed(name: &str, title: String, error: &Error) -> Self {
        Self {
            name: name.to_owned(),
            title,
            unit: "",
            bare: None,
            own: None,
            ratio: None,
            budget: Budget::None,
            failure: Some(error.to_string()),
        }
    }

    /// Whether the budget holds; a line that could not be measured holds none.
    pub fn passes(&self) -> bool {
        let over = |found: Option<Summary>, limit: f64| found.is_none_or(|found| found.median > limit);
        self.failure.is_none()
            && match self.budget {
                Budget::Ratio(limit) => !over(self.ratio, limit),
                Budget::AtMost(limit) => !over(self.own, limit),
                Budget::None => true,
            }
    }

    /// The line as a row of a Markdown table.
    pub fn markdown(&self) -> String {
        if let Some(failure) = &self.failure {
            let failure = failure.replace(['|', '\n', '\r'], " ");
            return format!("| {} | `{}` | | | | | not measured: {failure} |", self.title, self.name);
        }
        let limit = match self.budget {
            Budget::Ratio(limit) => format!("{limit} x"),
            Budget::AtMost(limit) => format!("{limit} {}", self.unit),
            Budget::None => String::new(),
        };
        let verdict = match (self.budget, self.passes()) {
            (Budget::None, _) => "",
            (_, true) => "pass",
            (_, false) => "**OVER**",
        };
        let (bare, own) = (cell(self.bare, self.unit), cell(self.own, self.unit));
        format!(
            "| {} | `{}` | {bare} | {own} | {} | {limit} | {verdict} |",
            self.title,
            self.name,
            cell(self.ratio, "x")
        )
    }
}

/// Median and, where there is one, the spread.
fn cell(found: Option<Summary>, unit: &str) -> String {
    let Some(Summary { median, low, high }) = found else { return String::new() };
    if low == high { format!("{median:.2} {unit}") } else { format!("{median:.2} {unit} ({low:.2}-{high:.2})") }
}

/// Head of the table.
pub const HEAD: &str = "| work | row | bare proxy | Bosporus | ratio | budget | |\n|---|---|---|---|---|---|---|";

/// What is said around the table in the file.
#[derive(Clone, Debug)]
pub struct Context {
    /// The command line that gave these results.
    pub command: String,
    /// Thread model of the bare proxy.
    pub model: &'static str,
    /// Interleaved rounds.
    pub rounds: usize,
}

/// The whole file.
pub fn file(context: &Context, lines: &[Line]) -> Result<String> {
    let mut text = String::from("# Results\n\nMade by the benchmark; see README.md for what each row means.\n\n");
    writeln!(text, "- Command: `{}`", context.command)?;
    writeln!(text, "- Machine: {}", machine())?;
    writeln!(text, "- Built with {}; product at commit {}", said_by("rustc", &["--version"]), commit())?;
    writeln!(
        text,
        "- {} interleaved rounds; cells are medians (lowest-highest); ratios are medians of the rounds' ratios; \
         bare proxy in thread model `{}`",
        context.rounds, context.model
    )?;
    writeln!(text, "\n{HEAD}")?;
    for line in lines {
        writeln!(text, "{}", line.markdown())?;
    }
    let over = lines.iter().filter(|line| !line.passes()).count();
    writeln!(text, "\n{} lines, {over} over budget or not measured.", lines.len())?;
    Ok(text)
}

fn commit() -> String {
    let folder = env!("CARGO_MANIFEST_DIR");
    said_by("git", &["-C", folder, "describe", "--always", "--dirty", "--exclude", "*"])
}

fn said_by(program: &str, args: &[&str]) -> String {
    let output = std::process::Command::new(program).args(args).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    text.map_or_else(|| "unknown".to_owned(), |text| String::from_utf8_lossy(&text).trim().to_owned())
}

/// Cores, CPU model, kernel and how busy it is; no names, no paths.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{cores} cores, {}, Linux {kernel}; load average {load} at the end",
        model.trim_start_matches([' ', '\t', ':'])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_taken_round_by_round() {
        let line = Line::compared("n", "t", "us", &[10.0, 20.0, 30.0], &[12.0, 24.0, 36.0], 1.25);
        assert!((line.ratio.unwrap().median - 1.2).abs() < 1e-9);
        assert!(line.passes());
        assert!(!Line::compared("n", "t", "us", &[10.0], &[13.0], 1.25).passes());
    }

    #[test]
    fn what_was_not_measured_does_not_pass() {
        let line = Line::failed("n", "t".to_owned(), &Error::from("a|b\nc"));
        assert!(!line.passes());
        assert!(line.markdown().contains("a b c"));
    }

    #[test]
    fn absolute_limits_are_inclusive() {
        assert!(Line::absolute("n", "t".to_owned(), "ms", &[], &[0.3], Budget::AtMost(0.3)).passes());
        assert!(!Line::absolute("n", "t".to_owned(), "ms", &[], &[0.31], Budget::AtMost(0.3)).passes());
    }
}
