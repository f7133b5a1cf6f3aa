//! A plain HTTP/1.1 client for tests: one connection per request, nothing retried, bytes as they came.

use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A response whose body is still on its way. Dropping it hangs up.
#[derive(Debug)]
pub struct Live {
    /// Status line.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    body: Incoming,
    _connection: JoinSet<()>,
}

impl Live {
    /// The next piece of the body. None at its proper end.
    ///
    /// # Errors
    /// If the connection breaks before that.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads until `text` has appeared, and returns all that came up to then.
    ///
    /// # Errors
    /// If the body ends or breaks first.
    pub async fn until(&mut self, text: &str) -> io::Result<String> {
        let mut seen = BytesMut::new();
        loop {
            let Some(bytes) = self.next().await? else {
                return Err(io::Error::other(format!("no {text:?} in the body")));
            };
            seen.extend_from_slice(&bytes);
            let so_far = String::from_utf8_lossy(&seen);
            if so_far.contains(text) {
                return Ok(so_far.into_owned());
            }
        }
    }

    /// Reads the rest.
    pub async fn rest(mut self) -> Got {
        let mut body = BytesMut::new();
        let broken = loop {
            match self.next().await {
                Ok(Some(bytes)) => body.extend_from_slice(&bytes),
                Ok(None) => break None,
                Err(error) => break Some(error.to_string()),
            }
        };
        Got { status: self.status, headers: self.headers, body: body.freeze(), broken }
    }
}

/// A whole response.
#[derive(Debug, Clone)]
pub struct Got {
    /// Status line.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// What arrived of the body.
    pub body: Bytes,
    /// Why the body ended before its time, if it did.
    pub broken: Option<String>,
}

impl Got {
    /// The body as text; invalid UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The first value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The `data:` of each server-sent event, several lines joined by a newline.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let data = |event: &str| {
            let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
            let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        };
        text.split("\n\n").filter_map(data).collect()
    }
}

/// Sends a request; returns with the headers of the answer.
///
/// # Errors
/// If the address is no `http://host:port`, or the connection fails.
pub async fn open(method: Method, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> io::Result<Live> {
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let authority = uri.authority().ok_or_else(|| io::Error::other("an address without a host"))?.as_str().to_owned();
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, &authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body.into())).map_err(io::Error::other)?;
    let stream = TcpStream::connect(&authority).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { _ = connection.await });
    let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
    Ok(Live { status: head.status, headers: head.headers, body, _connection: tasks })
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// As [`open`]; a body that breaks off is told in [`Got::broken`].
pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> io::Result<Got> {
    Ok(open(method, url, headers, body).await?.rest().await)
}

/// Posts JSON and reads the whole answer.
///
/// # Errors
/// As [`send`].
pub async fn post(url: &str, headers: &[(&str, &str)], body: &serde_json::Value) -> io::Result<Got> {
    Ok(open_post(url, headers, body).await?.rest().await)
}

/// Posts JSON; returns with the headers of the answer.
///
/// # Errors
/// As [`open`].
pub async fn open_post(url: &str, headers: &[(&str, &str)], body: &serde_json::Value) -> io::Result<Live> {
    let mut all = vec![("content-type", "application/json")];
    all.extend_from_slice(headers);
    open(Method::POST, url, &all, body.to_string()).await
}
