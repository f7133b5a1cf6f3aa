//! Who issues credentials: the seam for providers with a login of their own.

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;
use hub::Fault;

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

/// Logs in and renews.
pub trait Authority: Send + Sync {
    /// Signs in and returns the first credential.
    fn login<'a>(&'a self, http: &'a dyn Http, prompt: &'a dyn Prompt) -> BoxFuture<'a, Result<Credential, Fault>>;
    /// Renews a credential. Called once at a time per account.
    fn refresh<'a>(&'a self, http: &'a dyn Http, old: &'a Credential) -> BoxFuture<'a, Result<Credential, Fault>>;
}
