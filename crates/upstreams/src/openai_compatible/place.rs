//! A place that speaks OpenAI's API: which of its two dialects a client gets, and where requests go. Shared by all
//! kinds whose places do.

use std::borrow::Cow;
use std::sync::Arc;

use config::HeaderRule;
use dialect::splice::Pieces;
use dialect::{Dialect, ModelTraits, WireQuirks};
use hub::{DialectId, Fault, FaultKind};
use pool::Secret;
use url::Url;

use super::places::{Address, List, Row};
use crate::endpoint::{Endpoint, credential};
use crate::gemini_key::path_of;
use crate::{Call, Gauge, Learned, Lister, Purpose, Upstream, catalogue, lister, openai_paths, signs};

/// The two languages.
static CHAT: &Dialect = &dialect_openai_chat::DIALECT;
static RESPONSES: &Dialect = &dialect_openai_responses::DIALECT;

/// A place with its habits.
#[derive(Debug)]
pub(crate) struct OpenAiPlace {
    kind: &'static str,
    row: &'static Row,
    quirks: WireQuirks,
    chat: Endpoint,
    /// Where the place has it.
    responses: Option<Endpoint>,
    /// Where deployments live, for addresses that name the model.
    deployments: Option<Endpoint>,
    /// Below which everything else lies.
    root: Endpoint,
    lister: Option<Lister>,
    gauge: Option<Gauge>,
}

impl OpenAiPlace {
    /// A place at an address.
    pub(crate) fn new(
        kind: &'static str,
        base: &Url,
        rules: &[HeaderRule],
        row: &'static Row,
        quirks: WireQuirks,
    ) -> Option<Self> {
        let layout = Layout::of(base, row)?;
        let deployments = match layout.by_deployment {
            true => Some(Endpoint::new(&layout.base, "openai/deployments", rules)?),
            false => None,
        };
        let responses = match row.responses && layout.has_responses {
            true => Some(Endpoint::new(&layout.base, "responses", rules)?),
            false => None,
        };
        let chat = Endpoint::new(&layout.base, "chat/completions", rules)?;
        let root = openai_paths::root(&layout.base, rules)?;
        let lister = lister(base, rules, row, &root);
        let gauge = row.credit.and_then(|form| Gauge::new(base, rules, row.key.parts(), form));
        Some(Self { kind, row, quirks, chat, responses, deployments, root, lister, gauge })
    }

    /// What is known of a model, with the habits of the place.
    pub(crate) fn known(&self, model: &str) -> ModelTraits {
        let mut quirks = self.quirks.clone();
        if self.row.openai_tools {
            quirks.web_search_options = catalogue::is_search(model);
            quirks.cache_breakpoints = catalogue::takes_breakpoints(model);
            quirks.search_sources = true;
        }
        ModelTraits { quirks, ..catalogue::traits(model) }
    }

    fn endpoint(&self, call: &Call<'_>) -> Result<Cow<'_, Endpoint>, Fault> {
        let beside = openai_paths::path(call.purpose);
        if let (Some(deployments), path) = (&self.deployments, beside.unwrap_or("chat/completions")) {
            return deployments.below(&format!("{}/{path}", path_of(call.model))).map(Cow::Owned);
        }
        if let Some(path) = beside {
            return self.root.below(path).map(Cow::Owned);
        }
        if call.wire == RESPONSES.id {
            let missing = || Fault::new(FaultKind::Internal, "this place has no Responses API");
            let responses = self.responses.as_ref().ok_or_else(missing)?;
            return match call.purpose {
                Purpose::Compact => responses.below("compact").map(Cow::Owned),
                _ => Ok(Cow::Borrowed(responses)),
            };
        }
        Ok(Cow::Borrowed(&self.chat))
    }
}

impl Upstream for OpenAiPlace {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn wire(&self, model: &str) -> Option<&'static Dialect> {
        let reasons = || catalogue::traits(model).thinking.supported == Some(true);
        Some(if self.responses.is_some() && reasons() { RESPONSES } else { CHAT })
    }

