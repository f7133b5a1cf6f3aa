//! Compares thread models of a bare reverse proxy: CPU per request and per chunk, first-token time, memory,
//! and how evenly few connections spread. `threads [--quick]`.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bosporus_bench::driver::{Call, Check, Fleet};
use bosporus_bench::mock::{Mock, Pace, Play, Reply};
use bosporus_bench::process::{self, Served};
use bosporus_bench::proxy::{self, Model};
use bosporus_bench::stats::{percentile, summary};
use bosporus_bench::{Error, Result};
use bytes::Bytes;

const CHUNKS: usize = 200;
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [role, model, upstream] = &args[..]
        && role == "proxy"
    {
        process::die_with_parent()?;
        return proxy::run(model.parse()?, upstream.parse()?, threads());
    }
    let quick = args.iter().any(|arg| arg == "--quick");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(compare(quick))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

struct Bench {
    mock: Mock,
    proxies: Vec<Served>,
    rounds: usize,
    scale: usize,
}

async fn compare(quick: bool) -> Result<()> {
    process::raise_descriptors()?;
    let mock = Mock::start(play(small()))?;
    let proxies = start_all(&mock)?;
    let bench = Bench { mock, proxies, rounds: if quick { 3 } else { 9 }, scale: if quick { 1 } else { 3 } };
    let names: Vec<_> = Model::ALL.iter().map(|model| model.name()).collect();
    println!("| figure | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    bench.idle()?;
    for connections in [1, 8, 64, 512] {
        bench.small(connections).await?;
    }
    for (label, pace, streams) in
        [("unpaced", Pace::Unpaced, 8), ("paced 2 ms, 16 streams", Pace::Every(Duration::from_millis(2)), 16)]
    {
        bench.chunks(label, pace, streams).await?;
    }
    bench.first_token().await?;
    bench.slow_streams(if quick { 500 } else { 4000 }).await?;
    bench.spread().await?;
    bench.system_calls().await
}

fn start_all(mock: &Mock) -> Result<Vec<Served>> {
    let this = std::env::current_exe()?;
    let upstream = mock.addr.to_string();
    Model::ALL
        .iter()
        .map(|model| Served::announced(Command::new(&this).args(["proxy", model.name(), &upstream])))
        .collect()
}

fn play(reply: Reply) -> Play {
    Play(std::array::from_fn(|_| reply.clone()))
}

fn small() -> Reply {
    Reply::json(
        r#"{"id":"c1","object":"chat.completion","model":"m-chat","choices":[{"index":0,"message":{"role":"assistant","content":"tok0000 ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#,
    )
}

fn stream(chunks: usize, pace: Pace) -> Reply {
    let mut events: Vec<String> = (0..chunks)
        .map(|index| {
            format!("data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m-chat\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"tok{index:04} \"}},\"finish_reason\":null}}]}}\n\n")
        })
        .collect();
    events.push("data: [DONE]\n\n".into());
    Reply::stream("text/event-stream", &events, pace)
}

fn call(proxy: &Served, tokens: usize, end: &'static str) -> Call {
    let body = r#"{"model":"m-chat","messages":[{"role":"user","content":"hello"}],"max_tokens":16}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        proxy.addr,
        body.len()
    );
    Call {
        addr: proxy.addr,
        request: Bytes::from(request),
        check: Arc::new(Check { marks: vec![("tok0", tokens)], end }),
    }
}

fn row(label: &str, samples: &[Vec<f64>]) {
    let cells: Vec<_> = samples
        .iter()
        .map(|values| {
            let cell = summary(values);
            format!("{:.2} ({:.2}-{:.2})", cell.median, cell.low, cell.high)
        })
        .collect();
    println!("| {label} | {} |", cells.join(" | "));
    if samples[0].len() < 2 {
        return;
    }
    let base: &[f64] = &samples[0];
    let ratios: Vec<_> = samples
        .iter()
        .map(|values| {
            let pairs: Vec<f64> = values.iter().zip(base).map(|(value, base)| value / base).collect();
            format!("{:.3} x", summary(&pairs).median)
        })
        .collect();
    println!("| ratio per round | {} |", ratios.join(" | "));
}

