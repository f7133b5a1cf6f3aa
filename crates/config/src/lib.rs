//! Configuration from file text to checked values, with errors that point at the line.
//!
//! It reads no environment and no clock and opens no socket: text, overrides and folders are passed in. It knows nothing
//! of engines; what a value means is up to who reads [`Config`].
//!
//! A file passes three stages: [`parse`] turns text into a tree that remembers places, the tree is surveyed against the
//! schema (unknown, unused, refused keys), and then read into [`Config`]. Every stage tells all that it finds in one
//! [`Report`], and a report never shows a secret.

mod checked;
pub mod document;
mod dotenv;
mod find;
mod first_start;
mod legacy;
mod outline;
mod overrides;
mod parse;
mod read;
mod report;
mod schema;
mod secret;
mod source;
mod survey;
mod tree;
mod words;

pub use checked::{
    AccountCheck, AccountRules, AccountSettings, ChannelAlias, ClientKey, ClientSecret, Compat, CompatKey, Concurrency,
    Config, Cors, Deadlines, ErrorAction, ErrorPattern, ErrorRule, Fetch, Fidelity, HeaderRule, HeaderValueRule,
    HealthCheck, Hedge, HedgeAfter, KEYED, KNOWN_PLACES, KeyEntry, KeyLimits, KeyedList, Limits, Log, LogFormat,
    MaxTokensField, Modality, Model, Ollama, PromptMode, Proxy, ProxyScheme, ProxyUrl, ProxyUser, Quirks,
    ReasoningField, ResponsesStore, Routing, StoreMode, Strategy, Streaming, SystemPrompt, ThinkingLevel,
    ThinkingRange, Tls, payload,
};
pub use dotenv::{dotenv, quoted};
pub use find::{find, places};
pub use first_start::{Fresh, fresh, write_new, write_private};
pub use outline::Outline;
pub use parse::{outlined, parse, parse_bytes};
pub use read::account;
pub use report::{Colour, Diagnostic, Report};
pub use secret::Secret;

#[cfg(test)]
mod tests;
