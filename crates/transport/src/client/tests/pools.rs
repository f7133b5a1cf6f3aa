//! Connections are kept, shared where they may be, never shared across sites, and given up in time.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::testing::until;

/// A server that holds every request until it is told to go on.
fn holding() -> (Arc<Notify>, Arc<AtomicUsize>, crate::testing::Served) {
    let (gate, inside) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
    let (held, entered) = (Arc::clone(&gate), Arc::clone(&inside));
    let server = served(None, ServeOptions::default(), move |_, _| {
        let (held, entered) = (Arc::clone(&held), Arc::clone(&entered));
        async move {
            entered.fetch_add(1, Ordering::SeqCst);
            held.notified().await;
            Response::new(ReplyBody::whole("held"))
        }
    });
    (gate, inside, server)
}

async fn fully(client: &Client, site: &Site, url: &str) -> Freshness {
    let reply = client.send(site, get(url), &deadlines()).await.unwrap();
    let connection = reply.connection;
    reply.body.collect(1000).await.unwrap();
    connection
}

/// Connections that lie idle.
fn idle(client: &Client) -> usize {
    client.inner.origins().values().flatten().map(|origin| origin.idle()).sum()
}

#[tokio::test]
async fn requests_one_after_another_use_one_connection() {
    let server = hello(None);
    let client = client();
    for _ in 0..20 {
        fully(&client, &site(), &server.url("/")).await;
    }
    assert_eq!(server.accepted(), 1);
    assert_eq!(fully(&client.clone(), &site(), &server.url("/")).await, Freshness::Reused, "clones share");
}

#[tokio::test]
async fn answers_without_a_body_give_the_connection_back_at_once() {
    let server = served(None, ServeOptions::default(), |_, _| async {
        Response::builder().status(204).body(ReplyBody::empty()).unwrap()
    });
    let client = client();
    let first = client.send(&site(), get(&server.url("/")), &deadlines()).await.unwrap();
    let mut head = get(&server.url("/"));
    *head.method_mut() = Method::HEAD;
    let second = client.send(&site(), head, &deadlines()).await.unwrap();
    assert_eq!((second.connection, server.accepted()), (Freshness::Reused, 1));
    drop((first, second));
}

#[tokio::test]
async fn a_body_read_to_its_end_but_not_to_the_none_gives_the_connection_back() {
    let server = hello(None);
    let client = client();
    let mut reply = client.send(&site(), get(&server.url("/")), &deadlines()).await.unwrap();
    assert_eq!(reply.body.next().await.unwrap().unwrap(), "hello");
    drop(reply);
    assert_eq!(fully(&client, &site(), &server.url("/")).await, Freshness::Reused);
}

#[tokio::test]
async fn sites_never_share_a_connection() {
    let server = hello(None);
    let client = client();
    let sites = [
        site(),
        Site::new("account-2"),
        site().with_proxy(ProxySetting::Direct),
        Site { versions: Versions::Http1, ..site() },
    ];
    for (count, site) in sites.iter().enumerate() {
        assert_eq!(fully(&client, site, &server.url("/")).await, Freshness::New);
        assert_eq!(fully(&client, site, &server.url("/")).await, Freshness::Reused);
        assert_eq!(server.accepted(), count + 1);
    }
}

#[tokio::test]
async fn requests_at_once_get_a_connection_each_and_leave_it_for_the_next() {
    let (gate, inside, server) = holding();
    let client = client();
    for _ in 0..3 {
        let round = async {
            let (site, url) = (site(), server.url("/"));
            tokio::join!(fully(&client, &site, &url), fully(&client, &site, &url), fully(&client, &site, &url));
        };
        let release = async {
            until(|| inside.load(Ordering::SeqCst) == 3).await;
            inside.store(0, Ordering::SeqCst);
            for _ in 0..3 {
                gate.notify_one();
                tokio::task::yield_now().await;
            }
            gate.notify_waiters();
        };
        tokio::join!(round, release);
    }
    assert_eq!(server.accepted(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_on_many_threads_connections_do_not_churn() {
    let server = hello(None);
    let client = client();
    let tasks = Tasks::new();
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..8 {
        let (client, url, done) = (client.clone(), server.url("/"), Arc::clone(&done));
        tasks.spawn(async move {
            for _ in 0..200 {
                fully(&client, &site(), &url).await;
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    tasks.idle().await;
    assert_eq!(done.load(Ordering::SeqCst), 1600);
    // At most 8 are needed at once; a few more may be made while an old one is between two answers.
    assert!(server.accepted() <= 32, "{}", server.accepted());
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_replaced_silently() {
    let server = scripted(|mut stream, _| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    })
    .await;
    let client = client();
    let url = format!("http://{}/", server.addr);
    assert_eq!(fully(&client, &site(), &url).await, Freshness::New);
    // The close needs a turn of the reactor to be seen.
    until(|| {
        client.inner.sweep();
        idle(&client) == 0
    })
    .await;
    assert_eq!(fully(&client, &site(), &url).await, Freshness::New);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_in_time() {
    let server = hello(None);
    let client = client();
    fully(&client, &Site::new("a"), &server.url("/")).await;
    assert_eq!(idle(&client), 1);
    let started = Instant::now();
    // Empty means that the origin is forgotten too.
    while !client.inner.origins().is_empty() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let after = started.elapsed();
    assert!((Duration::from_secs(90)..Duration::from_secs(200)).contains(&after), "{after:?}");
    assert_eq!(fully(&client, &Site::new("a"), &server.url("/")).await, Freshness::New);
}

#[tokio::test]
async fn a_dropped_client_closes_its_connections() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&gone);
    let server = scripted(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            closed(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let client = client();
    fully(&client, &site(), &format!("http://{}/", server.addr)).await;
    assert_eq!((idle(&client), gone.load(Ordering::SeqCst)), (1, 0));
    drop(client);
    until(|| gone.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn an_answer_outlives_its_client() {
    let server = hello(None);
    let reply = client().send(&site(), get(&server.url("/")), &deadlines()).await.unwrap();
    assert_eq!(reply.body.collect(10).await.unwrap(), "hello");
}

#[tokio::test]
async fn the_number_of_origins_is_bounded_and_the_least_used_goes_first() {
    let server = hello(None);
    let client = Client::new(ClientOptions { max_origins: 2, ..ClientOptions::default() });
    let [a, b, c] = ["a", "b", "c"].map(Site::new);
    for site in [&a, &b, &a, &c] {
        fully(&client, site, &server.url("/")).await;
    }
    assert_eq!(client.inner.origins().len(), 2);
    assert_eq!(fully(&client, &a, &server.url("/")).await, Freshness::Reused);
    assert_eq!(fully(&client, &b, &server.url("/")).await, Freshness::New);
}

#[test]
fn a_body_may_be_dropped_after_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(async {
        let server = hello(None);
        client().send(&site(), get(&server.url("/")), &deadlines()).await.unwrap()
    });
    drop(runtime);
    drop(reply);
}
