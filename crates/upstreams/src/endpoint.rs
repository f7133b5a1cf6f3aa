//! What all places asked by key share: an address, added headers, our own name.

use bytes::Bytes;
use config::{HeaderRule, HeaderValueRule};
use dialect::splice::Pieces;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use hub::{Fault, FaultKind};
use pool::Secret;
use url::Url;

use crate::Call;

/// We say who we are.
pub(crate) const OUR_NAME: &str = concat!("bosporus/", env!("CARGO_PKG_VERSION"));

/// An address under which requests are posted, made ready once.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    uri: Uri,
    rules: Vec<HeaderRule>,
}

impl Endpoint {
    /// `path` under `base`. A base that already ends in a part of the path is not doubled: users write
    /// `https://host`, `https://host/v1` and `https://host/v1/messages` for the same place. The base's query stays
    /// behind the whole.
    pub(crate) fn new(base: &Url, path: &str, rules: &[HeaderRule]) -> Option<Self> {
        let mut bare = base.clone();
        bare.set_query(None);
        let whole = join(bare.as_str().trim_end_matches('/'), path);
        let uri = with_query(whole, base.query()).parse().ok()?;
        Some(Self { uri, rules: rules.to_vec() })
    }

    /// The same place with more at the end of its path, for APIs that name the model in the address. `rest` may bring
    /// a query of its own.
    ///
    /// # Errors
    /// A fault when the whole is no address.
    pub(crate) fn below(&self, rest: &str) -> Result<Self, Fault> {
        let no_address = || Fault::new(FaultKind::BadRequest, "the model's name makes no address").at("model");
        let path = [self.uri.path().trim_end_matches('/'), "/", rest].concat();
        let path: PathAndQuery = with_query(path, self.uri.query()).try_into().map_err(|_| no_address())?;
        // Scheme and host need no second look.
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|_| no_address())?;
        Ok(Self { uri, rules: self.rules.clone() })
    }

    /// The same address with more in its query.
    ///
    /// # Errors
    /// A fault when the whole is no address.
    pub(crate) fn with_query(&self, query: &str) -> Result<Self, Fault> {
        let uri = with_query(self.uri.to_string(), Some(query)).parse();
        let uri = uri.map_err(|_| Fault::new(FaultKind::Internal, "the query makes no address"))?;
        Ok(Self { uri, rules: self.rules.clone() })
    }

    /// The whole address.
    pub(crate) fn address(&self) -> String {
        self.uri.to_string()
    }

    /// Host and port.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.uri.authority().map(http::uri::Authority::as_str)
    }

    /// A GET on the gateway's own behalf.
    pub(crate) fn get(&self, auth: Option<(HeaderName, HeaderValue)>) -> Request<Pieces> {
        let mut headers = HeaderMap::with_capacity(8);
        self.settle("application/json", &HeaderMap::new(), auth, &mut headers);
        let mut request = Request::new(Pieces::default());
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
    }

    /// A POST of JSON on the gateway's own behalf.
    pub(crate) fn post_json(&self, body: Bytes, auth: Option<(HeaderName, HeaderValue)>) -> Request<Pieces> {
        let mut request = self.get(auth).map(|_| Pieces::from(body));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    /// A POST, of JSON unless the call says otherwise. `auth` is the header that carries the secret, already made.
    pub(crate) fn post(
        &self,
        call: Call<'_>,
        auth: Option<(HeaderName, HeaderValue)>,
    ) -> Result<Request<Pieces>, Fault> {
        let mut headers = call.headers;
        headers.reserve(8);
        headers.entry(CONTENT_TYPE).or_insert_with(|| HeaderValue::from_static("application/json"));
        let accept = if call.stream { "text/event-stream" } else { "application/json" };
        self.settle(accept, call.client, auth, &mut headers);
        let mut request = Request::new(call.body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// What every request carries, whatever it asks.
    fn settle(
        &self,
        accept: &'static str,
        client: &HeaderMap,
        auth: Option<(HeaderName, HeaderValue)>,
        headers: &mut HeaderMap,
    ) {
        headers.insert(USER_AGENT, HeaderValue::from_static(OUR_NAME));
        headers.entry(ACCEPT).or_insert_with(|| HeaderValue::from_static(accept));
        // Plain answers, so that the tap can read them.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some((name, value)) = auth {
            headers.insert(name, value);
        }
        add_rules(&self.rules, client, headers);
    }
}

/// An address with one more query behind its own.
fn with_query(address: String, query: Option<&str>) -> String {
    match query.filter(|query| !query.is_empty()) {
        None => address,
        Some(query) => format!("{address}{}{query}", if address.contains('?') { '&' } else { '?' }),
    }
}

fn join(base: &str, path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let overlap = (1..=parts.len()).rev().find(|n| base.ends_with(&format!("/{}", parts[..*n].join("/"))));
    let rest = parts[overlap.unwrap_or(0)..].join("/");
    if rest.is_empty() { base.to_owned() } else { format!("{base}/{rest}") }
}

/// Adds the user's own headers; a copy of a header that the client did not send is left out.
fn add_rules(rules: &[HeaderRule], client: &HeaderMap, headers: &mut HeaderMap) {
    for rule in rules {
        let value = match &rule.value {
            HeaderValueRule::Fixed(secret) => secret_value(secret.expose()),
            HeaderValueRule::FromClient(name) => client.get(name).cloned(),
        };
        if let Some(value) = value {
            headers.insert(rule.name.clone(), value);
        }
    }
}

fn secret_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok().map(sensitive)
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// The header that carries a key; `None` for places without one.
pub(crate) fn credential(
    name: HeaderName,
    scheme: &str,
    secret: &Secret,
) -> Result<Option<(HeaderName, HeaderValue)>, Fault> {
    if secret.is_empty() {
        return Ok(None);
    }
    // One buffer, which the header keeps.
    let value = Bytes::from([scheme, secret.expose()].concat());
    let value = HeaderValue::from_maybe_shared(value).ok().map(sensitive).ok_or_else(|| {
        Fault::new(FaultKind::UpstreamRefused, "the account's key holds characters that no header can carry")
    })?;
    Ok(Some((name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_completed_and_never_doubled() {
        for (base, path, whole) in [
            ("https://a.example", "v1/messages", "https://a.example/v1/messages"),
            ("https://a.example/v1", "v1/messages", "https://a.example/v1/messages"),
            ("https://a.example/v1/messages", "v1/messages", "https://a.example/v1/messages"),
            ("https://a.example/api/v1", "chat/completions", "https://a.example/api/v1/chat/completions"),
        ] {
            assert_eq!(join(base, path), whole);
        }
    }

    #[test]
    fn a_query_of_the_base_stays_behind_the_whole() {
        let base = Url::parse("https://a.example/v1/?api-version=7").unwrap();
        let endpoint = Endpoint::new(&base, "v1/models", &[]).unwrap();
        assert_eq!(endpoint.uri, "https://a.example/v1/models?api-version=7");
        let below = endpoint.below("m:stream?alt=sse").unwrap();
        assert_eq!(below.uri, "https://a.example/v1/models/m:stream?alt=sse&api-version=7");
    }

    #[test]
    fn client_headers_are_copied_only_when_sent() {
        let rules = [HeaderRule {
            name: HeaderName::from_static("x-team"),
            value: HeaderValueRule::FromClient(HeaderName::from_static("x-from")),
        }];
        let mut headers = HeaderMap::new();
        add_rules(&rules, &HeaderMap::new(), &mut headers);
        assert!(headers.is_empty());
        let client = HeaderMap::from_iter([(HeaderName::from_static("x-from"), HeaderValue::from_static("blue"))]);
        add_rules(&rules, &client, &mut headers);
        assert_eq!(headers["x-team"], "blue");
    }
}
