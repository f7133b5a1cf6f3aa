//! Each kind of proxy, played by a small fake that is strict about what it is asked.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::*;
use crate::testing::{Scripted, certificates};

/// What proxies were asked for.
type Asked = Arc<Mutex<Vec<String>>>;

const BASIC: &str = "Proxy-Authorization: Basic dXNlcjpwQHNz";

async fn relay<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, to: SocketAddr) {
    let mut onward = TcpStream::connect(to).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
}

async fn head_of<T: AsyncRead + Unpin>(stream: &mut T) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap_or(b'\n'));
        if head.len() > 10_000 {
            break;
        }
    }
    String::from_utf8(head).unwrap()
}

async fn http_proxy<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, to: SocketAddr, asked: Asked) {
    let head = head_of(&mut stream).await;
    asked.lock().unwrap().push(head.clone());
    let answer = match (head.starts_with("CONNECT "), head.to_lowercase().contains(&BASIC.to_lowercase())) {
        (_, false) => "HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n",
        (true, true) => "HTTP/1.1 200 Connection established\r\nvia: fake\r\n\r\n",
        (false, true) => "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nforwarded",
    };
    // In small pieces, as a slow network would.
    for piece in answer.as_bytes().chunks(5) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
    }
    if answer.contains("established") {
        relay(stream, to).await;
    } else {
        let _ = stream.shutdown().await;
    }
}

async fn start_http(to: SocketAddr) -> (Scripted, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    (scripted(move |stream, _| http_proxy(stream, to, Arc::clone(&seen))).await, asked)
}

fn through(scheme: &str, credentials: &str, proxy: SocketAddr) -> Site {
    let url = format!("{scheme}://{credentials}localhost:{}", proxy.port());
    site().with_proxy(ProxySetting::parse(&url).unwrap())
}

#[tokio::test]
async fn cleartext_goes_through_an_http_proxy_in_absolute_form() {
    let (proxy, asked) = start_http("127.0.0.1:1".parse().unwrap()).await;
    let site = through("http", "user:p%40ss@", proxy.addr);
    let reply = client().send(&site, get("http://target.invalid/a?b"), &deadlines()).await.unwrap();
    assert_eq!(reply.body.collect(9).await.unwrap(), "forwarded");
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("GET http://target.invalid/a?b HTTP/1.1\r\n"), "{asked:?}");
    assert!(asked[0].to_lowercase().contains("host: target.invalid\r\n"), "{asked:?}");
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_and_speaks_http2_in_it() {
    let made = certificates();
    let server = hello(Some(made.server()));
    let (proxy, asked) = start_http(server.addr).await;
    let client = Client::new(ClientOptions { tls: made.client(), ..ClientOptions::default() });
    let site = through("http", "user:p%40ss@", proxy.addr);
    let url = format!("https://localhost:{}/", server.addr.port());
    for _ in 0..2 {
        let reply = client.send(&site, get(&url), &deadlines()).await.unwrap();
        assert!(reply.headers["x-seen"].to_str().unwrap().starts_with("HTTP/2.0"));
        assert_eq!(reply.body.collect(9).await.unwrap(), "hello");
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 1, "one tunnel");
    let expected = format!("CONNECT localhost:{0} HTTP/1.1\r\nHost: localhost:{0}\r\n", server.addr.port());
    assert!(asked[0].starts_with(&expected), "{asked:?}");
}