impl Bench {
    fn idle(&self) -> Result<()> {
        let cells: Result<Vec<_>> = self.proxies.iter().map(|proxy| Ok(vec![proxy.memory_kib()?.0 as f64])).collect();
        row("idle RSS, KiB", &cells?);
        Ok(())
    }

    /// CPU per answer in microseconds, models interleaved, each round starting with another one.
    async fn measure(&self, calls: &[Call], connections: usize, total: usize, unit: usize) -> Result<Vec<Vec<f64>>> {
        let mut samples = vec![Vec::new(); calls.len()];
        for round in 0..self.rounds {
            for step in 0..calls.len() {
                let index = (round + step) % calls.len();
                let mut fleet = Fleet::open(calls[index].clone(), connections).await?;
                fleet.run(connections * 2, LIMIT).await;
                let before = self.proxies[index].cpu()?;
                let outcome = fleet.run(total, LIMIT).await;
                let used = self.proxies[index].cpu()? - before;
                if let Some(failure) = outcome.failures.first() {
                    return Err(Error::from(format!("{}: {failure}", Model::ALL[index].name())));
                }
                samples[index].push(used.as_secs_f64() * 1e6 / (outcome.timings.len() * unit) as f64);
            }
        }
        Ok(samples)
    }

    async fn small(&self, connections: usize) -> Result<()> {
        self.mock.play(play(small()));
        let calls: Vec<_> = self.proxies.iter().map(|proxy| call(proxy, 1, "}")).collect();
        let total = if connections == 1 { 1500 } else { 3000 } * self.scale;
        let samples = self.measure(&calls, connections, total, 1).await?;
        row(&format!("small reply, {connections} connections, CPU us/request"), &samples);
        Ok(())
    }

    async fn chunks(&self, label: &str, pace: Pace, streams: usize) -> Result<()> {
        self.mock.play(play(stream(CHUNKS, pace)));
        let calls: Vec<_> = self.proxies.iter().map(|proxy| call(proxy, CHUNKS, "data: [DONE]\n\n")).collect();
        let total = if pace == Pace::Unpaced { 40 * self.scale } else { 16 * self.scale };
        let samples = self.measure(&calls, streams, total, CHUNKS).await?;
        row(&format!("200-chunk stream {label}, CPU us/chunk"), &samples);
        Ok(())
    }

    async fn first_token(&self) -> Result<()> {
        self.mock.play(play(stream(8, Pace::Every(Duration::from_millis(1)))));
        let mut first: Vec<Vec<f64>> = vec![Vec::new(); self.proxies.len() + 1];
        for round in 0..self.rounds {
            for step in 0..first.len() {
                let index = (round + step) % first.len();
                let proxy = self.proxies.get(index);
                let mut call = call(proxy.unwrap_or(&self.proxies[0]), 8, "data: [DONE]\n\n");
                call.addr = proxy.map_or(self.mock.addr, |proxy| proxy.addr);
                let mut fleet = Fleet::open(call, 1).await?;
                fleet.run(5, LIMIT).await;
                let outcome = fleet.run(25 * self.scale, LIMIT).await;
                first[index].extend(outcome.timings.iter().map(|timing| timing.first.as_secs_f64() * 1e6));
            }
        }
        let direct = first.pop().unwrap_or_default();
        for share in [0.5, 0.99] {
            let base = percentile(&direct, share);
            let added: Vec<_> = first.iter().map(|values| vec![percentile(values, share) - base]).collect();
            row(&format!("added first-token time p{}, us (direct {base:.0})", share * 100.0), &added);
        }
        Ok(())
    }

