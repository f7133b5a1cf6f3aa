//! Checks of accounts by small requests of our own, where the configuration wants them: who is asked what, and what the
//! answer means.
//!
//! An outcome feeds the same health as a client's request would, and nothing else: no counters of use, no limits of
//! keys, no line of a request in the log. What nobody asked for is never sent before a time that an upstream named.

mod journal;
mod timetable;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use config::{Config, ErrorRule, HealthCheck};
use dialect::{Dialect, Encoded, ModelTraits, Target, WireSide};
use http::HeaderMap;
use hub::{Fault, FaultKind, Mode, Part, Request, Role, Sampling, Text, Thinking, Turn};
use pool::{Account, Lease, Outcome, Secret, Standing};
use tokio::time::sleep;
use transport::{Client, Payload, Site};
use upstreams::{AccountSpec, Call, Model, Purpose, Upstream};

use crate::app::App;
use crate::attempt::{is_stream, within};
use crate::faults;
use crate::files::Purse;
use crate::glob::glob;
use crate::judge::verdict;
use crate::names::is_excluded;
use crate::rejection::{look_for_json, refusal};
use crate::scope::{Known, Providers};
use crate::seats::Member;
use crate::snapshot::Snapshot;

pub(crate) use journal::Journal;
pub(crate) use timetable::keep;

/// Tokens of an answer; fewer are refused by some.
const TOKENS: u64 = 16;
/// Before each try of one check: a stumble that benches nobody by itself is looked at again, as live requests would.
const TRIES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(2), Duration::from_secs(4)];

/// An account, with what it is asked.
#[derive(Debug)]
pub(crate) struct Checkup {
    pub(crate) account: Arc<Account>,
    secret: Secret,
    purse: Option<Arc<Purse>>,
    upstream: Arc<dyn Upstream>,
    site: Site,
    errors: Arc<[ErrorRule]>,
    /// The upstream's name of the model.
    model: Arc<str>,
    traits: Arc<ModelTraits>,
}

