//! Where log lines go: standard error, as text or JSON. Standard output stays free.

mod batch;
mod line;

use std::io::{IsTerminal as _, Stderr, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tracing_subscriber::EnvFilter;

use crate::environment;
use batch::{Batch, Inlet};
use line::Lines;

/// The lines of this process that are not written yet.
static LOG: OnceLock<Arc<Batch<Stderr>>> = OnceLock::new();

/// Writes what is left when the program ends, however `main` is left.
#[derive(Debug)]
pub(crate) struct Logging;

impl Drop for Logging {
    fn drop(&mut self) {
        flush();
    }
}

/// Changes the form of lines and what is logged; `None` before the start.
static SWITCH: OnceLock<Box<dyn Fn(bool, bool) + Send + Sync>> = OnceLock::new();

/// Starts logging. `BOSPORUS_LOG` may name a filter such as `debug` or `transport=trace`.
pub(crate) fn start(json: bool, debug: bool) {
    let terminal = std::io::stderr().is_terminal();
    // A person who watches wants each line now; a file or a pipe can wait a moment.
    let batch = LOG.get_or_init(|| if terminal { Batch::direct(std::io::stderr()) } else { batched() });
    let form = Arc::new(AtomicBool::new(json));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter(debug))
        .with_ansi(terminal)
        .with_writer(Inlet(Arc::clone(batch)))
        .event_format(Lines { json: Arc::clone(&form) })
        .with_filter_reloading();
    let handle = subscriber.reload_handle();
    subscriber.init();
    SWITCH.get_or_init(|| {
        Box::new(move |json, debug| {
            form.store(json, Ordering::Relaxed);
            // Fails only without a subscriber, and then nobody logs.
            let _ = handle.reload(filter(debug));
        })
    });
}

/// Text or JSON, and how much, from now on.
pub(crate) fn set(json: bool, debug: bool) {
    if let Some(switch) = SWITCH.get() {
        switch(json, debug);
    }
}

fn filter(debug: bool) -> EnvFilter {
    let default = if debug { "debug" } else { "info" };
    let filter = environment::variable("BOSPORUS_LOG").unwrap_or_else(|| default.to_owned());
    EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(default))
}

fn batched() -> Arc<Batch<Stderr>> {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        flush();
    }));
    Batch::start(std::io::stderr())
}

/// Says something to the person at the terminal, log or no log.
pub(crate) fn say(text: &str) {
    flush();
    // A closed standard error is no reason to stop serving.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn flush() {
    if let Some(batch) = LOG.get() {
        batch.flush();
    }
}