    async fn slow_streams(&self, streams: usize) -> Result<()> {
        let mut loaded = Vec::new();
        let mut each = Vec::new();
        for (proxy, used) in start_all(&self.mock)?.iter().zip(&self.proxies) {
            loaded.push(vec![used.memory_kib()?.0 as f64]);
            self.mock.play(play(stream(CHUNKS, Pace::Held)));
            let before = proxy.memory_kib()?.0;
            let call = call(proxy, CHUNKS, "data: [DONE]\n\n");
            let mut open = Vec::new();
            for _ in 0..streams {
                let mut connection = bosporus_bench::driver::Connection::open(proxy.addr).await?;
                connection.call_and_hold(&call).await?;
                open.push(connection);
            }
            let after = proxy.memory_kib()?.0;
            each.push(vec![after.saturating_sub(before) as f64 / streams as f64]);
            drop(open);
            self.mock.release();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        row("RSS after the load above, KiB", &loaded);
        row(&format!("RSS per open slow stream of {streams}, KiB"), &each);
        Ok(())
    }

    /// Largest share of the CPU time that one thread took, over several fleets of few connections.
    async fn spread(&self) -> Result<()> {
        self.mock.play(play(small()));
        for connections in [2, 4, 8, 64] {
            let mut shares = Vec::new();
            for proxy in &self.proxies {
                let mut values = Vec::new();
                for _ in 0..self.rounds * 2 {
                    // The proxy must have seen the last fleet hang up, or it counts dead connections.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let mut fleet = Fleet::open(call(proxy, 1, "}"), connections).await?;
                    let before = proxy.thread_times()?;
                    fleet.run(250 * self.scale, LIMIT).await;
                    let after = proxy.thread_times()?;
                    values.push(largest_share(&before, &after));
                }
                shares.push(values);
            }
            row(&format!("busiest thread's share of CPU, {connections} connections"), &shares);
        }
        Ok(())
    }
}

impl Bench {
    /// System calls per request at 8 connections, if `strace` is installed. It slows the proxy a great deal.
    async fn system_calls(&self) -> Result<()> {
        const NAMES: [&str; 6] = ["futex", "epoll_wait", "write", "writev", "recvfrom", "sendto"];
        let requests = 500 * self.scale;
        let mut counts = vec![Vec::new(); NAMES.len()];
        for proxy in &self.proxies {
            let log = tempfile::NamedTempFile::new()?;
            let mut fleet = Fleet::open(call(proxy, 1, "}"), 8).await?;
            fleet.run(16, LIMIT).await;
            let mut tracer = Command::new("strace");
            tracer.args(["-f", "-c", "-q", "-o"]).arg(log.path()).args(["-p", &proxy.id().to_string()]);
            let Ok(mut tracer) = tracer.spawn() else {
                println!("strace is not installed: no system calls");
                return Ok(());
            };
            tokio::time::sleep(Duration::from_millis(500)).await;
            fleet.run(requests, LIMIT).await;
            nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(tracer.id().cast_signed()),
                nix::sys::signal::Signal::SIGINT,
            )?;
            tracer.wait()?;
            let table = std::fs::read_to_string(log.path())?;
            for (name, counts) in NAMES.iter().zip(&mut counts) {
                counts.push(vec![traced(&table, name) / requests as f64]);
            }
        }
        for (name, counts) in NAMES.iter().zip(&counts) {
            row(&format!("{name} per request, 8 connections"), counts);
        }
        Ok(())
    }
}

/// The number of calls in a line of strace's summary: share, seconds, each, calls, errors, name.
fn traced(table: &str, name: &str) -> f64 {
    let line = table.lines().find(|line| line.split_whitespace().last() == Some(name));
    line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or_default()
}

fn largest_share(before: &[(u32, u64)], after: &[(u32, u64)]) -> f64 {
    let used: Vec<u64> = after
        .iter()
        .map(|(id, time)| time - before.iter().find(|(other, _)| other == id).map_or(0, |(_, time)| *time))
        .collect();
    let total: u64 = used.iter().sum();
    used.iter().copied().max().unwrap_or_default() as f64 / total.max(1) as f64
}
