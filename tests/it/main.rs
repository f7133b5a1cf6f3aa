//! End-to-end stories: the real binary between real clients and strict fake upstreams, over real sockets.
//!
//! One test binary for the whole product; a module per theme. Each test has processes and ports of its own, waits on
//! conditions and never on time.
// The whole crate is a test; the attribute tells the lints so.
#![cfg(test)]

mod harness;
mod heads;
mod tongue;

mod account_files;
mod addresses;
mod bodies;
mod caching;
mod cancel;
mod changing;
mod checkups;
mod code_assist;
mod compact;
mod count;
mod deadlines;
mod drain;
mod edges;
mod embed;
mod errors;
mod every_route;
mod failover;
mod fidelity;
mod flags;
mod hedging;
mod hostile;
mod hostile_answers;
mod identity;
mod import;
mod kept;
mod keys;
mod limits;
mod lists;
mod logs;
mod management;
mod names;
mod ollama;
mod places;
mod pool;
mod processes;
mod quota;
mod quota_exceeded;
mod relay;
mod reload;
mod renewals;
mod responses;
mod secrets;
mod services;
mod shapes;
mod socket;
mod socket_limits;
mod start;
mod storms;
mod suffix;
mod switch;
mod translate;
mod typed;
mod upstream_nonsense;
mod webhook;
mod wire;
