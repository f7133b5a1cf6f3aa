//! What the tests of all kinds need: a configuration's text read, and a place asked for something.

use bytes::Bytes;
use config::Config;
use dialect::Dialect;
use dialect::splice::Pieces;
use http::{HeaderMap, Request};
use pool::Secret;

use crate::{Call, Purpose, Upstream};

/// A configuration that must be right.
pub(crate) fn config(text: &str) -> Config {
    let (config, report) = config::parse(text, "config.yaml", &[]);
    config.unwrap_or_else(|| panic!("{report}"))
}

/// What is asked of a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) wire: &'a Dialect,
    pub(crate) model: &'a str,
    pub(crate) purpose: Purpose,
    pub(crate) stream: bool,
}

#[test]
fn every_list_of_keys_has_its_kind() {
    let kinds: Vec<_> = crate::KINDS.iter().map(|kind| kind.id).collect();
    for list in config::KEYED {
        assert!(kinds.contains(&list.section), "{}", list.section);
        let text = format!("{}: [{{api-key: k, base-url: 'https://a.example'}}]\n", list.section);
        let config = config(&text);
        let places = crate::KINDS.iter().flat_map(|kind| (kind.build)(&config));
        let asked: Vec<_> = places.map(|place| place.upstream.kind()).filter(|kind| *kind != "demo").collect();
        assert_eq!(asked, [list.section]);
    }
}

impl<'a> Asked<'a> {
    /// A whole answer of a model.
    pub(crate) fn answer(wire: &'a Dialect, model: &'a str) -> Self {
        Self { wire, model, purpose: Purpose::Generate, stream: false }
    }

    /// The request to a place.
    pub(crate) fn of(self, upstream: &dyn Upstream, secret: &Secret) -> Request<Pieces> {
        let Self { wire, model, purpose, stream } = self;
        let (body, headers) = (Pieces::from(Bytes::from_static(b"{}")), HeaderMap::new());
        let call = Call { purpose, wire: wire.id, model, stream, body, headers, client: &HeaderMap::new() };
        upstream.request(call, secret).unwrap()
    }
}
