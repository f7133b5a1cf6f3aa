//! How bytes move: listeners, TLS, draining, the upstream client with its proxies, pools and deadlines.
//!
//! This crate knows HTTP and sockets. It knows nothing of dialects, accounts or configuration files: callers hand in
//! small option structs. There is no global state but one spare buffer for each thread. A worker makes its own [`client::Client`] and runs its own
//! [`serve::serve`]; everything is `Send` and works on the current-thread and the multi-thread runtime alike.

pub mod address;
mod bell;
pub mod body;
pub mod cap;
pub mod client;
mod coding;
pub mod drain;
mod frames;
mod guard;
pub mod listen;
mod rare;
pub mod refusal;
pub mod reply;
pub mod serve;
mod sniff;
pub mod socket;
mod spare;
mod takeover;
pub mod tasks;
pub mod tls;

#[cfg(test)]
mod testing;

pub use address::AddressPolicy;
pub use body::BodyError;
pub use cap::Cap;
pub use client::{Client, ClientOptions, Deadlines, Payload, Site, UpstreamBody, UpstreamReply};
pub use drain::{Drain, DrainWatch, Drained};
pub use listen::{Accept, Accepted, Acceptor, Handed, Handout, Listener, distribute};
pub use rare::{Apart, Rare, apart, rare};
pub use refusal::{Reason, Refused, Refuser};
pub use reply::{BoxError, Chunks, ReplyBody};
pub use serve::{HeadLimits, Heads, PeerInfo, ServeOptions, serve};
pub use takeover::Takeover;
pub use tasks::{Spawner, Tasks};
pub use tls::{ServerTls, TlsError};
