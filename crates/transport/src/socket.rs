//! The server's end of a WebSocket: the handshake, messages in and out, pings, and how it closes. It knows nothing of
//! what the messages say.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::reply::ReplyBody;

/// How long the other end may take to read what is written, and to end the handshake.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the other end may take to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);

/// What came from the other end.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Text(String),
    /// A sign of life.
    Alive,
    /// Something that is no text.
    Binary,
    /// A message beyond the limit; nothing can be read after it.
    TooLarge,
    /// The end.
    Gone,
}

/// Why the connection is closed from this end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// All is said.
    Normal,
    /// The server goes away.
    Away,
    /// The other end sent what is not understood here.
    Unsupported,
    /// The other end sent more than may be.
    TooBig,
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
}

/// The answer that opens a WebSocket; `None` for a request that asks for no version of it that is known here.
#[must_use]
pub fn handshake(head: &Parts) -> Option<Response<ReplyBody>> {
    let says = |name: HeaderName, word: &str| {
        let values = head.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
    };
    let fits = says(CONNECTION, "upgrade") && says(UPGRADE, "websocket") && says(SEC_WEBSOCKET_VERSION, "13");
    let key = head.headers.get(SEC_WEBSOCKET_KEY).filter(|_| fits)?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()?;
    let mut response = Response::new(ReplyBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = HeaderMap::from_iter([
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ]);
    Some(response)
}

impl Socket {
    /// Takes the connection over once the answer is out; `None` when it is gone.
    pub async fn open(upgrade: OnUpgrade, largest: usize) -> Option<Self> {
        let upgraded = timeout(PATIENCE, upgrade).await.ok()?.ok()?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(largest))
            .max_frame_size(Some(largest))
            .max_write_buffer_size(usize::MAX);
        let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
        Some(Self { stream })
    }

    /// Waits for the next message. Nothing is lost when the wait is given up.
    pub async fn next(&mut self) -> Heard {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => Heard::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => Heard::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Heard::Alive,
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Heard::TooLarge,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Heard::Gone,
        }
    }

    /// Sends a message; false when the other end is gone or does not read.
    pub async fn send(&mut self, text: String) -> bool {
        matches!(timeout(PATIENCE, self.stream.send(Message::text(text))).await, Ok(Ok(())))
    }

    /// Asks for a sign of life; false as in [`Socket::send`].
    pub async fn ping(&mut self) -> bool {
        matches!(timeout(PATIENCE, self.stream.send(Message::Ping(Vec::new().into()))).await, Ok(Ok(())))
    }

    /// Says good-bye, and waits a moment for the answer.
    pub async fn close(mut self, parting: Parting) {
        let code = match parting {
            Parting::Normal => CloseCode::Normal,
            Parting::Away => CloseCode::Away,
            Parting::Unsupported => CloseCode::Unsupported,
            Parting::TooBig => CloseCode::Size,
        };
        let farewell = async {
            let _ = self.stream.close(Some(CloseFrame { code, reason: "".into() })).await;
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}
