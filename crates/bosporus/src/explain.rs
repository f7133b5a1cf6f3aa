//! `bosporus explain`: who would answer a request for a model, who would not and why, and what a failure would do next.
//! A running gateway knows what it has learned of its accounts, so it is asked first; where none answers, the
//! configuration alone is explained. Which of both it was is always said. The explanation itself is the gateway's.

mod ask;
mod table;

use std::io::Write as _;
use std::process::ExitCode;

use gateway::{App, Explanation, Lists, Question};
use serde::Serialize;

use crate::args::{Args, Explain};
use crate::{accounts, logging, setup};

use ask::{Asked, ask};

/// Who explained.
#[derive(Debug, Serialize)]
struct Explained {
    /// `gateway` or `configuration`.
    source: &'static str,
    /// Which gateway.
    server: Option<String>,
    #[serde(flatten)]
    explanation: Explanation,
}

/// Explains; 1 when nobody would answer.
pub(crate) fn run(args: &Args, wanted: &Explain) -> Result<ExitCode, String> {
    let config = setup::existing(args)?;
    let question = question(wanted);
    let asked =
        if wanted.offline { Asked::Nobody("no gateway was to be asked".to_owned()) } else { ask(&config, wanted)? };
    let explained = match asked {
        Asked::Gateway { server, explanation } => {
            Explained { source: "gateway", server: Some(server), explanation: *explanation }
        }
        Asked::Nobody(why) => {
            logging::say(&format!("note: by the configuration alone: {why}"));
            let shelved = accounts::once(&config).shelved();
            let app = App::with_files(config.clone(), Lists::default(), shelved).map_err(|error| error.to_string())?;
            app.explain_by(move || Some(config.clone()));
            let explanation = app.explain(&question).map_err(|fault| fault.message.to_string())?;
            Explained { source: "configuration", server: None, explanation }
        }
    };
    let text = if wanted.json {
        let json = serde_json::to_string(&explained).map_err(|error| error.to_string())?;
        format!("{json}\n")
    } else {
        table::text(&explained)
    };
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| format!("cannot write: {error}"))?;
    Ok(if explained.explanation.error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn question(wanted: &Explain) -> Question {
    let Explain { model, key, dialect, operation, provider, session, .. } = wanted;
    Question {
        model: model.clone(),
        key: key.clone(),
        dialect: dialect.clone(),
        operation: operation.clone(),
        provider: provider.clone(),
        session: session.clone(),
    }
}
