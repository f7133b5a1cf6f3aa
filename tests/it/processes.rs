//! Upstreams as processes of their own, which the system kills, stops and lets go on: what a dropped socket inside our
//! own process cannot show. The process is this test program once more, with one test that serves.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};
use testkit::{FakeOpenAi, Gateway, Port, client};

use crate::harness::{KEY, LATE, MODEL, Setup, all_of, assert_healthy, soon};
use crate::tongue::{Chat, Messages, Tongue};

/// What stands before the key in the line that says "ready".
const READY: &str = "the upstream serves, by key ";
/// Models of the fake: words without end, no head at all, a plain answer.
const SLOW: &str = "slow";
const SILENT: &str = "fault-hang";
const PLAIN: &str = "chat-model";

/// Serves on the port that its standard input names, until that ends.
#[test]
#[ignore = "the upstream of the other stories, which start it"]
fn upstream() {
    let mut port = String::new();
    io::stdin().lock().read_line(&mut port).unwrap();
    let Ok(port) = port.trim().parse() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let fake = FakeOpenAi::start_on(port).await.unwrap();
        writeln!(io::stdout(), "{READY}{}", fake.key()).unwrap();
        tokio::task::spawn_blocking(|| io::copy(&mut io::stdin().lock(), &mut io::sink())).await.unwrap().unwrap();
    });
}

/// A running upstream. Dropping it kills the process.
struct Upstream {
    child: Child,
    port: u16,
    key: String,
    /// Its end is the process's.
    _input: ChildStdin,
}

