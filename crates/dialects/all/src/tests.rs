//! The registry's own laws, and the golden matrix: client by wire by case, losses included.
//!
//! Every pair of two dialects must have looked at every case: an input or a golden file that is missing fails.

mod answers;
mod counting;
mod growth;
mod handshakes;
mod hostile;
mod hosting;
mod instructing;
mod keeping;
mod likely;
mod matrix;
mod recalled;
mod registry;
mod relaying;
mod repeats;
mod rethinking;
mod rounds;
mod rules;
mod settings;
mod sources;
mod stopping;
mod strict;
mod switching;
mod thinking;
mod unread;

/// The wire side of a dialect.
fn side(id: &str) -> &'static dyn dialect::WireSide {
    crate::ALL.iter().find(|dialect| dialect.id.0 == id).and_then(|dialect| dialect.wire).unwrap()
}
