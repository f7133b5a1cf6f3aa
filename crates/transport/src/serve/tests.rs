use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;
use crate::Chunks;
use crate::testing::{certificates, closed, hello, read_head, served, until};

async fn dial(server: &crate::testing::Served) -> TcpStream {
    TcpStream::connect(server.addr).await.unwrap()
}

async fn answer_to(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn whole_replies_have_a_length_and_empty_ones_too() {
    let server = hello(None);
    let answer = answer_to(&mut dial(&server).await, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert!(answer.contains("content-length: 5\r\n"), "{answer}");
    let server = served(None, ServeOptions::default(), |_, _| async { Response::new(ReplyBody::whole(Bytes::new())) });
    let answer = answer_to(&mut dial(&server).await, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("content-length: 0\r\n"), "{answer}");
}

#[tokio::test]
async fn the_service_learns_who_asks() {
    let server = served(None, ServeOptions::default(), |_, peer| async move {
        Response::new(ReplyBody::whole(format!("{} {:?}", peer.addr, peer.security)))
    });
    let mut stream = dial(&server).await;
    let local = stream.local_addr().unwrap();
    let answer = answer_to(&mut stream, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with(&format!("{local} Plain")), "{answer}");
}

#[tokio::test]
async fn garbage_ends_its_connection_and_nothing_else() {
    let server = hello(None);
    let garbage: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x00\x00\x00\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage frames, not settings at all, long enough to be read",
        b"GET / HTTP/1.1\r\nbroken header line\r\n\r\n",
    ];
    for bytes in garbage {
        let mut stream = dial(&server).await;
        stream.write_all(bytes).await.unwrap();
        closed(&mut stream).await;
    }
    let answer = answer_to(&mut dial(&server).await, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_service_that_panics_ends_its_connection_and_nothing_else() {
    let server = served(None, ServeOptions::default(), |request, _| async move {
        assert_ne!(request.uri().path(), "/panic");
        Response::new(ReplyBody::whole("fine"))
    });
    let mut stream = dial(&server).await;
    stream.write_all(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    closed(&mut stream).await;
    let answer = answer_to(&mut dial(&server).await, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("fine"), "{answer}");
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_431() {
    let heads = Heads::new(HeadLimits { fields: 20, bytes: 16 * 1024, ..HeadLimits::default() });
    let options = ServeOptions { heads, ..ServeOptions::default() };
    let server = served(None, options, |_, _| async { Response::new(ReplyBody::empty()) });
    let many: String = (0..21).map(|number| format!("h{number}: x\r\n")).collect();
    let large = format!("large: {}\r\n", "x".repeat(17 * 1024));
    for bomb in [many, large] {
        let request = format!("GET / HTTP/1.1\r\n{bomb}\r\n");
        let answer = answer_to(&mut dial(&server).await, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
    let endless = vec![b'x'; 200 * 1024];
    let mut stream = dial(&server).await;
    // The server hangs up before all of it is written.
    let _ = stream.write_all(&endless).await;
    closed(&mut stream).await;
}

#[tokio::test(start_paused = true)]
async fn slow_heads_are_cut_at_every_stage() {
    let tls = certificates();
    let stages: [&[u8]; 5] = [b"", b"P", b"PRI * HTTP/2.0\r\n", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"];
    for server in [hello(None), hello(Some(tls.server()))] {
        for bytes in stages {
            let started = Instant::now();
            let mut stream = dial(&server).await;
            stream.write_all(bytes).await.unwrap();
            closed(&mut stream).await;
            assert!(started.elapsed() <= Duration::from_secs(61), "{:?}", started.elapsed());
        }
    }
}

/// Seconds, of the clock that stands still.
const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// One end of a connection in memory, whose other end is served: no kernel in between, so that the clock moves only
/// when both sides wait.
fn in_memory(tasks: &Tasks) -> (tokio::io::DuplexStream, crate::Drain) {
    let (drain, mut watch) = crate::Drain::new();
    let service = |_: Request<Incoming>, _: PeerInfo| async { Response::new(ReplyBody::whole("hello")) };
    let server = Server::new(tasks.spawner(), None, ServeOptions::default(), service, watch.clone());
    let (near, far) = tokio::io::duplex(64 * 1024);
    let peer = PeerInfo { addr: crate::testing::LOCAL, security: Security::Plain };
    tasks.spawn(async move {
        let _ = Arc::new(server).speak(far, peer, &mut watch).await;
    });
    (near, drain)
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_is_answered_when_its_time_is_up() {
    let tasks = Tasks::new();
    let (mut stream, _drain) = in_memory(&tasks);
    let started = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    let mut answer = Vec::new();
    let mut sink = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut sink) => match read {
                Ok(count @ 1..) => answer.extend_from_slice(&sink[..count]),
                _ => break,
            },
            () = tokio::time::sleep(seconds(3)) => stream.write_all(b"a").await.unwrap(),
        }
    }
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(started.elapsed().as_secs(), 30);
    assert!(!tasks.is_empty(), "what the client still sends is read, so that the answer is not lost to a reset");
    tokio::time::sleep(LINGER_AT_MOST).await;
    assert!(tasks.is_empty(), "but not for ever");
}

/// Longer than a refused client is listened to.
const LINGER_AT_MOST: Duration = seconds(5);

#[tokio::test(start_paused = true)]
async fn a_kept_connection_may_idle_so_long_and_no_longer() {
    let tasks = Tasks::new();
    let (mut stream, _drain) = in_memory(&tasks);
    for (idle, halfway) in [(0, 29), (99, 29), (99, 0), (0, 29)] {
        tokio::time::sleep(seconds(idle)).await;
        // The second half of the head has time of its own.
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        tokio::time::sleep(seconds(halfway)).await;
        stream.write_all(b"Host: x\r\n\r\n").await.unwrap();
        read_until(&mut stream, "hello").await;
    }
    let idle = Instant::now();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "an idle connection ends without a word: {}", String::from_utf8_lossy(&rest));
    assert_eq!(idle.elapsed().as_secs(), 100);
}

#[tokio::test]
async fn each_refusal_is_reported_once_and_an_answered_request_never() {
    let reasons = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&reasons);
    let refuser = Refuser::new(move |refused| {
        seen.lock().unwrap().push((refused.reason, refused.head.uri.path().to_owned()));
        Response::new(Bytes::from_static(b"refused"))
    });
    let options = ServeOptions { refuser, ..ServeOptions::default() };
    let server =
        served(None, options, |_, _| async { Response::new(ReplyBody::whole("HTTP/1.1 400 Bad Request\r\n")) });
    let mut stream = dial(&server).await;
    for _ in 0..3 {
        stream.write_all(ASK).await.unwrap();
        read_until(&mut stream, "400 Bad Request").await;
    }
    let answer = answer_to(&mut stream, b"GET /a HTTP/1.1\r\n: x\r\n\r\n").await;
    assert!(answer.ends_with("\r\n\r\nrefused"), "{answer}");
    let answer = answer_to(&mut dial(&server).await, &[b"GET /b?".as_slice(), &[b'x'; 400_000]].concat()).await;
    assert!(answer.ends_with("\r\n\r\nrefused"), "{answer}");
    let expected = [(crate::Reason::Malformed, "/a".to_owned()), (crate::Reason::TooLarge, "/b".to_owned())];
    assert_eq!(*reasons.lock().unwrap(), expected);
}

#[tokio::test]
async fn after_an_upgrade_nothing_is_taken_for_a_refusal() {
    let server = served(None, ServeOptions::default(), |mut request, _| async move {
        let upgraded = hyper::upgrade::on(&mut request);
        let tasks = Tasks::new();
        tasks.spawn(async move {
            let mut stream = TokioIo::new(upgraded.await.unwrap());
            stream.write_all(b"HTTP/1.1 400 is said by the other protocol").await.unwrap();
            stream.shutdown().await.unwrap();
        });
        std::mem::forget(tasks);
        let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
        response.body(ReplyBody::empty()).unwrap()
    });
    let ask = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let answer = answer_to(&mut dial(&server).await, ask).await;
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("said by the other protocol"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_connection_that_falls_silent_is_cut() {
    let made = certificates();
    let server = hello(Some(made.server()));
    let config = made.client().config(crate::client::Versions::Any).unwrap();
    let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(config);
    let mut stream = connector.connect(name, dial(&server).await).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let mut sink = [0; 64];
    while !matches!(stream.read(&mut sink).await, Ok(0) | Err(_)) {}
}

#[tokio::test]
async fn above_the_cap_the_next_one_waits() {
    let options = ServeOptions { connections: Cap::new(1), ..ServeOptions::default() };
    let server = served(None, options, |_, _| async { Response::new(ReplyBody::whole("served")) });
    let mut first = dial(&server).await;
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = dial(&server).await;
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    // A second request on the first connection is a round trip in which the second had its chance.
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(read_head(&mut first).await.contains("200"));
    assert_eq!(second.try_read(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    assert!(read_head(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_place_under_a_shared_cap_is_for_whoever_has_a_connection() {
    let options = ServeOptions { connections: Cap::new(1), ..ServeOptions::default() };
    let serve = |_| served(None, options.clone(), |_, _| async { Response::new(ReplyBody::whole("served")) });
    // The first begins first, and nobody comes to it.
    let [_idle, asked] = [0, 1].map(serve);
    let mut stream = dial(&asked).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = timeout(seconds(60), read_head(&mut stream)).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 200"), "the place is held by whoever has no use for it");
}

/// Sets a flag when it is dropped.
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_work_for_it() {
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&dropped);
    let server = served(None, ServeOptions::default(), move |_, _| {
        let flag = Flag(Arc::clone(&seen));
        async move {
            std::future::pending::<()>().await;
            drop(flag);
            Response::new(ReplyBody::empty())
        }
    });
    let mut stream = dial(&server).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    until(|| server.accepted() == 1).await;
    drop(stream);
    until(|| dropped.load(Ordering::SeqCst)).await;
}

/// A stream whose chunks the test releases.
struct Released {
    chunks: tokio::sync::mpsc::UnboundedReceiver<Result<Bytes, BoxError>>,
    _flag: Option<Flag>,
}

impl Chunks for Released {
    fn poll_chunk(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.chunks.poll_recv(cx)
    }
}

type Release = tokio::sync::mpsc::UnboundedSender<Result<Bytes, BoxError>>;

/// A server that answers its first request with a stream that the test feeds.
fn streaming(flag: Option<Flag>) -> (Release, crate::testing::Served) {
    let (release, chunks) = tokio::sync::mpsc::unbounded_channel();
    let body = std::sync::Mutex::new(Some(Released { chunks, _flag: flag }));
    let server = served(None, ServeOptions::default(), move |_, _| {
        let body = body.lock().unwrap().take();
        async move { Response::new(body.map_or_else(ReplyBody::empty, ReplyBody::stream)) }
    });
    (release, server)
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

async fn read_until(stream: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains(text) {
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "{}", String::from_utf8_lossy(&got));
    }
    String::from_utf8_lossy(&got).into_owned()
}

#[tokio::test]
async fn each_chunk_is_flushed_when_it_comes_and_an_error_cuts_the_stream() {
    let (release, server) = streaming(None);
    let mut stream = dial(&server).await;
    stream.write_all(ASK).await.unwrap();
    for text in ["one", "two"] {
        release.send(Ok(Bytes::from(text))).unwrap();
        read_until(&mut stream, text).await;
    }
    release.send(Err("upstream broke".into())).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("0\r\n\r\n"), "no clean end");
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_drops_its_source() {
    let dropped = Arc::new(AtomicBool::new(false));
    let (release, server) = streaming(Some(Flag(Arc::clone(&dropped))));
    let mut stream = dial(&server).await;
    stream.write_all(ASK).await.unwrap();
    release.send(Ok(Bytes::from("one"))).unwrap();
    read_until(&mut stream, "one").await;
    drop(stream);
    until(|| dropped.load(Ordering::SeqCst)).await;
}

#[tokio::test]
async fn a_drain_lets_the_answer_in_flight_finish_and_closes_idle_connections() {
    let (release, server) = streaming(None);
    let mut idle = dial(&server).await;
    let mut busy = dial(&server).await;
    busy.write_all(ASK).await.unwrap();
    release.send(Ok(Bytes::from("one"))).unwrap();
    read_until(&mut busy, "one").await;
    idle.write_all(ASK).await.unwrap();
    read_head(&mut idle).await;
    server.drain.start(Duration::from_secs(60));
    closed(&mut idle).await;
    until(|| std::net::TcpStream::connect(server.addr).is_err()).await;
    release.send(Ok(Bytes::from("two"))).unwrap();
    drop(release);
    let rest = read_until(&mut busy, "0\r\n\r\n").await;
    assert!(rest.contains("two"), "{rest}");
    closed(&mut busy).await;
    let drained = server.done.await.unwrap();
    assert_eq!(drained.aborted, 0);
    assert!(drained.finished >= 1, "{drained:?}");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_drain_cuts_what_is_left() {
    let (release, server) = streaming(None);
    let mut busy = dial(&server).await;
    busy.write_all(ASK).await.unwrap();
    release.send(Ok(Bytes::from("one"))).unwrap();
    read_until(&mut busy, "one").await;
    server.drain.start(Duration::from_secs(3600));
    server.drain.start(Duration::from_secs(5));
    let started = Instant::now();
    closed(&mut busy).await;
    assert!(started.elapsed() < Duration::from_secs(10), "the second call shortens");
    assert_eq!(server.done.await.unwrap(), Drained { finished: 0, aborted: 1 });
}

#[tokio::test]
async fn dropping_the_server_cuts_everything() {
    let (release, server) = streaming(None);
    let mut busy = dial(&server).await;
    busy.write_all(ASK).await.unwrap();
    release.send(Ok(Bytes::from("one"))).unwrap();
    read_until(&mut busy, "one").await;
    drop(server);
    closed(&mut busy).await;
}

#[tokio::test]
async fn http2_in_clear_by_prior_knowledge_goes_away_in_good_order() {
    let gate = Arc::new(Notify::new());
    let inside = Arc::new(AtomicUsize::new(0));
    let (held, entered) = (Arc::clone(&gate), Arc::clone(&inside));
    let server = served(None, ServeOptions::default(), move |request, _| {
        let (held, entered) = (Arc::clone(&held), Arc::clone(&entered));
        async move {
            entered.fetch_add(1, Ordering::SeqCst);
            held.notified().await;
            Response::new(ReplyBody::whole(format!("{:?}", request.version())))
        }
    });
    let tasks = Tasks::new();
    let io = TokioIo::new(dial(&server).await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, http_body_util::Empty<Bytes>>(tasks.spawner(), io).await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Flag(Arc::clone(&ended));
    tasks.spawn(async move {
        let _ = connection.await;
        drop(flag);
    });
    let request = Request::get("http://x/").body(http_body_util::Empty::new()).unwrap();
    let answer = sender.send_request(request);
    until(|| inside.load(Ordering::SeqCst) == 1).await;
    server.drain.start(Duration::from_secs(60));
    gate.notify_one();
    let body = answer.await.unwrap().into_body();
    assert_eq!(crate::body::collect(body, 100, Duration::from_secs(9)).await.unwrap(), "HTTP/2.0");
    until(|| ended.load(Ordering::SeqCst)).await;
    assert_eq!(server.done.await.unwrap(), Drained { finished: 1, aborted: 0 });
}

#[tokio::test]
async fn bodies_of_requests_are_bounded_on_the_wire() {
    let server = served(None, ServeOptions::default(), |request, _| async move {
        let got = crate::body::collect(request.into_body(), 8, Duration::from_secs(5)).await;
        let status = got.map_or_else(|error| error.status(), |_| StatusCode::OK);
        Response::builder().status(status).body(ReplyBody::empty()).unwrap()
    });
    let cases = [
        ("Content-Length: 8\r\n\r\n12345678", 200),
        ("Content-Length: 9\r\n\r\n123456789", 413),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n5\r\n12345\r\n0\r\n\r\n", 413),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\n1234\r\nzz\r\n", 400),
    ];
    for (rest, status) in cases {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{rest}");
        let answer = answer_to(&mut dial(&server).await, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{rest}: {answer}");
    }
}

#[tokio::test]
async fn the_task_of_a_connection_is_small() {
    let streams = Tasks::new();
    let (_drain, watch) = crate::Drain::new();
    let service = |_: Request<Incoming>, _: PeerInfo| async { Response::new(ReplyBody::empty()) };
    let server = Arc::new(Server::new(streams.spawner(), None, ServeOptions::default(), service, watch));
    let listener = crate::Listener::bind(crate::testing::LOCAL).unwrap();
    let (addr, mut acceptor) = (listener.addr(), listener.start().unwrap());
    let (client, accepted) = tokio::join!(TcpStream::connect(addr), acceptor.accept());
    let size = size_of_val(&server.connection(accepted.unwrap().unwrap()));
    assert!(size <= 1024, "{size} bytes for each open connection, beside hyper's own");
    drop(client);
}

/// How often a service was polled from its beginning to its end.
async fn polls_of(body: &'static str) -> usize {
    let (polls, taken, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let (counted, seen, wait) = (Arc::clone(&polls), Arc::clone(&taken), Arc::clone(&go));
    let server = served(None, ServeOptions::default(), move |request, _| {
        let (counted, seen, wait) = (Arc::clone(&counted), Arc::clone(&seen), Arc::clone(&wait));
        let mut work = Box::pin(async move {
            let whole = crate::body::collect(request.into_body(), 1 << 20, Duration::from_secs(60)).await;
            seen.store(true, Ordering::SeqCst);
            wait.notified().await;
            Response::new(ReplyBody::whole(whole.unwrap()))
        });
        std::future::poll_fn(move |cx| {
            counted.fetch_add(1, Ordering::SeqCst);
            work.as_mut().poll(cx)
        })
    });
    let mut stream = dial(&server).await;
    let length = body.len();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).await.unwrap();
    until(|| taken.load(Ordering::SeqCst)).await;
    // Another request goes all the way: whatever the first has woken has had its turn.
    let other = answer_to(&mut dial(&server).await, b"GARBAGE\r\n\r\n").await;
    assert!(other.starts_with("HTTP/1.1 400 "), "{other}");
    go.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(body), "{answer}");
    polls.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_body_that_came_with_its_head_wakes_nobody() {
    assert_eq!(polls_of("").await, 2);
    assert_eq!(polls_of("a small body").await, 2);
}