impl Upstream {
    async fn start(port: u16) -> Self {
        let starting = move || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "processes::upstream", "--nocapture"]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            writeln!(input, "{port}").unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
            let key = lines.into_iter().find_map(|line| Some(line.split_once(READY)?.1.trim().to_owned())).unwrap();
            Self { child, port, key, _input: input }
        };
        soon(tokio::task::spawn_blocking(starting)).await.unwrap()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success(), "kill -{name}: {status}");
    }

    /// Stops it, and returns once each of its threads has: until it runs again, one does not know of the signal.
    async fn stop(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
        let running = || {
            // Nothing to be read is a system that tells nothing.
            let all = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
            let states = all.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
            states.into_iter().any(|state| !state.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T ")))
        };
        soon(async {
            while running() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Kills it and waits until nothing is left of it.
    fn kill(mut self) {
        self.signal("KILL");
        self.child.wait().unwrap();
    }

    /// Waits until it has received so many requests.
    async fn received(&self, count: usize) {
        let seen = async || {
            let got = client::send(http::Method::GET, &format!("{}/__requests", self.url()), &[], "").await.unwrap();
            got.json().as_array().map_or(0, Vec::len)
        };
        soon(async { while seen().await < count {} }).await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // A process that is gone cannot be killed, and a stopped one can.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A process that is asked first, and somebody who takes over.
struct Pair {
    first: Upstream,
    second: FakeOpenAi,
    gateway: Gateway,
    /// Nobody else's while the process is dead.
    port: Port,
}

impl Pair {
    async fn new(model: &str, setup: Setup) -> Self {
        let port = Port::reserve().unwrap();
        let first = Upstream::start(port.number()).await;
        let second = FakeOpenAi::start().await.unwrap();
        let place = json!({"name": "first", "base-url": format!("{}/v1", first.url()), "priority": 2,
            "api-key-entries": [{"api-key": first.key}], "models": [{"name": model, "alias": MODEL}]});
        let gateway = setup.with("request-retry", json!(0)).compat(place).openai(&second, 1).start().await;
        Self { first, second, gateway, port }
    }

    /// Asks, and when the process has the request, does something to it.
    async fn ask_and(&self, tongue: Tongue, stream: bool, then: impl FnOnce(&Upstream)) -> client::Got {
        let body = tongue.body(MODEL, stream);
        let asking = tongue.ask(&self.gateway, &body);
        let doing = async {
            self.first.received(1).await;
            then(&self.first);
        };
        tokio::join!(asking, doing).0
    }
}

fn served(got: &client::Got, tongue: Tongue, stream: bool) {
    assert_eq!(got.status, 200, "{tongue:?}, stream {stream}: {}", got.text());
    assert!(!stream || tongue.is_complete(got), "{tongue:?}: {}", got.text());
}

/// The stream ends with an error in the client's own dialect, and never like an answer.
fn broken(got: &client::Got, tongue: Tongue) -> Value {
    assert!(!tongue.is_complete(got), "{tongue:?}: {}", got.text());
    tongue.stream_error(got).unwrap_or_else(|| panic!("{tongue:?}: {}", got.text()))
}

#[tokio::test]
async fn killed_in_mid_stream_the_client_hears_of_it_and_the_next_request_is_served() {
    for tongue in [Chat, Messages] {
        let pair = Pair::new(SLOW, Setup::new()).await;
        let mut live = tongue.open(&pair.gateway, &tongue.body(MODEL, true)).await;
        // Any word is a commit.
        soon(live.next()).await.unwrap().unwrap();
        soon(live.next()).await.unwrap().unwrap();
        pair.first.kill();
        broken(&soon(live.rest()).await, tongue);
        assert_eq!(pair.second.requests().len(), 0, "nobody else is asked after the commit");
        for stream in [true, false] {
            served(&tongue.ask(&pair.gateway, &tongue.body(MODEL, stream)).await, tongue, stream);
        }
        assert_eq!(pair.second.requests().len(), 2);
        assert_healthy(&pair.gateway).await;
    }
}

#[tokio::test]
async fn killed_before_its_head_somebody_else_answers() {
    for (tongue, stream) in [(Chat, true), (Chat, false), (Messages, true), (Messages, false)] {
        let pair = Pair::new(SILENT, Setup::new()).await;
        let got = pair.ask_and(tongue, stream, |first| first.signal("KILL")).await;
        served(&got, tongue, stream);
        assert_eq!(pair.second.requests().len(), 1);
    }
}

#[tokio::test]
async fn killed_between_requests_it_is_passed_over_until_it_is_started_again() {
    let setup = Setup::new().with("disable-cooling", json!(false)).with("transient-error-cooldown-seconds", json!(1));
    let Pair { first, second, gateway, port } = Pair::new(PLAIN, setup).await;
    let ask = async || served(&Chat.ask(&gateway, &Chat.body(MODEL, false)).await, Chat, false);
    // A connection is kept, and found dead.
    ask().await;
    first.received(1).await;
    first.kill();
    for _ in 0..6 {
        ask().await;
    }
    assert_eq!(second.requests().len(), 6);
    let again = Upstream::start(port.number()).await;
    let comes_back = async {
        let before = second.requests().len();
        let mut asked = 0;
        // Whoever answers, the client notices nothing; it is the dearer one again as soon as its bench is over.
        while second.requests().len() - before == asked {
            ask().await;
            asked += 1;
        }
    };
    soon(comes_back).await;
    again.received(1).await;
}

#[tokio::test]
async fn stopped_before_its_head_it_is_given_up_and_goes_on_later() {
    let timeouts = json!({"first-byte": LATE, "first-token": LATE, "whole-reply": LATE});
    all_of([true, false].into_iter().map(async |stream| {
        let pair = Pair::new(PLAIN, Setup::new().with("timeouts", timeouts.clone())).await;
        served(&Chat.ask(&pair.gateway, &Chat.body(MODEL, stream)).await, Chat, stream);
        assert_eq!(pair.second.requests().len(), 0);
        // The system still takes connections and requests for it.
        pair.first.stop().await;
        served(&Chat.ask(&pair.gateway, &Chat.body(MODEL, stream)).await, Chat, stream);
        assert_eq!(pair.second.requests().len(), 1);
        pair.first.signal("CONT");
        served(&Chat.ask(&pair.gateway, &Chat.body(MODEL, stream)).await, Chat, stream);
        assert_eq!(pair.second.requests().len(), 1, "it answers again");
    }))
    .await;
}

#[tokio::test]
async fn stopped_in_mid_stream_the_wait_has_an_end() {
    all_of([Chat, Messages].into_iter().map(async |tongue| {
        let pair = Pair::new(SLOW, Setup::new().with("timeouts", json!({"idle": LATE}))).await;
        let mut live = tongue.open(&pair.gateway, &tongue.body(MODEL, true)).await;
        soon(live.next()).await.unwrap().unwrap();
        pair.first.stop().await;
        broken(&soon(live.rest()).await, tongue);
        assert_eq!(pair.second.requests().len(), 0);
        pair.first.signal("CONT");
        assert_healthy(&pair.gateway).await;
    }))
    .await;
}

#[tokio::test]
async fn a_storm_of_kills_harms_nobody_who_was_not_served_by_it() {
    let pair = Pair::new(SLOW, Setup::new().with("disable-cooling", json!(false))).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut live = Chat.open(&pair.gateway, &Chat.body(MODEL, true)).await;
        soon(live.next()).await.unwrap().unwrap();
        streams.push(live);
    }
    pair.first.kill();
    for live in streams {
        broken(&soon(live.rest()).await, Chat);
    }
    for _ in 0..8 {
        served(&Chat.ask(&pair.gateway, &Chat.body(MODEL, true)).await, Chat, true);
    }
    assert_eq!(pair.second.requests().len(), 8);
    let url = format!("{}/v1/models", pair.gateway.url());
    let bearer = format!("Bearer {KEY}");
    let got = soon(client::send(http::Method::GET, &url, &[("authorization", &bearer)], "")).await.unwrap();
    assert_eq!(got.status, 200);
}
