//! What is explained is what happens: each choice that is foreseen is the one that a request gets, whatever the
//! strategy, the sessions, the benches and the calls under way.

use std::time::Duration;

use hub::{Blame, Fault, FaultKind};
use pool::{AccountId, Benched, Lease};
use proptest::prelude::*;
use serde_json::json;

use super::{Explanation, Question, Reason};
use crate::App;
use crate::conversation::Conversation;
use crate::scope::Scope;
use crate::tries::{Tries, Try};

const MODEL: &str = "m";
const STRATEGIES: [&str; 5] = ["round-robin", "weighted-round-robin", "fill-first", "least-used", "latency"];

/// Something that happens to an account before it is explained.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// It is benched, for one model or all, with a time that its upstream has named or without.
    Bench { whole: bool, named: bool, seconds: u8 },
    /// It has a call under way that does not end.
    Call,
    /// A request of this session is served by somebody.
    Session(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (any::<bool>(), any::<bool>(), 100_u8..).prop_map(|(whole, named, seconds)| Event::Bench {
            whole,
            named,
            seconds
        }),
        Just(Event::Call),
        (0_u8..3).prop_map(Event::Session),
    ]
}

/// Priority, weight and room of an account.
type Entry = (u8, u8, u8);

#[derive(Debug)]
struct World {
    app: App,
    held: Vec<Lease>,
}

impl World {
    fn new(strategy: usize, fail_back: bool, credentials: u8, entries: &[Entry]) -> Self {
        let entries: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(number, (priority, weight, room))| {
                json!({"name": format!("p{number}"), "base-url": format!("http://127.0.0.1:{}", number + 1),
                    "priority": priority, "max-concurrency": room, "api-key-entries": [{"weight": weight}],
                    "models": [{"name": "real", "alias": MODEL}]})
            })
            .collect();
        let text = json!({"api-keys": ["0123456789abcdef"], "openai-compatibility": entries,
            "max-retry-credentials": credentials,
            "routing": {"strategy": STRATEGIES[strategy], "session-affinity-fail-back": fail_back}});
        let (config, report) = config::parse(&text.to_string(), "config.yaml", &[]);
        let app = App::new(config.unwrap_or_else(|| panic!("{report}"))).unwrap();
        Self { app, held: Vec::new() }
    }

    fn id(&self, at: usize) -> AccountId {
        let accounts = &self.app.snapshot().accounts;
        accounts[at % accounts.len()].id.clone()
    }

    async fn happen(&mut self, at: usize, event: Event) {
        match event {
            Event::Bench { whole, named, seconds } => {
                let until = self.app.accounts.clock().now().after(Duration::from_secs(u64::from(seconds)));
                let model = (!whole).then(|| "real".into());
                let benched = Benched { model, until, firm: named, cause: FaultKind::RateLimited, level: 1 };
                assert!(self.app.accounts.bench(&self.id(at), &benched));
            }
            Event::Call => {
                let accounts = self.app.snapshot().accounts.clone();
                let account = &accounts[at % accounts.len()];
                self.held.extend(account.force(&pool::Secret::default(), &"real".into()));
            }
            Event::Session(number) => {
                let session = format!("s{number}");
                self.walk(Some(&session), 1).await;
            }
        }
    }

    fn explain(&self, session: Option<&str>) -> Explanation {
        let session = session.map(str::to_owned);
        self.app.explain(&Question { model: MODEL.to_owned(), session, ..Question::default() }).unwrap()
    }

    /// Whom a request really gets, were each attempt to fail without telling anything of the account; and its error.
    async fn walk(&self, session: Option<&str>, most: usize) -> (Vec<String>, Option<u16>) {
        let snapshot = self.app.snapshot();
        let Some(route) = snapshot.names.resolve(Scope::default(), MODEL) else {
            let missing = snapshot.names.missing(Scope::default(), MODEL);
            return (Vec::new(), Some(missing.status().as_u16()));
        };
        let conversation = session.map(|session| Conversation::named(session.to_owned()));
        let mut tries = Tries::new(&self.app, &snapshot.config, &route, MODEL, conversation.as_ref());
        let mut order = Vec::new();
        while order.len() < most {
            match tries.next().await {
                Ok(Try { seat, lease }) => {
                    order.push(seat.account.label.clone());
                    let mut fault = Fault::new(FaultKind::UpstreamFailed, "nothing");
                    fault.blame = Blame::Pairing;
                    tries.failed(seat, lease, fault).unwrap();
                }
                Err(fault) => return (order, Some(fault.status().as_u16())),
            }
        }
        (order, None)
    }
}

