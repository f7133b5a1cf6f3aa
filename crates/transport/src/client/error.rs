//! What can go wrong between us and an upstream, in enough detail to decide on a retry and to tell the user. Messages
//! name hosts and reasons; never a proxy's user name or password, never the query of a URL.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection could be made; the upstream has seen nothing of the request.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A deadline passed.
    #[error("{phase} took longer than {after:?}")]
    Timeout {
        /// What was waited for.
        phase: Phase,
        /// How long.
        after: Duration,
    },
    /// The connection ended after the request was sent and before any byte of the answer.
    #[error("the connection was closed before an answer came ({reason})")]
    Reset {
        /// Whether the connection had served an earlier request, in which case most likely it had been idle too long
        /// and the request was not looked at.
        connection: Freshness,
        /// What the socket said.
        reason: String,
    },
    /// What came back is not HTTP.
    #[error("the answer is not valid HTTP: {0}")]
    Protocol(String),
    /// The request cannot be sent at all: no host, or a scheme other than http and https.
    #[error("the request cannot be sent: {0}")]
    Invalid(&'static str),
}

/// What a [`SendError::Timeout`] was waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name resolution, TCP, proxy and TLS handshakes together.
    Connect,
    /// From the sent request to the head of the answer.
    FirstByte,
}

/// Whether a connection was made for the request or had served another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Made for this request.
    New,
    /// Kept from an earlier one.
    Reused,
}

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("cannot resolve {host}: {source}")]
    Dns {
        /// The host name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of the host's addresses took the connection.
    #[error("cannot connect to {host}:{port}: {source}")]
    Tcp {
        /// The host name or address.
        host: String,
        /// The port.
        port: u16,
        /// What the last attempt said.
        source: io::Error,
    },
    /// The address policy forbids every address of the host.
    #[error("{host} is not a public address")]
    Blocked {
        /// The host name or address.
        host: String,
    },
    /// TLS with the host failed.
    #[error("TLS with {host} failed: {reason}")]
    Tls {
        /// The host name.
        host: String,
        /// What is wrong, such as an unknown issuer.
        reason: String,
    },
    /// The proxy could not be reached or would not serve us.
    #[error("proxy {proxy}: {reason}")]
    Proxy {
        /// The proxy, without user name and password.
        proxy: String,
        /// What is wrong.
        reason: ProxyRefusal,
    },
    /// TLS material of our own could not be read.
    #[error(transparent)]
    Material(#[from] crate::tls::TlsError),
}

/// What a proxy did instead of connecting.
#[derive(Debug, thiserror::Error)]
pub enum ProxyRefusal {
    /// It answered `CONNECT` with this status; 407 means wrong or missing credentials.
    #[error("refused with status {0}")]
    Status(u16),
    /// It did not accept our credentials, or wants some and has none.
    #[error("refused the credentials")]
    Credentials,
    /// SOCKS reply code (RFC 1928, 6).
    #[error("refused: {}", socks_reply(*.0))]
    Socks(u8),
    /// It could not be reached.
    #[error("{0}")]
    Unreachable(Box<ConnectError>),
    /// It does not speak its protocol.
    #[error("broke the protocol: {0}")]
    Protocol(&'static str),
    /// The connection to it broke.
    #[error("{0}")]
    Io(io::Error),
}

/// Why the body of an answer could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Nothing came for that long.
    #[error("no byte of the answer came for {0:?}")]
    Idle(Duration),
    /// The connection ended before the announced end of the body.
    #[error("the answer was cut off before its end ({0})")]
    Truncated(String),
    /// The body is larger than the reader allows.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The body is not what its `Content-Encoding` says.
    #[error("the answer is not valid {coding}: {reason}")]
    Corrupt {
        /// The encoding.
        coding: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl SendError {
    /// True when the upstream cannot have begun to work on the request: sending it again repeats nothing.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Timeout { phase: Phase::Connect, .. })
    }

    /// True when a retry on a fresh connection is reasonable though the request was written: the connection was an
    /// old one that the upstream closed without a byte of answer.
    #[must_use]
    pub fn is_stale_connection(&self) -> bool {
        matches!(self, Self::Reset { connection: Freshness::Reused, .. })
    }
}

impl ConnectError {
    pub(crate) fn blocked(address: IpAddr) -> Self {
        Self::Blocked { host: address.to_string() }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::FirstByte => "the first byte of the answer",
        })
    }
}

fn socks_reply(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown reason",
    }
}

/// The innermost cause, which is the telling one: hyper's own words are only "connection error" or the like.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}
