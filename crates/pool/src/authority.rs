//! Who issues credentials: the seam for providers with a login of their own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hub::{Fault, FaultKind};

use crate::Secret;

/// A boxed future, so that the traits here stay object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What opens an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The key or access token.
    pub secret: Secret,
    /// When it ends; a key never does.
    pub expires: Option<SystemTime>,
}

/// An account as its store holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its name in the store.
    pub name: Arc<str>,
    /// All of it.
    pub text: Secret,
}

/// What a renewal gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// The new credential.
    pub credential: Credential,
    /// The document with what must be kept of it. It is safe in the store before the credential is used.
    pub document: Option<Secret>,
}

/// Why there is no new credential.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What to tell.
    pub fault: Fault,
    /// Asking again is in vain until the document changes.
    pub is_final: bool,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { fault, is_final: false }
    }
}

/// Sends the few requests of a login or a refresh; the engine implements it.
pub trait Http: Send + Sync {
    /// Sends one request and reads the whole answer.
    fn send<'a>(&'a self, request: http::Request<Bytes>) -> BoxFuture<'a, Result<http::Response<Bytes>, Fault>>;
}

/// Speaks with the person who signs in.
pub trait Prompt: Send + Sync {
    /// Shows where to go and returns what came back: the redirect's URL or the code.
    fn visit<'a>(&'a self, url: &'a str, note: &'a str) -> BoxFuture<'a, Result<String, Fault>>;
}

/// Logs in and renews. It keeps nothing: all that an account has stands in its document.
pub trait Authority: Send + Sync + fmt::Debug {
    /// Signs in and returns the document of the new account.
    fn login<'a>(&'a self, _http: &'a dyn Http, _prompt: &'a dyn Prompt) -> BoxFuture<'a, Result<Document, Fault>> {
        let none =
            Fault::new(FaultKind::Unsupported, "accounts of this kind have no sign-in: their file is all they need");
        Box::pin(async { Err(none) })
    }

    /// The credential that a document holds, old or not.
    fn at_hand(&self, _document: &Document) -> Option<Credential> {
        None
    }

    /// Makes a new credential of what the document holds. Called once at a time per account.
    fn renew<'a>(
        &'a self,
        http: &'a dyn Http,
        document: &'a Document,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Renewed, Refused>>;

    /// Whether a host is the issuer's own, whatever address its name leads to.
    fn is_at(&self, _host: &str) -> bool {
        false
    }

    /// How long before its end a credential is renewed, where nobody waits for it yet.
    fn lead(&self) -> Duration;

    /// A renewal uses up what the document holds: one process at a time does it, the document is rewritten, and an
    /// account that nobody asks is renewed all the same, or its sign-in would end.
    fn rewrites(&self) -> bool;
}
