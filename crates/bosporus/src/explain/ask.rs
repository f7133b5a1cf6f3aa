//! The question to a running gateway. The address and the management key are the configuration's, so that on the
//! machine of the gateway nothing need be said.

use std::time::Duration;

use bytes::Bytes;
use config::Config;
use gateway::Explanation;
use http::{HeaderValue, Method, Request, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use transport::client::{ClientOptions, ClientTls, ProxySetting};
use transport::{Client, Deadlines, Site, UpstreamReply};

use crate::args::Explain;

/// For the whole answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Until it is clear that nobody is there.
const KNOCK: Duration = Duration::from_secs(3);
/// Largest answer that is read.
const MAX_ANSWER: usize = 16 << 20;

/// Who has answered.
pub(super) enum Asked {
    Gateway {
        server: String,
        explanation: Box<Explanation>,
    },
    /// And why.
    Nobody(String),
}

/// Asks the gateway that the command line or the configuration names.
///
/// # Errors
/// When the gateway refuses the question itself, or one that was named does not answer.
pub(super) fn ask(config: &Config, wanted: &Explain) -> Result<Asked, String> {
    let named = wanted.server.is_some();
    let server = match &wanted.server {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None if config.port == 0 => return Ok(Asked::Nobody("`port` is 0, so its address is not known".to_owned())),
        None => address(config),
    };
    let key = match config.management_key.as_ref().map(|key| key.expose()) {
        None | Some("") => Err("there is no `remote-management.secret-key`".to_owned()),
        Some(hash) if hash.starts_with("$2") => {
            Err("the management key is a hash here; BOSPORUS_REMOTE_MANAGEMENT__SECRET_KEY can give the key itself"
                .to_owned())
        }
        Some(key) => Ok(key),
    };
    let answer = key.and_then(|key| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
        runtime.block_on(fetch(config, wanted, &server, key))
    });
    match answer {
        Ok((StatusCode::OK, body)) => match serde_json::from_slice(&body) {
            Ok(explanation) => Ok(Asked::Gateway { server, explanation: Box::new(explanation) }),
            Err(error) => otherwise(named, format!("{server} does not explain as this program does ({error})")),
        },
        Ok((StatusCode::BAD_REQUEST, body)) => Err(message(&body)),
        Ok((status, body)) => {
            otherwise(named, format!("the gateway at {server} answered {status}: {}", message(&body)))
        }
        Err(why) => otherwise(named, why),
    }
}

/// A gateway that was named must answer; for one that was only supposed there is a way round.
fn otherwise(named: bool, why: String) -> Result<Asked, String> {
    if named { Err(why) } else { Ok(Asked::Nobody(why)) }
}

fn address(config: &Config) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let host = match config.host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    format!("{scheme}://{host}:{}", config.port)
}

async fn fetch(config: &Config, wanted: &Explain, server: &str, key: &str) -> Result<(StatusCode, Bytes), String> {
    let authorities: Vec<_> = config.tls.iter().map(|tls| tls.cert.clone()).collect();
    let tls = ClientTls::with_authorities(&authorities).map_err(|error| error.to_string())?;
    let client = Client::new(ClientOptions { tls, ..ClientOptions::default() });
    let mut key = HeaderValue::from_str(key).map_err(|_| "the management key fits into no header".to_owned())?;
    key.set_sensitive(true);
    let request = Request::builder()
        .method(Method::GET)
        .uri(format!("{server}/v0/management/explain?{}", query(wanted)))
        .header("x-management-key", key)
        .body(Bytes::new())
        .map_err(|_| format!("`{server}` is not an address such as http://127.0.0.1:8317"))?;
    let site = Site::new("explain").with_proxy(ProxySetting::Direct);
    let deadlines = Deadlines { connect: KNOCK, ..Deadlines::default() };
    let answer = async {
        let sent = client.send(&site, request, &deadlines).await;
        let UpstreamReply { status, body, .. } =
            sent.map_err(|error| format!("no gateway answers at {server} ({error})"))?;
        let body = body.collect(MAX_ANSWER).await.map_err(|error| format!("{server}: {error}"))?;
        Ok((status, body))
    };
    let late = |_| format!("{server} did not answer within {} seconds", PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?
}

fn query(wanted: &Explain) -> String {
    let Explain { model, key, dialect, operation, provider, session, .. } = wanted;
    let pairs = [
        ("model", Some(model)),
        ("key", key.as_ref()),
        ("dialect", dialect.as_ref()),
        ("operation", operation.as_ref()),
        ("provider", provider.as_ref()),
        ("session", session.as_ref()),
    ];
    let written = |(name, value): (&str, Option<&String>)| {
        Some(format!("{name}={}", utf8_percent_encode(value?, NON_ALPHANUMERIC)))
    };
    pairs.into_iter().filter_map(written).collect::<Vec<_>>().join("&")
}

fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    let text = || String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    serde_json::from_slice(body).map_or_else(|_| text(), |refusal: Refusal| refusal.error)
}