impl Checkup {
    /// What an account of a place is asked; `None` when it is not to be checked, or cannot be.
    pub(crate) fn of(
        config: &Config,
        providers: &Providers,
        spec: &AccountSpec,
        models: &[Cow<'_, Model>],
        member: &Member,
    ) -> Option<Self> {
        let check = config.health_check.as_ref()?;
        let own = &spec.rules.check;
        if !own.enabled.unwrap_or_else(|| is_named(check, providers, member)) {
            return None;
        }
        let models: Vec<&Model> =
            models.iter().map(AsRef::as_ref).filter(|model| !is_excluded(model, &spec.excluded)).collect();
        let wish = own.model.as_deref().map(|name| listed(&models, name).unwrap_or(name));
        let wish = wish.or_else(|| check.model.as_deref().and_then(|name| served(&models, name)));
        let named = || upstreams::cheapest(models.iter().map(|model| model.name.as_str()).filter(|it| !it.is_empty()));
        let Some(name) = wish.or_else(named) else {
            tracing::warn!(target: "health", account = &*spec.label, "no model is known to check this account with: name one under health-check.model");
            return None;
        };
        let traits = models.iter().find(|model| model.name == name).map(|model| Arc::clone(&model.traits));
        // Whoever has no network is always well.
        member.upstream.wire(name)?;
        Some(Self {
            account: Arc::clone(&member.account),
            secret: member.secret.clone(),
            purse: member.purse.clone(),
            upstream: Arc::clone(&member.upstream),
            site: member.site.clone(),
            errors: Arc::clone(&member.errors),
            model: name.into(),
            traits: traits.unwrap_or_else(|| member.upstream.traits_of(name)),
        })
    }

    /// Asks until the answer says something, and notes it.
    pub(crate) async fn run(&self, app: &App, snapshot: &Snapshot, client: &Client, patience: Duration) {
        for pause in TRIES {
            sleep(pause).await;
            let Some(lease) = self.lease() else { return };
            let found = within(patience, self.ask(snapshot, client, &lease)).await;
            let outcome = match &found {
                Ok(()) => Outcome::Answered,
                Err(fault) => verdict(&self.errors, &self.upstream.blame(fault.clone())).0,
            };
            lease.learn(outcome);
            let (account, model) = (&*self.account.label, &*self.model);
            let fault = found.as_ref().err().map(|fault| fault.kind);
            app.checks.ended(&self.account.id, fault);
            let fault = fault.map(tracing::field::debug);
            tracing::debug!(target: "health", account, model, fault, "checked");
            if !matches!(outcome, Outcome::Failed(_)) || self.is_out() {
                return;
            }
        }
    }

    /// Whether something is known against the account.
    pub(crate) fn is_in_trouble(&self) -> bool {
        !self.account.activity.benched().is_empty()
    }

    fn is_out(&self) -> bool {
        let now = self.account.activity.now();
        matches!(self.account.standing(&self.model, now), Standing::Out(_))
    }

    /// The account, unless it is busy: then others find out how it is. Before a time that its upstream named it is left
    /// alone.
    fn lease(&self) -> Option<Lease> {
        let Self { account, secret, model, .. } = self;
        match account.take(secret, model) {
            Ok(lease) => Some(lease),
            Err(Standing::Out(out)) if !out.firm && !out.probing => account.force(secret, model),
            Err(Standing::Ready | Standing::Busy | Standing::Out(_)) => None,
        }
    }

    async fn ask(&self, snapshot: &Snapshot, client: &Client, lease: &Lease) -> Result<(), Fault> {
        let (model, traits) = (&*self.model, &*self.traits);
        let cannot = || Fault::new(FaultKind::Internal, "that dialect cannot be asked");
        let wire: &Dialect = self.upstream.wire(model).ok_or_else(cannot)?;
        let side: &dyn WireSide = wire.wire.ok_or_else(cannot)?;
        let target = Target { model, stream: false, traits };
        let quiet = traits.thinking.supported == Some(true) && traits.thinking.can_disable == Some(true);
        let Encoded { body, headers, memo, .. } = side.encode_request(&question(quiet), &target)?;
        let none = HeaderMap::new();
        let purpose = Purpose::Generate;
        let call = Call { purpose, wire: wire.id, model, stream: false, body: body.into(), headers, client: &none };
        let renewed = match &self.purse {
            None => None,
            Some(purse) => Some(purse.secret(client, &self.site).await?),
        };
        let secret = renewed.as_ref().unwrap_or(lease.secret());
        let request = self.upstream.request(call, secret)?.map(Payload::from_iter);
        let sent = client.send(&self.site, request, &snapshot.deadlines).await;
        let reply = sent.map_err(|error| faults::of_send(&error))?;
        if !reply.status.is_success() {
            return Err(refusal(wire, side, reply, secret).await);
        }
        if is_stream(&reply.headers, wire.framing) {
            return Ok(());
        }
        let limit = snapshot.config.limits.reply_bytes;
        let body = reply.body.collect(limit).await.map_err(|error| faults::of_read(&error))?;
        look_for_json(&body)?;
        side.decode_response(&body, &memo).map(|_| ())
    }
}

/// The smallest question.
fn question(without_thinking: bool) -> Request {
    let turn = Turn { role: Role::User, parts: vec![Part::Text(Text::plain("hi"))] };
    Request {
        turns: vec![turn],
        sampling: Sampling { max_tokens: Some(TOKENS), ..Sampling::default() },
        thinking: Thinking { mode: without_thinking.then_some(Mode::Off), ..Thinking::default() },
        ..Request::default()
    }
}

/// Whether the list of kinds names an account's place; without one all are meant.
fn is_named(check: &HealthCheck, providers: &Providers, member: &Member) -> bool {
    let names = |id: &String| match providers.find(id) {
        Known::Here(0) => true,
        Known::Here(number) => member.providers.contains(&number),
        Known::Elsewhere | Known::Nowhere => false,
    };
    check.kinds.is_empty() || check.kinds.iter().any(names)
}

/// Tells of names that mean nothing, or a misspelt list would check nobody without a word.
pub(crate) fn look_at_kinds(config: &Config, providers: &Providers) {
    let kinds = config.health_check.iter().flat_map(|check| &check.kinds);
    for kind in kinds.filter(|kind| providers.find(kind) == Known::Nowhere) {
        tracing::warn!(target: "health", kind = &**kind, "health-check.kinds names no provider that is known");
    }
}

/// The provider's name of a model that is listed under either name.
fn listed<'a>(models: &[&'a Model], name: &str) -> Option<&'a str> {
    let named = |model: &&&Model| model.alias == name || model.name == name;
    models.iter().find(named).map(|model| model.name.as_str()).filter(|name| !name.is_empty())
}

/// The same, or the name itself where a pattern takes it.
fn served<'a>(models: &[&'a Model], name: &'a str) -> Option<&'a str> {
    let takes = |model: &&Model| model.alias.ends_with('*') && glob(&model.alias.to_lowercase(), name);
    listed(models, name).or_else(|| models.iter().any(takes).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(alias: &str, name: &str) -> Model {
        Model { alias: alias.into(), name: name.into(), force_mapping: false, traits: Arc::default(), card: None }
    }

    #[test]
    fn a_wish_for_all_holds_where_it_is_served() {
        let all = [model("fast", "m-1-mini"), model("x-*", "")];
        let all: Vec<&Model> = all.iter().collect();
        assert_eq!(served(&all, "fast"), Some("m-1-mini"));
        assert_eq!(served(&all, "m-1-mini"), Some("m-1-mini"));
        assert_eq!(served(&all, "x-large"), Some("x-large"));
        assert_eq!(served(&all, "y"), None);
        assert_eq!(listed(&all, "x-*"), None);
    }

    #[test]
    fn the_question_is_small() {
        let asked = question(true);
        assert_eq!((asked.turns.len(), asked.sampling.max_tokens, asked.tools.len()), (1, Some(16), 0));
        assert_eq!((asked.thinking.mode, question(false).thinking.mode), (Some(Mode::Off), None));
    }
}