#[tokio::test]
async fn wrong_credentials_are_407_for_tunnels_and_forwards() {
    let (proxy, _) = start_http("127.0.0.1:1".parse().unwrap()).await;
    for credentials in ["", "user:wrong@"] {
        for url in ["https://target.invalid/", "http://target.invalid/"] {
            let site = through("http", credentials, proxy.addr);
            let error = client().send(&site, get(url), &deadlines()).await.unwrap_err();
            let refused = |reason: &ProxyRefusal| matches!(reason, ProxyRefusal::Status(407));
            assert!(
                matches!(&error, SendError::Connect(ConnectError::Proxy { reason, .. }) if refused(reason)),
                "{error:?}"
            );
            assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn an_https_proxy_is_spoken_to_in_tls() {
    let made = certificates();
    let server = hello(Some(made.server()));
    let (to, tls, asked) = (server.addr, made.server(), Asked::default());
    let seen = Arc::clone(&asked);
    let proxy = scripted(move |stream, _| {
        let (acceptor, seen) = (tls.acceptor(), Arc::clone(&seen));
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
            http_proxy(stream, to, seen).await;
        }
    })
    .await;
    let client = Client::new(ClientOptions { tls: made.client(), ..ClientOptions::default() });
    let site = through("https", "user:p%40ss@", proxy.addr);
    let url = format!("https://localhost:{}/", server.addr.port());
    let reply = client.send(&site, get(&url), &deadlines()).await.unwrap();
    assert_eq!(reply.body.collect(9).await.unwrap(), "hello");
    assert!(asked.lock().unwrap()[0].starts_with("CONNECT localhost:"));
}

/// A SOCKS5 proxy that wants `user` and `p@ss`, knows one name, and connects to `to`.
async fn socks_proxy(mut stream: TcpStream, to: SocketAddr, asked: Asked) {
    let [version, count] = [stream.read_u8().await.unwrap(), stream.read_u8().await.unwrap()];
    assert_eq!(version, 5);
    let mut methods = vec![0; usize::from(count)];
    stream.read_exact(&mut methods).await.unwrap();
    if !methods.contains(&2) {
        return stream.write_all(&[5, 0xff]).await.unwrap();
    }
    stream.write_all(&[5, 2]).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 1);
    let mut pair = Vec::new();
    for _ in 0..2 {
        let mut text = vec![0; usize::from(stream.read_u8().await.unwrap())];
        stream.read_exact(&mut text).await.unwrap();
        pair.push(String::from_utf8(text).unwrap());
    }
    let welcome = pair == ["user", "p@ss"];
    stream.write_all(&[1, u8::from(!welcome)]).await.unwrap();
    if !welcome {
        return;
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await.unwrap();
    assert_eq!(request[..3], [5, 1, 0]);
    let length = match request[3] {
        1 => 4,
        3 => usize::from(stream.read_u8().await.unwrap()),
        _ => 16,
    };
    let mut host = vec![0; length + 2];
    stream.read_exact(&mut host).await.unwrap();
    let name = String::from_utf8_lossy(&host[..length]).into_owned();
    let refused = name == "forbidden.invalid";
    asked.lock().unwrap().push(format!("{} {name}", request[3]));
    // A bound address given as a name is rare but legal.
    stream.write_all(&[5, if refused { 2 } else { 0 }, 0, 3, 1, b'x', 0, 0]).await.unwrap();
    if !refused {
        relay(stream, to).await;
    }
}

async fn start_socks(to: SocketAddr) -> (Scripted, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    (scripted(move |stream, _| socks_proxy(stream, to, Arc::clone(&seen))).await, asked)
}

#[tokio::test]
async fn socks_proxies_resolve_names_and_check_passwords() {
    let server = hello(None);
    let (proxy, asked) = start_socks(server.addr).await;
    for scheme in ["socks5", "socks5h"] {
        let site = through(scheme, "user:p%40ss@", proxy.addr);
        let reply = client().send(&site, get("http://only.proxy.knows.invalid/x"), &deadlines()).await.unwrap();
        assert!(reply.headers["x-seen"].to_str().unwrap().starts_with("HTTP/1.1 /x "), "origin form");
        assert_eq!(reply.body.collect(9).await.unwrap(), "hello");
    }
    assert_eq!(*asked.lock().unwrap(), ["3 only.proxy.knows.invalid", "3 only.proxy.knows.invalid"]);
}

#[tokio::test]
async fn socks_refusals_are_told_apart() {
    let (proxy, _) = start_socks("127.0.0.1:1".parse().unwrap()).await;
    for credentials in ["", "user:wrong@", "wrong:p%40ss@"] {
        let site = through("socks5", credentials, proxy.addr);
        let error = client().send(&site, get("http://x.invalid/"), &deadlines()).await.unwrap_err();
        let SendError::Connect(ConnectError::Proxy { proxy, reason }) = &error else { panic!("{error:?}") };
        assert!(matches!(reason, ProxyRefusal::Credentials), "{error:?}");
        assert!(!proxy.contains("wrong") && !error.to_string().contains("wrong"), "{error}");
    }
    let site = through("socks5", "user:p%40ss@", proxy.addr);
    let error = client().send(&site, get("http://forbidden.invalid/"), &deadlines()).await.unwrap_err();
    assert!(error.to_string().ends_with("refused: not allowed by its rules"), "{error}");
}

#[tokio::test]
async fn tls_works_through_socks() {
    let made = certificates();
    let server = hello(Some(made.server()));
    let (proxy, _) = start_socks(server.addr).await;
    let client = Client::new(ClientOptions { tls: made.client(), ..ClientOptions::default() });
    let site = through("socks5h", "user:p%40ss@", proxy.addr);
    let reply = client.send(&site, get("https://localhost/"), &deadlines()).await.unwrap();
    assert!(reply.headers["x-seen"].to_str().unwrap().starts_with("HTTP/2.0"));
}

#[tokio::test]
async fn a_proxy_that_is_away_or_mad_is_blamed_by_name() {
    let away = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let cases =
        [("", away), ("SSH-2.0 \r\n\r\n", answering_at("SSH-2.0 \r\n\r\n").await), ("close", answering_at("").await)];
    for (what, addr) in cases {
        let error = client().send(&through("http", "a:secret@", addr), get("https://x.invalid/"), &deadlines()).await;
        let error = error.unwrap_err();
        assert!(matches!(&error, SendError::Connect(ConnectError::Proxy { .. })), "{what}: {error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("proxy http://localhost:{}: ", addr.port())), "{text}");
        assert!(!format!("{text} {error:?}").contains("secret"), "{error:?}");
    }
}

/// The address of a peer that lives until the end of the test's runtime.
async fn answering_at(bytes: &'static str) -> SocketAddr {
    let server = answering(bytes).await;
    let addr = server.addr;
    std::mem::forget(server);
    addr
}

#[tokio::test]
async fn the_environment_of_the_client_is_used_unless_a_site_says_direct() {
    let server = hello(None);
    let (proxy, asked) = start_http("127.0.0.1:1".parse().unwrap()).await;
    let url = format!("http://user:p%40ss@127.0.0.1:{}", proxy.addr.port());
    let environment = ProxyEnvironment::from_lookup(|name| (name == "HTTP_PROXY").then(|| url.clone()));
    let client = Client::new(ClientOptions { environment, ..ClientOptions::default() });
    let reply = client.send(&site(), get(&server.url("/")), &deadlines()).await.unwrap();
    assert_eq!(reply.body.collect(9).await.unwrap(), "forwarded");
    let direct = site().with_proxy(ProxySetting::Direct);
    let reply = client.send(&direct, get(&server.url("/")), &deadlines()).await.unwrap();
    assert_eq!(reply.body.collect(9).await.unwrap(), "hello");
    assert_eq!(asked.lock().unwrap().len(), 1);
}
