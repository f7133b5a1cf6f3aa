//! Requests that are refused before they become requests: what is known of them, and how their answer is put on the
//! wire. The words of the answer come from the owner of the server, who knows the client's language; this module knows
//! only bytes.

use std::fmt;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::serve::PeerInfo;

/// A request whose head was never whole, or never right.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// As much of its head as could be understood: `GET /` where there was no request line.
    pub head: Parts,
    /// Who sent it.
    pub peer: PeerInfo,
}

/// Why a request is refused before anybody has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The head has more bytes or fields than the limits allow.
    TooLarge,
    /// The head breaks the rules of HTTP.
    Malformed,
    /// The head was not whole in time.
    Late,
    /// The client ended its side in the middle of the head.
    CutShort,
    /// HTTP/2 has refused the head by itself: too large, or against the protocol. There is nobody left to answer.
    Unseen,
}

impl Reason {
    /// The status that says it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Malformed | Self::CutShort | Self::Unseen => StatusCode::BAD_REQUEST,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

/// Words an answer to a refused request, and takes note of it. Called once for each.
#[derive(Clone)]
pub struct Refuser(Arc<Word>);

type Word = dyn Fn(&Refused) -> Response<Bytes> + Send + Sync;

impl Refuser {
    /// From a closure.
    #[must_use]
    pub fn new(word: impl Fn(&Refused) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        Self(Arc::new(word))
    }

    /// Takes note of a refusal that was answered otherwise.
    pub(crate) fn report(&self, refused: &Refused) {
        drop((self.0)(refused));
    }

    /// The whole answer, ready to be written, after which the connection closes.
    pub(crate) fn answer(&self, refused: &Refused) -> Bytes {
        on_the_wire((self.0)(refused))
    }
}

impl Default for Refuser {
    /// Answers with a bare status.
    fn default() -> Self {
        Self::new(|refused| {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = refused.reason.status();
            response
        })
    }
}

impl fmt::Debug for Refuser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refuser")
    }
}

fn on_the_wire(response: Response<Bytes>) -> Bytes {
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if let Ok(date) = HeaderValue::from_str(&httpdate::HttpDate::from(std::time::SystemTime::now()).to_string()) {
        parts.headers.insert(DATE, date);
    }
    let mut wire = BytesMut::with_capacity(512 + body.len());
    let reason = parts.status.canonical_reason().unwrap_or_default();
    wire.put_slice(format!("HTTP/1.1 {} {reason}\r\n", parts.status.as_u16()).as_bytes());
    for (name, value) in &parts.headers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            wire.put_slice(piece);
        }
    }
    wire.put_slice(b"\r\n");
    wire.put_slice(&body);
    wire.freeze()
}

/// Fields of a broken head that are worth a look.
const FIELDS: usize = 100;

/// What can be understood of a head that is broken or not whole. Lines that make no sense are passed over.
#[must_use]
pub fn understand(head: &[u8]) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    let blank = head.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut lines = head[blank..].split_inclusive(|byte| *byte == b'\n');
    request_line(lines.next().unwrap_or_default(), &mut parts);
    // The last line may be only the beginning of one.
    for line in lines.filter_map(|line| line.strip_suffix(b"\n")).take(FIELDS) {
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let name = HeaderName::from_bytes(line[..colon].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii())) {
            parts.headers.append(name, value);
        }
    }
    parts
}

fn request_line(line: &[u8], parts: &mut Parts) {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if let Some(method) = words.next().and_then(|word| Method::from_bytes(word).ok()) {
        parts.method = method;
    }
    let Some(target) = words.next() else { return };
    // Without what follows it, an address may be cut off; then its path is known only if its query has begun.
    let whole = line.ends_with(b"\n") || words.next().is_some() || line.ends_with(b" ");
    let path = target.split(|byte| *byte == b'?').next().filter(|path| whole || path.len() < target.len());
    let uri = Uri::try_from(target).ok().filter(|_| whole);
    if let Some(uri) = uri.or_else(|| Uri::try_from(path?).ok()) {
        parts.uri = uri;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_broken_head_tells_what_it_can() {
        for (head, path) in [
            ("", "/"),
            ("POST", "/"),
            ("POST /v1/mess", "/"),
            ("POST /v1/messages", "/"),
            ("POST /v1/messages ", "/v1/messages"),
            ("POST /v1/messages HT", "/v1/messages"),
            ("POST /v1/messages?x=aaa", "/v1/messages"),
            ("POST /v1/messages\r\n", "/v1/messages"),
            ("\r\n\r\nPOST  /v1/messages\t HTTP/9.9\r\n", "/v1/messages"),
            ("P@(ST /v1/messages HTTP/1.1\r\n", "/v1/messages"),
            ("POST /v1/messages?\"<>` HTTP/1.1\r\n", "/v1/messages"),
            ("GET http://host/v1/models?key=x HTTP/1.1\r\n", "/v1/models"),
            ("\u{16}\u{3}\u{1}", "/"),
        ] {
            assert_eq!(understand(head.as_bytes()).uri.path(), path, "{head:?}");
        }
    }

    #[test]
    fn fields_are_read_as_far_as_they_are_whole() {
        let head = "GET / HTTP/1.1\r\nno colon\r\na: 1\nb b: 2\r\nc:3 \r\nhalf: o";
        let parts = understand(head.as_bytes());
        let mut fields: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        fields.sort_unstable();
        assert_eq!(fields, [("a", b"1".as_slice()), ("c", b"3")]);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: 1\r\n".repeat(10_000));
        assert_eq!(understand(many.as_bytes()).headers.len(), FIELDS);
        assert!(understand(b"GET / HTTP/1.1\r\n\r\nbody: 1\r\n").headers.is_empty());
    }

    #[test]
    fn an_answer_is_whole_and_says_that_the_connection_closes() {
        let refuser = Refuser::new(|refused| {
            let body = Bytes::from_static(b"{\"a\":1}");
            Response::builder().status(refused.reason.status()).header("x-a", "b").body(body).unwrap()
        });
        let peer = PeerInfo { addr: crate::testing::LOCAL, security: crate::serve::Security::Plain };
        let refused = Refused { reason: Reason::Late, head: understand(b""), peer };
        let answer = String::from_utf8(refuser.answer(&refused).to_vec()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\nx-a: b\r\n"), "{answer}");
        assert!(answer.contains("connection: close\r\ncontent-length: 7\r\ndate: "), "{answer}");
        assert!(answer.ends_with(" GMT\r\n\r\n{\"a\":1}"), "{answer}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_understood_somehow(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(understand(&head).headers.len() <= FIELDS);
        }

        #[test]
        fn a_head_cut_anywhere_never_names_another_path(cut in 0..80_usize) {
            let head = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nanthropic-version: 2023-06-01\r\n\r\n";
            let cut = cut.min(head.len());
            let parts = understand(&head[..cut]);
            prop_assert!(matches!(parts.uri.path(), "/" | "/v1/messages"));
        }
    }
}
