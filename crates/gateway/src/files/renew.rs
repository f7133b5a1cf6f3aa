//! The renewal of a credential: by one of all processes where it uses up what the store holds, safe in the store before
//! it is used, and given up only after a look whether the store holds something newer.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hub::{Blame, Fault, FaultKind};
use pool::{AccountId, Authority, BoxFuture, Document, Http, Refused, Renewal, Renewed, Vault, VaultError};
use tokio::time::{Instant, sleep, timeout};
use transport::address::AddressPolicy;
use transport::{Client, Deadlines, Site};

use super::purse::{Purse, of_account};
use crate::app::App;
use crate::{faults, lanes};

/// For one exchange with whoever issues credentials.
const EXCHANGE: Duration = Duration::from_secs(20);
/// Until its head is here.
const ANSWERS: Duration = Duration::from_secs(15);
/// Largest answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// How long another process is waited for, and how often it is looked whether it is done.
const OTHERS: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);
/// Between two renewals ahead of time that failed.
const AGAIN: Duration = Duration::from_secs(60);
/// Accounts that are renewed before it is looked anew who is due.
const ROUND: usize = 32;
/// The longest sleep of the timetable: clocks are set.
const NAP: Duration = Duration::from_secs(300);

/// Why a credential is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody waits for it.
    Needed,
    /// Its end is near.
    Ahead,
}

/// Renews, and tells how it went.
pub(super) async fn renew(purse: &Arc<Purse>, cause: Cause, client: &Client, site: &Site) -> Renewal {
    let outcome = exchange(purse, cause, &Sender { client, site, authority: purse.authority }).await;
    let account = purse.id.as_str();
    match &outcome {
        Ok(_) => tracing::debug!(target: "accounts", account, ?cause, "the credential is renewed"),
        Err(refused) if refused.is_final => {
            tracing::error!(target: "accounts", account, "{}", refused.fault);
            purse.token.end(refused.fault.clone());
        }
        Err(refused) => tracing::warn!(target: "accounts", account, ?cause, "not renewed: {}", refused.fault),
    }
    outcome.map_err(|refused| refused.fault)
}

async fn exchange(purse: &Arc<Purse>, cause: Cause, http: &Sender<'_>) -> Result<pool::Secret, Refused> {
    // Somebody may have renewed it between the look of whoever asked and our turn.
    if let Some(at_hand) = still_at_hand(purse, cause) {
        return at_hand.map_err(Refused::from);
    }
    let _held = match purse.authority.rewrites() {
        false => None,
        true => {
            let held = held(purse).await?;
            reread(purse).await;
            if let Some(at_hand) = still_at_hand(purse, cause) {
                return at_hand.map_err(Refused::from);
            }
            held
        }
    };
    match ask(purse, http).await {
        // The store may hold what somebody has put there since.
        Err(refused) if refused.is_final && reread(purse).await => match purse.token.at_hand(SystemTime::now()) {
            Some(at_hand) => at_hand.map_err(Refused::from),
            None => ask(purse, http).await,
        },
        asked => asked,
    }
}

/// The credential, unless that is what is to be renewed.
fn still_at_hand(purse: &Purse, cause: Cause) -> Option<Renewal> {
    let now = SystemTime::now();
    let due = cause == Cause::Ahead && purse.due().is_some_and(|due| due <= now);
    if due { None } else { purse.token.at_hand(now) }
}

async fn ask(purse: &Purse, http: &Sender<'_>) -> Result<pool::Secret, Refused> {
    let document = purse.document();
    let asked = purse.authority.renew(http, &document, SystemTime::now());
    let late =
        |_| of_account(FaultKind::UpstreamTimeout, "whoever issues the account's credentials did not answer in time");
    let Renewed { credential, document: rewritten } = timeout(EXCHANGE, asked).await.map_err(late)??;
    if let Some(text) = rewritten {
        keep_document(purse, &document, &text).await;
    }
    let secret = credential.secret.clone();
    purse.token.put(credential);
    Ok(secret)
}

/// Puts a rewritten document into the store. When that fails it is used all the same: the old one is worth nothing now.
async fn keep_document(purse: &Purse, document: &Document, text: &pool::Secret) {
    purse.keep_document(text);
    let (name, text) = (Arc::clone(&document.name), text.clone());
    if let Some(Err(why)) = beside(purse, move |vault| vault.save(&name, &text)).await {
        let account = purse.id.as_str();
        tracing::error!(target: "accounts", account, "the renewed credential could not be written down: {why}");
    }
}

/// Takes over what the store holds; whether that is something new.
async fn reread(purse: &Purse) -> bool {
    let name = purse.document().name;
    let of = Arc::clone(&name);
    match beside(purse, move |vault| vault.read(&of)).await {
        Some(Ok(Some(text))) => purse.take_document(&Document { name, text }),
        Some(Ok(None) | Err(_)) | None => false,
    }
}

