//! Configuration from file text to checked values, with errors that point at the line.
//!
//! It reads no environment and no clock and opens no socket: text, overrides and folders are passed in. It knows nothing
//! of engines; what a value means is up to who reads [`Config`].

mod checked;
mod secret;

pub use checked::{
    ClientKey, Compat, CompatKey, Config, Cors, Deadlines, HeaderRule, HeaderValueRule, KeyEntry, Limits, Log,
    LogFormat, MaxTokensField, Modality, Model, Proxy, ProxyScheme, ProxyUrl, ProxyUser, Quirks, Routing, Strategy,
    Streaming, ThinkingLevel, ThinkingRange, Tls,
};
pub use secret::Secret;
