//! Strict fake upstreams and helpers for tests; a dev-dependency only.
//!
//! A fake refuses whatever the real provider would refuse, in the provider's words, so that a test which passes here
//! means something. It answers sensibly by itself; [`Fake::script`] and special model names make it misbehave.

mod answer;
mod anthropic;
mod beside;
mod body;
pub mod client;
mod delivery;
mod fake;
mod gate;
pub mod gateway;
mod gemini;
mod google;
mod lively;
mod media;
mod ollama;
mod openai;
mod port;
mod provider;
mod reply;
mod responses;
mod scenario;
mod schema;
mod seal;
mod serve;
#[cfg(test)]
mod tests;

pub use beside::{sound, vector};
pub use fake::{Fake, FakeAnthropic, FakeGemini, FakeOllama, FakeOpenAi, FakeResponses, Recorded};
pub use gate::Gate;
pub use gateway::Gateway;
pub use google::{Exchange, FakeGoogle};
pub use port::Port;
pub use reply::{Encoding, Quirk, Reply, Style, Trouble};

/// A valid thinking signature of the fake provider for this text, as if it had said it earlier.
#[must_use]
pub fn thinking_signature(text: &str) -> String {
    seal::sign(text)
}
