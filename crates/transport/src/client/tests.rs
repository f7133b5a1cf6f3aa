use bytes::Bytes;

use crate::testing::{client, deadlines, get, hello, post, site};

#[tokio::test]
async fn answers_come_and_the_connection_is_used_again() {
    let server = hello(None);
    let client = client();
    for _ in 0..5 {
        let reply = client.send(&site(), post(&server.url("/a?b=c"), "body"), &deadlines()).await.unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body.collect(100).await.unwrap(), Bytes::from("hello"));
    }
    assert_eq!(server.accepted(), 1);
    let reply = client.send(&site(), get(&server.url("/a?b=c")), &deadlines()).await.unwrap();
    let seen = reply.headers["x-seen"].to_str().unwrap();
    assert!(seen.starts_with("HTTP/1.1 /a?b=c {\"host\": \"127.0.0.1:"), "{seen}");
    assert_eq!(seen.matches(": ").count(), 1, "only Host is added: {seen}");
}
