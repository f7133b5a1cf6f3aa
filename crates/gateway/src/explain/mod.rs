//! Who would answer a request, and why not others: what the engine would do, told without doing it.
//!
//! Nothing here decides. The name is read, the route found and the accounts chosen by the code that serves requests, on
//! a copy of what moves ([`ModelRoute::copied`], [`Tries::foresee`]); nobody is asked, nothing is counted and nobody is
//! benched. Who is not among the candidates is found by lifting what keeps accounts away, see `left_out.rs`.

mod beside;
mod left_out;
mod told;

use std::time::{Duration, SystemTime};

use dialect::{Body, ClientSide, Operation, Peek, Reply, Route};
use dialects::ALL;
use hub::Fault;
use pool::{Out, Standing};
use upstreams::Purpose;

pub use told::{
    Candidate, Checked, Explanation, Extent, Hedged, Hedging, Hindrance, LeftOut, Next, Pick, Reason, Speaks, State,
    Told, Way,
};

use crate::adjust;
use crate::allowance::Allowance;
use crate::app::App;
use crate::conversation::Conversation;
use crate::count::counter;
use crate::fallback;
use crate::route::{Look, ModelRoute};
use crate::scope::Scope;
use crate::seats::Seat;
use crate::snapshot::Snapshot;
use crate::tries::{Choice, Foreseen, Tries, Why};

/// Candidates that are told of one by one; the rest is a number.
const SHOWN: usize = 1000;

/// What is to be explained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The model, as a client would write it.
    pub model: String,
    /// The label of the client key that asks; without one, nothing is forbidden.
    pub key: Option<String>,
    /// The client's dialect, by its name or by what configurations call it.
    pub dialect: Option<String>,
    /// What is asked for; an answer when nothing is said.
    pub operation: Option<String>,
    /// The provider that the path or the header names.
    pub provider: Option<String>,
    /// The conversation, as a header or the body would tell it.
    pub session: Option<String>,
}

/// A question, understood.
struct Case<'a> {
    app: &'a App,
    snapshot: &'a Snapshot,
    route: &'static Route,
    scope: Scope,
    session: Option<&'a str>,
}

impl App {
    /// What would become of a request now. Takes longer than a request may hold a worker up.
    ///
    /// # Errors
    /// When the question names a key, a dialect, an operation or a provider that is not there.
    pub fn explain(&self, question: &Question) -> Result<Explanation, Fault> {
        let snapshot = self.snapshot();
        let route = route_of(question)?;
        let (scope, allowance) = match &question.key {
            None => (Scope::default(), None),
            Some(label) => {
                let unknown = || Fault::bad_request(format!("no client key has the label `{label}`"));
                let admitted = snapshot.keys.of_label(label).ok_or_else(unknown)?;
                (admitted.scope(), admitted.allowance.clone())
            }
        };
        let scope =
            match &question.provider {
                None => scope,
                Some(id) => snapshot.names.providers.narrow(scope, id).ok_or_else(|| {
                    Fault::bad_request(format!("no account that may be asked is of the provider `{id}`"))
                })?,
            };
        let case = Case { app: self, snapshot: &snapshot, route, scope, session: question.session.as_deref() };
        Ok(case.explanation(question, allowance.as_deref()))
    }
}

/// The route on which such a request would come.
fn route_of(question: &Question) -> Result<&'static Route, Fault> {
    let wanted = question.operation.as_deref().unwrap_or(GENERATE);
    let speaks = |name: &&String, dialect: &dialect::Dialect| *name == dialect.id.0 || *name == dialect.word;
    // The last one takes every shared path, so it is what most programs speak.
    let dialects = || ALL.iter().rev().filter(|dialect| question.dialect.iter().all(|name| speaks(&name, dialect)));
    let is_wanted = |route: &&&Route| word(route.operation).is_some_and(|word| word == wanted);
    let routes = || dialects().flat_map(|dialect| dialect.routes);
    if dialects().next().is_none() {
        let words: Vec<_> = ALL.iter().map(|dialect| dialect.word).collect();
        return Err(Fault::bad_request(format!("`dialect` is one of {}", words.join(", "))));
    }
    let found = routes().find(|route| is_wanted(&route));
    found.ok_or_else(|| {
        let mut words: Vec<_> = routes().filter_map(|route| word(route.operation)).collect();
        words.sort_unstable();
        words.dedup();
        Fault::bad_request(format!("`operation` is one of {}", words.join(", ")))
    })
}

const GENERATE: &str = "generate";

/// What a question calls an operation; `None` for those that ask no account for anything.
fn word(operation: Operation) -> Option<String> {
    match operation {
        Operation::Generate => Some(GENERATE.to_owned()),
        Operation::Compact => Some("compact".to_owned()),
        Operation::CountTokens => Some("count-tokens".to_owned()),
        Operation::Embed(_) => Some("embed".to_owned()),
        Operation::Pass(service) => Some(service.name().replace(' ', "-")),
        Operation::ListModels(_)
        | Operation::GetModel(_)
        | Operation::ShowModel(_)
        | Operation::Kept
        | Operation::Socket(_)
        | Operation::Fixed(_)
        | Operation::Greet(_) => None,
    }
}

