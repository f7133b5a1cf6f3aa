//! Every dialect, registered; and the golden matrix of each against each.

use dialect::Dialect;

/// The registry. Routes are tried in this order; Chat stands last, because it takes every shared path.
pub static ALL: &[&Dialect] = &[
    &dialect_anthropic::DIALECT,
    &dialect_gemini::DIALECT,
    &dialect_ollama::DIALECT,
    &dialect_openai_responses::DIALECT,
    &dialect_openai_chat::DIALECT,
];

#[cfg(test)]
mod tests;