/// Waits until no other process renews this account.
async fn held(purse: &Purse) -> Result<Option<Box<dyn Send>>, Refused> {
    let until = Instant::now() + OTHERS;
    loop {
        let name = purse.document().name;
        match beside(purse, move |vault| vault.hold(&name)).await {
            None => return Ok(None),
            Some(Ok(Some(held))) => return Ok(Some(held)),
            Some(Ok(None)) if Instant::now() < until => sleep(LOOK).await,
            Some(Ok(None)) => {
                let why = "another process renews the account and does not end";
                return Err(of_account(FaultKind::UpstreamTimeout, why).into());
            }
            Some(Err(why)) => {
                let why = format!("the store of accounts does not work: {why}");
                return Err(Fault { blame: Blame::Account, ..Fault::new(FaultKind::Unavailable, why) }.into());
            }
        }
    }
}

/// Asks the store beside the workers; `None` where there is none.
async fn beside<T: Send + 'static>(
    purse: &Purse,
    ask: impl FnOnce(&dyn Vault) -> Result<T, VaultError> + Send + 'static,
) -> Option<Result<T, VaultError>> {
    let vault = Arc::clone(purse.vault.as_ref()?);
    let asked = tokio::task::spawn_blocking(move || ask(&*vault)).await;
    Some(asked.unwrap_or_else(|_| Err(VaultError("it was given up".to_owned()))))
}

/// Sends what a login or a renewal needs: over an encrypted way, or to this machine.
struct Sender<'a> {
    client: &'a Client,
    site: &'a Site,
    authority: &'static dyn Authority,
}

impl Http for Sender<'_> {
    fn send<'a>(&'a self, request: http::Request<Bytes>) -> BoxFuture<'a, Result<http::Response<Bytes>, Fault>> {
        Box::pin(async move {
            let site = Site { policy: policy(request.uri(), self.authority)?, ..self.site.clone() };
            let deadlines = Deadlines { first_byte: Some(ANSWERS), idle: ANSWERS, ..Deadlines::default() };
            let sent = self.client.send(&site, request, &deadlines).await;
            let reply = sent.map_err(|error| blamed(faults::of_send(&error)))?;
            let (status, headers) = (reply.status, reply.headers);
            let body = reply.body.collect(MAX_ANSWER).await.map_err(|error| blamed(faults::of_read(&error)))?;
            let mut response = http::Response::new(body);
            (*response.status_mut(), *response.headers_mut()) = (status, headers);
            Ok(response)
        })
    }
}

/// What a file names must not lead into the network that the gateway stands in; the issuer's own names may, for companies
/// answer them with addresses of their own.
fn policy(uri: &http::Uri, authority: &dyn Authority) -> Result<AddressPolicy, Fault> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("http" | "https") if here => Ok(AddressPolicy::Any),
        Some("https") if authority.is_at(host) => Ok(AddressPolicy::Any),
        Some("https") => Ok(AddressPolicy::PublicOnly),
        _ => Err(of_account(FaultKind::UpstreamUnreachable, "credentials are asked for by https only")),
    }
}

/// Whoever issues credentials is not the place that they open.
fn blamed(fault: Fault) -> Fault {
    Fault { blame: Blame::Account, ..fault }
}

/// Renews ahead of time what is in use, for ever.
pub(crate) async fn keep(app: &App, client: &Client) {
    let mut failed: HashMap<AccountId, Instant> = HashMap::new();
    loop {
        let snapshot = app.snapshot();
        let now = Instant::now();
        failed.retain(|_, again| *again > now);
        let (mut due, mut next) = (Vec::new(), NAP);
        for (purse, site) in &snapshot.purses {
            let Some(at) = purse.due() else { continue };
            let wait = at.duration_since(SystemTime::now()).unwrap_or_default();
            let wait = failed.get(&purse.id).map_or(wait, |again| wait.max(again.duration_since(now)));
            if wait.is_zero() { due.push((purse, site)) } else { next = next.min(wait) }
        }
        if due.is_empty() {
            tokio::select! {
                () = sleep(next) => (),
                () = app.purses.changed() => (),
            }
            continue;
        }
        due.truncate(ROUND);
        let missed = async |(purse, site): (&Arc<Purse>, &Site)| {
            let renewal = purse.renewed(Cause::Ahead, client, site).await;
            (!matches!(renewal, Some(Ok(_)))).then(|| purse.id.clone())
        };
        let missed = lanes::each(due, missed).await;
        failed.extend(missed.into_iter().flatten().map(|id| (id, Instant::now() + AGAIN)));
    }
}

#[cfg(test)]
mod tests;