fn asked() -> impl Strategy<Value = Option<String>> {
    let known = ["m", "p0", "openai", "generate", "embed", "count-tokens", "m(high)", "p0:m", "[p0] m", "models/m"];
    let known = proptest::sample::select(known.to_vec()).prop_map(str::to_owned);
    proptest::option::of(prop_oneof![known, "\\PC{0,12}", "[()\\[\\]:/* mp0]{0,9}"])
}

fn entry() -> impl Strategy<Value = Entry> {
    (0_u8..3, 0_u8..4, 0_u8..3)
}

proptest! {
    /// Whatever is asked, there is an explanation or a word on what is wrong with the question.
    #[test]
    fn every_question_has_an_answer(
        parts in (asked(), asked(), asked(), asked(), asked(), asked()),
        entries in proptest::collection::vec(entry(), 1..4),
    ) {
        let world = World::new(0, false, 0, &entries);
        let (model, key, dialect, operation, provider, session) = parts;
        let question = Question { model: model.unwrap_or_default(), key, dialect, operation, provider, session };
        match world.app.explain(&question) {
            Ok(told) => {
                prop_assert_eq!(told.pick.is_some(), !told.order.is_empty());
                prop_assert!(told.pick.is_some() || told.error.is_some() || told.next.wait_ms.is_some(), "{told:?}");
                let text = serde_json::to_string(&told).unwrap();
                prop_assert_eq!(serde_json::from_str::<Explanation>(&text).unwrap(), told);
            }
            Err(fault) => prop_assert_eq!(fault.status().as_u16(), 400),
        }
    }

    #[test]
    fn what_is_foreseen_is_what_happens(
        strategy in 0..STRATEGIES.len(),
        fail_back: bool,
        credentials in 0_u8..4,
        entries in proptest::collection::vec(entry(), 1..8),
        events in proptest::collection::vec((any::<usize>(), event()), 0..24),
        session in proptest::option::of(0_u8..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(strategy, fail_back, credentials, &entries);
            for (at, event) in events {
                world.happen(at, event).await;
            }
            let session = session.map(|number| format!("s{number}"));
            let told = world.explain(session.as_deref());
            // Asking changes nothing.
            prop_assert_eq!(&world.explain(session.as_deref()).order, &told.order);
            let (order, error) = world.walk(session.as_deref(), usize::MAX).await;
            // Whoever stands in a line here waits in vain: nobody's call ends.
            let in_line = told.pick.as_ref().is_some_and(|pick| pick.why == Reason::Line);
            let foreseen = if in_line { &[][..] } else { &told.order };
            let ready = told.candidates.iter().all(|one| !matches!(one.state, super::State::Busy { line_full: false, .. }));
            prop_assert!(!in_line || !ready);
            prop_assert!(order.starts_with(&foreseen[..foreseen.len().min(order.len())]), "{order:?} {told:?}");
            prop_assert_eq!(order.first(), foreseen.first(), "{:?}", told);
            if ready {
                prop_assert_eq!(order.len(), foreseen.len(), "{:?}", told);
            }
            if order.is_empty() && !in_line {
                prop_assert_eq!(told.error.map(|error| error.status), error);
            }
            Ok(())
        })?;
    }
}
