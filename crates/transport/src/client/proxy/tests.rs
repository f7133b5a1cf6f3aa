use super::*;

const SECRET: &str = "hunter2";

#[test]
fn all_schemes_are_read_and_credentials_decoded() {
    let cases = [
        ("http://proxy", "http://proxy:80"),
        ("proxy:3128", "http://proxy:3128"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("socks5://[::1]:9", "socks5h://[::1]:9"),
        ("socks5h://10.0.0.1", "socks5h://10.0.0.1:1080"),
    ];
    for (text, shown) in cases {
        assert_eq!(ProxyUrl::parse(text).unwrap().to_string(), shown);
    }
    let url = ProxyUrl::parse("socks5://us%40er:p%3Ass@host:1").unwrap();
    let Credentials { user, password } = url.credentials().unwrap();
    assert_eq!((user.as_str(), password.as_str()), ("us@er", "p:ss"));
    assert_eq!(ProxyUrl::parse("http://us%40er:p%3Ass@host:1").unwrap().basic().unwrap(), "Basic dXNAZXI6cDpzcw==");
}

#[test]
fn nothing_printable_shows_the_credentials() {
    let setting = ProxySetting::parse(&format!("http://{SECRET}:{SECRET}@proxy:1")).unwrap();
    let environment = ProxyEnvironment::from_lookup(|name| {
        (!name.eq_ignore_ascii_case("no_proxy")).then(|| format!("socks5://{SECRET}:{SECRET}@proxy:1"))
    });
    let ProxySetting::Url(url) = &setting else { panic!("{setting:?}") };
    assert!(url.basic().unwrap().is_sensitive());
    for shown in [format!("{setting:?}"), format!("{url} {url:?}"), format!("{environment:?}")] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    for bad in [format!("ftp://{SECRET}@x"), format!("http://{SECRET}:@"), format!("http://:{SECRET}@:9")] {
        let error = ProxyUrl::parse(&bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    }
}

#[test]
fn settings_have_words_for_none() {
    assert_eq!(ProxySetting::parse(" Direct ").unwrap(), ProxySetting::Direct);
    assert_eq!(ProxySetting::parse("none").unwrap(), ProxySetting::Direct);
    assert_eq!(ProxySetting::parse("").unwrap(), ProxySetting::Environment);
    assert_eq!(ProxySetting::parse("socks4://x"), Err(ProxyUrlError::Scheme));
    let long = "x".repeat(256);
    assert_eq!(ProxySetting::parse(&format!("socks5://{long}:p@x")), Err(ProxyUrlError::Credentials));
}

fn routed(environment: &ProxyEnvironment, target: &str) -> String {
    match ProxySetting::Environment.route(environment, &target.parse().unwrap()).unwrap() {
        Route::Direct => "direct".to_owned(),
        Route::Via(url) => url.to_string(),
    }
}

#[test]
fn the_environment_decides_by_scheme_and_host() {
    let environment = ProxyEnvironment::from_lookup(|name| {
        let value = match name {
            "HTTP_PROXY" => "http://upper:1",
            "http_proxy" => "http://lower:1",
            "HTTPS_PROXY" => "http://user:pass@secure:2",
            "no_proxy" => "internal.example, 10.0.0.0/8,.dotted.example",
            _ => return None,
        };
        Some(value.to_owned())
    });
    let cases = [
        ("http://a.example/x", "http://lower:1"),
        ("https://a.example", "http://secure:2"),
        ("https://internal.example", "direct"),
        ("https://sub.internal.example", "direct"),
        ("https://notinternal.example", "http://secure:2"),
        ("http://10.1.2.3", "direct"),
        ("http://x.dotted.example", "direct"),
    ];
    for (target, expected) in cases {
        assert_eq!(routed(&environment, target), expected, "{target}");
    }
    let Route::Via(url) = ProxySetting::Environment.route(&environment, &Uri::from_static("https://a.b")).unwrap()
    else {
        panic!("direct");
    };
    assert_eq!(url.basic().unwrap(), "Basic dXNlcjpwYXNz");
    assert!(matches!(ProxySetting::Direct.route(&environment, &Uri::from_static("https://a.b")), Ok(Route::Direct)));
}

#[test]
fn all_proxy_fills_the_gaps() {
    let environment = ProxyEnvironment::from_lookup(|name| match name {
        "ALL_PROXY" => Some("socks5://all:1".to_owned()),
        "HTTPS_PROXY" => Some("http://secure:2".to_owned()),
        _ => None,
    });
    assert_eq!(routed(&environment, "http://a.b"), "socks5h://all:1");
    assert_eq!(routed(&environment, "https://a.b"), "http://secure:2");
    assert_eq!(routed(&ProxyEnvironment::default(), "https://a.b"), "direct");
}
