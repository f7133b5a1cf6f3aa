//! URLs that others supplied.

use super::*;
use crate::testing::Served;

/// A site of pages: redirects, a picture, an error.
fn pages() -> Served {
    served(None, ServeOptions::default(), |request, _| async move {
        let redirect = |to: &str| Response::builder().status(302).header("location", to).body(ReplyBody::empty());
        let reply = match request.uri().path() {
            "/picture" => Response::builder().header("content-type", "image/png").body(ReplyBody::whole("pixels")),
            "/1" => redirect("picture"),
            "/2" => redirect("/1"),
            "/3" => redirect("/2"),
            "/4" => redirect("/3"),
            "/file" => redirect("file:///etc/passwd"),
            "/nowhere" => Response::builder().status(302).body(ReplyBody::empty()),
            _ => Response::builder().status(404).body(ReplyBody::empty()),
        };
        reply.unwrap()
    })
}

fn anywhere() -> FetchLimits {
    FetchLimits { policy: AddressPolicy::Any, ..FetchLimits::default() }
}

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    let server = pages();
    for path in ["/picture", "/1", "/2", "/3#fragment"] {
        let fetched = client().fetch(&server.url(path), &anywhere()).await.unwrap();
        assert_eq!((fetched.content_type.as_deref(), &fetched.body[..]), (Some("image/png"), b"pixels".as_slice()));
    }
    let error = client().fetch(&server.url("/4"), &anywhere()).await.unwrap_err();
    assert!(matches!(error, FetchError::Redirects(3)), "{error:?}");
}

#[tokio::test]
async fn what_is_no_picture_of_the_web_is_refused() {
    let server = pages();
    for url in ["", "picture.png", "file:///etc/passwd", "data:,x", "ftp://h/", &server.url("/file")] {
        let error = client().fetch(url, &anywhere()).await.unwrap_err();
        assert!(matches!(error, FetchError::Url(_)), "{url}: {error:?}");
    }
    for (path, status) in [("/missing", 404), ("/nowhere", 302)] {
        let error = client().fetch(&server.url(path), &anywhere()).await.unwrap_err();
        assert!(matches!(error, FetchError::Status(code) if code == status), "{error:?}");
    }
    let small = FetchLimits { max_bytes: 5, ..anywhere() };
    let error = client().fetch(&server.url("/picture"), &small).await.unwrap_err();
    assert!(matches!(error, FetchError::Read(ReadError::TooLarge(5))), "{error:?}");
}

#[tokio::test]
async fn private_addresses_are_blocked_in_every_spelling() {
    let server = pages();
    let port = server.addr.port();
    let spellings =
        ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "127.1"];
    for host in spellings {
        let url = format!("http://{host}:{port}/picture");
        let error = client().fetch(&url, &FetchLimits::default()).await.unwrap_err();
        let blocked = matches!(&error, FetchError::Send(SendError::Connect(ConnectError::Blocked { .. })));
        assert!(blocked, "{host}: {error:?}");
    }
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_blocked_even_behind_a_proxy() {
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let proxy = scripted(move |mut stream, _| {
        let seen = Arc::clone(&seen);
        async move {
            let head = read_head(&mut stream).await;
            seen.lock().unwrap().push(head);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            read_head(&mut stream).await;
            let answer = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let proxy_setting = ProxySetting::parse(&format!("http://{}", proxy.addr)).unwrap();
    let limits = FetchLimits { proxy: proxy_setting, ..FetchLimits::default() };
    let error = client().fetch("http://93.184.216.34/picture", &limits).await.unwrap_err();
    assert!(
        matches!(&error, FetchError::Send(SendError::Connect(ConnectError::Blocked { host })) if host == "169.254.169.254"),
        "{error:?}"
    );
    let heads = heads.lock().unwrap();
    assert_eq!(heads.len(), 1, "the second was never asked for");
    assert!(heads[0].starts_with("CONNECT 93.184.216.34:80 "), "a checked address, in a tunnel: {heads:?}");
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_covers_everything() {
    let silent = scripted(|mut stream, _| async move { closed(&mut stream).await }).await;
    let limits = FetchLimits { within: Duration::from_secs(3), ..anywhere() };
    let error = client().fetch(&format!("http://{}/", silent.addr), &limits).await.unwrap_err();
    assert!(matches!(error, FetchError::Timeout(_) | FetchError::Send(SendError::Timeout { .. })), "{error:?}");
}
