//! Fetches pictures and documents that a client named by address only, for a wire that cannot take addresses: never when
//! it can. Where an address may lead is checked by the transport, on the resolved address and on each redirect.

use config::Fetch;
use dialect::{Target, WireSide, inline, is_text_type, type_by_name};
use hub::{Fault, Remote, RemoteKind, Request, Source, remotes};
use transport::AddressPolicy;
use transport::client::{Client, FetchError, FetchLimits, Fetched};

use crate::faults::proxy_setting;
use crate::snapshot::Snapshot;

/// Most addresses of one request.
const MOST: usize = 32;

/// Whether there is anything to fetch; rare, and cheap to know.
pub(crate) fn is_needed(request: &mut Request, side: &dyn WireSide, target: &Target<'_>, snapshot: &Snapshot) -> bool {
    snapshot.config.fetch.is_some() && !wanted(request, side, target).is_empty()
}

fn wanted<'a>(request: &'a mut Request, side: &dyn WireSide, target: &Target<'_>) -> Vec<Remote<'a>> {
    let needed = |remote: &Remote<'_>| !side.takes_address(remote, target);
    remotes(request).into_iter().filter(needed).collect()
}

/// Puts the content in place of addresses that the wire cannot carry.
///
/// # Errors
/// A fault of the request when something cannot be fetched, or is not what it is said to be.
pub(crate) async fn inline_addresses(
    request: &mut Request,
    side: &dyn WireSide,
    target: &Target<'_>,
    snapshot: &Snapshot,
    client: &Client,
) -> Result<(), Fault> {
    let Some(fetch) = &snapshot.config.fetch else { return Ok(()) };
    let wanted = wanted(request, side, target);
    if wanted.len() > MOST {
        return Err(bad(format!("the request names more than {MOST} addresses that would have to be fetched")));
    }
    let limits = limits(fetch, snapshot)?;
    let got = fetch_all(wanted, &limits, fetch.at_once, client).await?;
    let total = got.iter().fold(0_usize, |sum, (_, content)| sum.saturating_add(content.size()));
    if total > snapshot.config.limits.body_bytes {
        return Err(bad("what the request's addresses hold is together larger than a request may be".to_owned()));
    }
    for (mut remote, content) in got {
        content.put(&mut remote);
    }
    Ok(())
}

fn limits(fetch: &Fetch, snapshot: &Snapshot) -> Result<FetchLimits, Fault> {
    let proxy = proxy_setting(&config::Proxy::Inherit, &snapshot.config.proxy)
        .map_err(|why| Fault::new(hub::FaultKind::Internal, why))?;
    Ok(FetchLimits {
        max_bytes: fetch.max_bytes,
        within: fetch.timeout,
        max_redirects: fetch.max_redirects,
        policy: if fetch.allow_private { AddressPolicy::Any } else { AddressPolicy::PublicOnly },
        proxy,
    })
}

/// A few at a time; the first failure ends all.
async fn fetch_all<'a>(
    wanted: Vec<Remote<'a>>,
    limits: &FetchLimits,
    at_once: usize,
    client: &Client,
) -> Result<Vec<(Remote<'a>, Content)>, Fault> {
    let mut got = Vec::with_capacity(wanted.len());
    let mut waiting = wanted.into_iter();
    loop {
        let batch: Vec<Remote<'a>> = waiting.by_ref().take(at_once).collect();
        if batch.is_empty() {
            return Ok(got);
        }
        let contents =
            together(batch.iter().map(|remote| fetch_one(remote.kind, remote.address(), limits, client))).await?;
        got.extend(batch.into_iter().zip(contents));
    }
}

/// All of some futures, in order, or the first failure.
async fn together<F: Future<Output = Result<Content, Fault>>>(
    futures: impl Iterator<Item = F>,
) -> Result<Vec<Content>, Fault> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, done) in running.iter_mut().filter(|(_, done)| done.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(Ok(content)) => *done = Some(content),
                std::task::Poll::Ready(Err(fault)) => return std::task::Poll::Ready(Err(fault)),
                std::task::Poll::Pending => pending = true,
            }
        }
        if pending {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(Ok(running.drain(..).filter_map(|(_, done)| done).collect()))
    })
    .await
}

/// What an address holds.
enum Content {
    /// Base64, with its type.
    Bytes(String, String),
    /// Words, with their type.
    Words(String, String),
}

impl Content {
    fn size(&self) -> usize {
        match self {
            Self::Bytes(_, text) | Self::Words(_, text) => text.len(),
        }
    }

    fn put(self, remote: &mut Remote<'_>) {
        let (kind, source) = match self {
            Self::Bytes(kind, base64) => (kind, Source::Base64(base64)),
            Self::Words(kind, words) => (kind, Source::Text(words)),
        };
        *remote.media_type = Some(kind);
        *remote.source = source;
    }
}

async fn fetch_one(kind: RemoteKind, url: &str, limits: &FetchLimits, client: &Client) -> Result<Content, Fault> {
    let what = match kind {
        RemoteKind::Picture => "picture",
        RemoteKind::Document => "document",
    };
    let fetched = client.fetch(url, limits).await.map_err(|error| {
        let why = reason(&error);
        bad(format!("the {what} at `{}` could not be fetched: {why}", shown(url)))
    })?;
    content(kind, url, &fetched)
        .ok_or_else(|| bad(format!("what is at `{}` is no {what} that can be sent on", shown(url))))
}

/// Says no more of the network than a client may know.
fn reason(error: &FetchError) -> String {
    match error {
        FetchError::Url(_) | FetchError::Status(_) | FetchError::Redirects(_) | FetchError::Timeout(_) => {
            error.to_string()
        }
        FetchError::Read(_) => "it is too large, or broke off".to_owned(),
        FetchError::Send(_) => "there is no such place, or it may not be asked".to_owned(),
    }
}

/// The content with the type that its first bytes give away; the server's word counts only where they are silent.
fn content(kind: RemoteKind, url: &str, fetched: &Fetched) -> Option<Content> {
    let declared = declared(url, fetched);
    let (base64, sniffed) = inline(&fetched.body);
    match (kind, sniffed) {
        (RemoteKind::Picture, Some(found)) if found.starts_with("image/") => {
            Some(Content::Bytes(found.to_owned(), base64))
        }
        (RemoteKind::Document, Some(found)) if found == "application/pdf" || found.starts_with("image/") => {
            Some(Content::Bytes(found.to_owned(), base64))
        }
        (RemoteKind::Document, None) if is_text_type(&declared) && declared != "text/html" => {
            let words = String::from_utf8(fetched.body.to_vec()).ok()?;
            Some(Content::Words(declared, words))
        }
        _ => None,
    }
}

/// What the server says that it is; what the name's ending says where the server says nothing.
fn declared(url: &str, fetched: &Fetched) -> String {
    let said = fetched.content_type.as_deref().unwrap_or_default();
    let said = said.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let by_name = || type_by_name(url.split(['?', '#']).next().unwrap_or_default());
    match said.as_str() {
        "" | "application/octet-stream" | "binary/octet-stream" => by_name().unwrap_or_default().to_owned(),
        _ => said,
    }
}

/// An address without what may be secret in it.
fn shown(url: &str) -> String {
    const LONGEST: usize = 200;
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = bare.split_once("://").unwrap_or(("", bare));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or(host);
    let whole = format!("{scheme}://{host}/{path}");
    whole.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

fn bad(message: String) -> Fault {
    Fault::bad_request(message).at("messages")
}

#[cfg(test)]
mod tests;
