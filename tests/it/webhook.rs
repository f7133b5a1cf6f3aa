//! Whoever wants to hear of the health of accounts: slow, sending elsewhere, or gone. No request waits for them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::client::Got;
use testkit::{FakeOpenAi, Gateway, Reply, Trouble};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::harness::{MODEL, Setup, soon};
use crate::tongue::Chat;

/// What becomes of one call.
#[derive(Clone)]
enum Does {
    Answers(String),
    /// Nothing before this rings.
    Waits(Arc<Notify>),
}

/// A receiver. Without a script it takes everything.
struct Hook {
    address: SocketAddr,
    told: watch::Receiver<Vec<String>>,
    script: Arc<Mutex<VecDeque<Does>>>,
    _tasks: JoinSet<()>,
}

const TAKEN: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";

impl Hook {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, told) = watch::channel(Vec::new());
        let script: Arc<Mutex<VecDeque<Does>>> = Arc::default();
        let scripted = Arc::clone(&script);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut calls = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                calls.spawn(serve(stream, sender.clone(), Arc::clone(&scripted)));
            }
        });
        Self { address, told, script, _tasks: tasks }
    }

    fn script(&self, does: Does) {
        self.script.lock().unwrap().push_back(does);
    }

    /// What was told, once it is that much.
    async fn told(&self, count: usize) -> Vec<Value> {
        let mut told = self.told.clone();
        let told = soon(told.wait_for(|told| told.len() >= count)).await.unwrap().clone();
        told.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

async fn serve(mut stream: TcpStream, told: watch::Sender<Vec<String>>, script: Arc<Mutex<VecDeque<Does>>>) {
    let mut heard = String::new();
    let body = loop {
        let mut piece = [0; 4096];
        let n = stream.read(&mut piece).await.unwrap_or_default();
        heard.push_str(std::str::from_utf8(&piece[..n]).unwrap());
        let Some((head, body)) = heard.split_once("\r\n\r\n") else {
            if n == 0 {
                return;
            }
            continue;
        };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break body.to_owned();
        }
    };
    told.send_modify(|told| told.push(body));
    let does = script.lock().unwrap().pop_front();
    let answer = match does {
        None => TAKEN.to_owned(),
        Some(Does::Answers(answer)) => answer,
        Some(Does::Waits(bell)) => {
            bell.notified().await;
            TAKEN.to_owned()
        }
    };
    _ = stream.write_all(answer.as_bytes()).await;
}

struct Town {
    fake: FakeOpenAi,
    gateway: Gateway,
}

impl Town {
    /// One account, which is benched for a limit and back at the first answer after it.
    async fn new(hook: &Hook) -> Self {
        let fake = FakeOpenAi::start().await.unwrap();
        let setup = Setup::new().with("disable-cooling", json!(false)).with("health-webhook", json!(hook.url()));
        let mut setup = setup.with("max-retry-interval", json!(5)).openai(&fake, 0);
        let accounts: Vec<_> = (0..8).map(|n| json!({"name": "chat-model", "alias": format!("m{n}")})).collect();
        setup.0["openai-compatibility"][0]["models"] = json!(accounts);
        Self { gateway: setup.start().await, fake }
    }

    async fn ask(&self) -> Got {
        soon(Chat.ask(&self.gateway, &Chat.body("m0", false))).await
    }

    /// Two changes: benched, and back.
    async fn comes_and_goes(&self) {
        self.fake.script(Reply::trouble(Trouble::RateLimited(1)));
        assert_eq!(self.ask().await.status, 429);
        assert_eq!(self.ask().await.status, 200, "{MODEL}");
    }
}

fn states(told: &[Value]) -> Vec<&str> {
    told.iter().map(|told| told["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_slow_receiver_holds_up_no_request_and_hears_all_in_order() {
    let (hook, bell) = (Hook::start().await, Arc::new(Notify::new()));
    hook.script(Does::Waits(Arc::clone(&bell)));
    let town = Town::new(&hook).await;
    town.comes_and_goes().await;
    assert_eq!(states(&hook.told(1).await), ["unhealthy"]);
    assert_eq!(town.ask().await.status, 200, "the receiver has not answered yet");
    bell.notify_one();
    town.comes_and_goes().await;
    // The first may be told again, when the receiver was too slow.
    for count in 4.. {
        let heard = states(&hook.told(count).await).join(" ");
        if heard.ends_with("recovered unhealthy recovered") {
            break;
        }
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_does_not_keep_the_program_from_its_end() {
    let hook = Hook::start().await;
    hook.script(Does::Waits(Arc::default()));
    let town = Town::new(&hook).await;
    town.comes_and_goes().await;
    hook.told(1).await;
    let Town { gateway, fake: _fake } = town;
    let (status, _) = soon(gateway.terminate()).await.unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_receiver_that_sends_elsewhere_is_not_followed_but_told_again() {
    let (hook, elsewhere) = (Hook::start().await, Hook::start().await);
    for (status, way) in [("302 Found", "GET"), ("307 Temporary Redirect", "POST")] {
        let location = elsewhere.url();
        hook.script(Does::Answers(format!(
            "HTTP/1.1 {status}\r\nlocation: {location}?{way}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )));
    }
    let town = Town::new(&hook).await;
    town.fake.script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(town.ask().await.status, 429);
    let told = hook.told(3).await;
    assert!(told.iter().all(|one| *one == told[0]) && states(&told[..1]) == ["unhealthy"], "{told:?}");
    assert!(elsewhere.told.borrow().is_empty(), "what is told may be secret, and so may be what is there");
}