impl Case<'_> {
    fn client(&self) -> &'static dyn ClientSide {
        self.route.client
    }

    /// As this client would hear it.
    fn told(&self, fault: &Fault) -> Told {
        Told::of(self.client(), fault)
    }

    fn explanation(&self, question: &Question, allowance: Option<&Allowance>) -> Explanation {
        let (scope, name) = self.read(&question.model);
        let now = SystemTime::now();
        let refused = allowance.and_then(|key| key.open(now).and_then(|()| key.check(&name, now)).err());
        let names = &self.snapshot.names;
        let (mut told, found) = match names.first_way(scope, &name) {
            Err(missing) => (self.of_nobody(&missing, scope, &name), None),
            Ok((way, route)) => (self.of_way(&way, &route, scope, &name), Some((way, route))),
        };
        let (scope, name) = found.as_ref().map_or((scope, name), |(way, _)| way.clone());
        let seats = found.as_ref().map(|(_, route)| &route.seats);
        (told.left_out, told.elsewhere) = left_out::all(self.app, self.snapshot, (scope, &name), seats);
        told.unread = self.snapshot.shelved.unread().collect();
        if let Some(fault) = refused {
            told.error = Some(self.told(&fault));
            told.pick = None;
        }
        told.asked.clone_from(&question.model);
        told.model = name;
        told.key.clone_from(&question.key);
        told.dialect = self.client().dialect().0.to_owned();
        told.operation = word(self.route.operation).unwrap_or_default();
        told
    }

    /// The name under which a model is served, and where, as a request would find them.
    fn read(&self, model: &str) -> (Scope, String) {
        let names = &self.snapshot.names;
        let (mut scope, model) = names.read(self.client(), self.scope, model.to_owned());
        let reply = Reply::new(&model, false);
        let mut peek = Peek { model, reply };
        adjust::take_suffix(names, self.client(), &mut scope, &mut peek);
        (scope, peek.model)
    }

    fn of_nobody(&self, fault: &Fault, scope: Scope, name: &str) -> Explanation {
        let fallback = if fallback::may_help(fault) { self.fallback(scope, name, fault, fault) } else { Vec::new() };
        let error = Some(self.told(fault));
        Explanation {
            next: Next { fallback, error: error.clone(), ..Next::default() },
            error,
            ..Explanation::default()
        }
    }

    /// Of the way that a request for `asked` begins with: its own route, or that of what stands in for it.
    fn of_way(&self, way: &(Scope, String), route: &ModelRoute, scope: Scope, asked: &str) -> Explanation {
        let mut told = self.of_route(route, scope, asked, &way.1);
        let begins_elsewhere = *way != (scope, asked.to_owned());
        if begins_elsewhere {
            let gone_before = self.snapshot.names.ways(scope, asked).take_while(|other| other != way).count() + 1;
            told.next.fallback.drain(..gone_before.min(told.next.fallback.len()));
        }
        told
    }

    fn of_route(&self, route: &ModelRoute, scope: Scope, asked: &str, name: &str) -> Explanation {
        let fault = self.supposed();
        let Foreseen { choices, then } = self.foresee(route, name, asked, &fault);
        let accounts = &self.app.accounts;
        let look = Look { model: name, now: accounts.clock().now(), recoveries: accounts.recoveries(), tried: &[] };
        let pick = choices.first().and_then(|choice| {
            let account = &route.seats.get(choice.at)?.member().account;
            Some(Pick {
                account: account.id.as_str().to_owned(),
                label: account.label.clone(),
                why: reason(choice.why),
            })
        });
        let candidates = route.seats.iter().take(SHOWN).enumerate().map(|(at, seat)| Candidate {
            place: choices.iter().position(|choice| choice.at == at).map(|place| place + 1),
            ..self.candidate(seat, route.standing(at, &look), &look)
        });
        let candidates: Vec<_> = candidates.collect();
        // After further rounds, the last of them ends as the first.
        let last = then.as_ref().err().unwrap_or(&fault);
        let fallback = if fallback::may_help(last) { self.fallback(scope, asked, &fault, last) } else { Vec::new() };
        Explanation {
            strategy: Some(route.strategy().name().to_owned()),
            error: then.as_ref().err().filter(|_| pick.is_none()).map(|fault| self.told(fault)),
            pick,
            order: labels(route, &choices),
            not_shown: route.seats.len() - candidates.len(),
            candidates,
            next: Next {
                rounds: route.retries.saturating_add(1),
                wait_ms: then.as_ref().ok().copied().map(millis),
                fallback,
                error: Some(self.told(last)),
            },
            hedge: self.hedging(route, name),
            ..Explanation::default()
        }
    }

    /// `asked` is the model in whose place this one stands.
    fn foresee(&self, route: &ModelRoute, name: &str, asked: &str, fault: &Fault) -> Foreseen {
        let copy = route.copied();
        let conversation = self.conversation(route);
        let tries = Tries::new(self.app, &self.snapshot.config, &copy, name, conversation.as_ref());
        tries.in_place_of(Some(asked)).foresee(fault)
    }

    /// The conversation, as a request's header would tell it.
    fn conversation(&self, route: &ModelRoute) -> Option<Conversation> {
        let told = self.session?;
        let wanted = route.seats.len() > 1 && self.snapshot.config.routing.session_affinity.is_some();
        let headers = http::HeaderMap::from_iter([(SESSION, told.parse().ok()?)]);
        let body = Body::parse(bytes::Bytes::from_static(b"{}")).ok()?;
        wanted.then(|| dialect::session(&[], &headers, &body)).flatten().map(Conversation::named)
    }

    /// The other ways after what the first one ended with, in order; `fault` is what is supposed of each account.
    fn fallback(&self, scope: Scope, name: &str, fault: &Fault, last: &Fault) -> Vec<Way> {
        let names = &self.snapshot.names;
        let ways = names.ways_after(last, scope, name);
        ways.map(|(scope, model)| match names.resolve(scope, &model) {
            None => Way { error: Some(self.told(&names.missing(scope, &model))), model, order: Vec::new() },
            Some(route) => {
                let Foreseen { choices, then } = self.foresee(&route, &model, name, fault);
                let order = labels(&route, &choices);
                let error = then.err().filter(|_| order.is_empty()).map(|fault| self.told(&fault));
                Way { model, order, error }
            }
        })
        .collect()
    }

    fn candidate(&self, seat: Seat<'_>, standing: Standing, look: &Look<'_>) -> Candidate {
        let account = &seat.account;
        Candidate {
            account: account.id.as_str().to_owned(),
            label: account.label.clone(),
            kind: seat.upstream.kind().to_owned(),
            model: seat.upstream_model(look.model).to_owned(),
            speaks: self.speaks(seat, look.model),
            priority: account.priority,
            weight: account.weight,
            in_flight: account.activity.in_flight(),
            answered: account.activity.answered(),
            failed: account.activity.failed(),
            latency_ms: Some(account.activity.latency()).filter(|millis| *millis >= 1.0),
            state: self.state(seat, standing, look),
            credential: seat.purse.as_ref().and_then(|purse| purse.ended()).map(|fault| fault.message.into_owned()),
            place: None,
            check: self.checked(&account.id),
        }
    }

    fn state(&self, seat: Seat<'_>, standing: Standing, look: &Look<'_>) -> State {
        let account = &seat.account;
        match standing {
            Standing::Ready => State::Ready,
            Standing::Busy => State::Busy { waiting: account.waiting(), line_full: !account.has_line() },
            Standing::Out(Out { until, firm, whole, probing, cause }) => State::Out {
                cause: format!("{cause:?}"),
                extent: match whole {
                    _ if account.is_out_with_site(seat.upstream_model(look.model), look.now) => Extent::Site,
                    true => Extent::Account,
                    false => Extent::Model,
                },
                back_in_ms: millis(until.since(look.now)),
                until: dialect::time::format(self.app.accounts.clock().wall(until)),
                named: firm,
                probing,
            },
        }
    }

    /// The language in which an account would be asked.
    fn speaks(&self, seat: Seat<'_>, name: &str) -> Speaks {
        let (model, _) = seat.model(name);
        let client = self.client().dialect();
        let takes = |purpose| seat.upstream.takes(purpose, model);
        let offline = || seat.upstream.wire(model).is_none();
        let wire = match self.route.operation {
            Operation::CountTokens if counter(seat, name).is_none() => return Speaks::Estimate,
            Operation::CountTokens => counter(seat, name),
            Operation::Embed(embed) => takes(Purpose::Embed(embed.call())),
            Operation::Pass(service) => match takes(Purpose::Pass(service)).filter(|wire| wire.id == client) {
                None => return Speaks::Nothing,
                taken => taken,
            },
            // Where there is no such call, a question for a summary does.
            Operation::Compact => takes(Purpose::Compact).or_else(|| seat.wire_for(name, client)),
            _ => seat.wire_for(name, client),
        };
        match wire {
            Some(wire) if wire.id == client => Speaks::Relayed { dialect: wire.id.0.to_owned() },
            Some(wire) => Speaks::Translated { dialect: wire.id.0.to_owned() },
            None if offline() => Speaks::Itself,
            None => Speaks::Nothing,
        }
    }
}

fn labels(route: &ModelRoute, choices: &[Choice]) -> Vec<String> {
    choices.iter().filter_map(|choice| Some(route.seats.get(choice.at)?.account.label.clone())).collect()
}

/// A header that tells the conversation.
const SESSION: http::HeaderName = http::HeaderName::from_static("x-session-id");

fn reason(why: Why) -> Reason {
    match why {
        Why::Kept | Why::Session => Reason::Session,
        Why::Strategy => Reason::Strategy,
        Why::Line => Reason::Line,
        Why::LastResort => Reason::LastResort,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
