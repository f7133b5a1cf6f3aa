//! Where log lines go: standard error, as text or JSON. Standard output stays free.

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::environment;

/// Starts logging. `BOSPORUS_LOG` may name a filter such as `debug` or `transport=trace`.
pub(crate) fn start(json: bool, debug: bool) {
    let default = if debug { "debug" } else { "info" };
    let filter = environment::variable("BOSPORUS_LOG").unwrap_or_else(|| default.to_owned());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(BoxMakeWriter::new(std::io::stderr));
    if json {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    } else {
        builder.init();
    }
}

/// Says something to the person at the terminal, log or no log.
pub(crate) fn say(text: &str) {
    // A closed standard error is no reason to stop serving.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