    fn wire_for(&self, model: &str, client: DialectId) -> Option<&'static Dialect> {
        match client {
            own if own == CHAT.id => Some(CHAT),
            own if own == RESPONSES.id && self.responses.is_some() => Some(RESPONSES),
            _ => self.wire(model),
        }
    }

    fn traits_of(&self, model: &str) -> Arc<ModelTraits> {
        Arc::new(self.known(model))
    }

    fn traits_of_listed(&self, learned: &Learned) -> ModelTraits {
        learned.over(self.known(learned.known_as()))
    }

    fn lister(&self) -> Option<&Lister> {
        self.lister.as_ref()
    }

    fn gauge(&self) -> Option<&Gauge> {
        self.gauge.as_ref()
    }

    fn origin(&self) -> Option<&str> {
        self.chat.origin()
    }

    fn request(&self, call: Call<'_>, secret: &Secret) -> Result<http::Request<Pieces>, Fault> {
        let (name, scheme) = self.row.key.parts();
        self.endpoint(&call)?.post(call, credential(name, scheme, secret)?)
    }

    fn blame(&self, fault: Fault) -> Fault {
        signs::read(self.row.signs, fault)
    }

    /// What a server does not have it says itself.
    fn takes(&self, purpose: Purpose, _model: &str) -> Option<&'static Dialect> {
        match purpose {
            // Who speaks Responses may have it, and says so where not.
            Purpose::Compact => self.responses.as_ref().map(|_| RESPONSES),
            Purpose::CountTokens => None,
            Purpose::Generate | Purpose::Embed(_) | Purpose::Pass(_) => Some(CHAT),
        }
    }
}

/// The version of Azure's interface that lists deployments to whoever holds a key.
const DEPLOYMENTS_VERSION: &str = "api-version=2023-03-15-preview";

/// Where the place lists its models. An address that names a deployment has nothing to list.
fn lister(base: &Url, rules: &[HeaderRule], row: &Row, root: &Endpoint) -> Option<Lister> {
    let key = row.key.parts();
    match row.list {
        // Copies of a place list as everybody does.
        List::LanguageModels if row.is_at(base) => {
            Some(Lister::new(root.below("language-models").ok()?, key, &lister::OPENAI))
        }
        List::Models | List::LanguageModels => Some(Lister::new(root.below("models").ok()?, key, &lister::OPENAI)),
        List::Deployments if base.path().contains("/deployments/") => None,
        List::Deployments => {
            let mut host = base.clone();
            host.set_path("");
            host.set_query(Some(DEPLOYMENTS_VERSION));
            let list = Endpoint::new(&host, "openai/deployments", rules)?;
            Some(Lister::new(list, key, &lister::DEPLOYMENTS))
        }
    }
}

/// What an address says of how the place is laid out.
struct Layout {
    base: Url,
    by_deployment: bool,
    has_responses: bool,
}

impl Layout {
    /// Azure has two forms: the newer one is like OpenAI's under `/openai/v1`; the older one carries an `api-version`
    /// and names deployments, of which an address may already name one.
    fn of(base: &Url, row: &Row) -> Option<Self> {
        let plain = Self { base: base.clone(), by_deployment: false, has_responses: true };
        if row.address == Address::Body {
            return Some(plain);
        }
        let path = base.path().trim_end_matches('/');
        let versioned = base.query_pairs().any(|(name, _)| name == "api-version");
        if !versioned {
            let mut base = base.clone();
            if !path.ends_with("/v1") {
                base.set_path("/openai/v1");
            }
            return Some(Self { base, ..plain });
        }
        let fixed = path.contains("/deployments/") || path.ends_with("/models");
        let mut base = base.clone();
        if !fixed {
            base.set_path("");
        }
        Some(Self { base, by_deployment: !fixed, has_responses: false })
    }
}
