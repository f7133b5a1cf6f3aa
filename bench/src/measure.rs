//! Measures: interleaved legs of CPU time, first-token times, memory, and the time to the first answer.

use std::time::Duration;

use memchr::memmem;

use crate::arena::{Arena, Setup, Subject};
use crate::bodies::{self, Answer, Ask, CHUNKS, Dialect};
use crate::driver::{Call, Connection, Fleet};
use crate::mock::Pace;
use crate::process::Served;
use crate::report::{Budget, Line};
use crate::rows::{ROWS, Row};
use crate::stats::percentile;
use crate::{Error, Result};

/// No leg takes longer.
const LEG_LIMIT: Duration = Duration::from_secs(60);
/// Open slow streams, where the descriptor limit permits.
const SLOW_STREAMS: usize = 5000;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Interleaved rounds.
    pub rounds: usize,
    /// A leg makes this share of a row's calls.
    pub share: f64,
    /// Descriptors that a process may have.
    pub descriptors: u64,
}

impl Effort {
    fn calls(&self, row: &Row) -> usize {
        ((row.calls as f64 * self.share) as usize).max(row.connections * 2)
    }
}

fn call(served: &Served, row: &Row) -> Call {
    bodies::call(served.addr, row.client, row.model, row.ask, row.answer)
}

/// CPU time of the product against the bare proxy, round by round.
pub async fn cpu(arena: &Arena, effort: Effort, row: &Row, proxy: &Served, product: &Served) -> Result<Line> {
    arena.mock.play(bodies::play(row.answer, row.pace));
    verify(arena, row, product).await?;
    let (bare, own) = legs(effort, row, [proxy, product]).await?;
    let unit = if row.per_chunk { "us/chunk" } else { "us/request" };
    Ok(Line::compared(row.name, row.title, unit, &bare, &own, row.budget))
}

/// The product with everything switched on against the product with everything off.
pub async fn features(arena: &Arena, effort: Effort, plain: &Served, full: &Served) -> Result<Line> {
    let row = &ROWS[0];
    arena.mock.play(bodies::play(row.answer, row.pace));
    let (off, on) = legs(effort, row, [plain, full]).await?;
    Ok(Line::compared(
        "features",
        "500 accounts, usage and log on (left: off), small reply",
        "us/request",
        &off,
        &on,
        1.1,
    ))
}

/// One warm-up and one measured run for each party in each round; who goes first alternates.
async fn legs(effort: Effort, row: &Row, parties: [&Served; 2]) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..effort.rounds {
        for step in 0..2 {
            let index = (round + step) % 2;
            let row = if index == 0 { &row.bare() } else { row };
            samples[index].push(leg(effort, row, parties[index]).await?);
        }
    }
    let [left, right] = samples;
    Ok((left, right))
}

/// Microseconds of CPU per unit in one run.
async fn leg(effort: Effort, row: &Row, party: &Served) -> Result<f64> {
    let mut fleet = Fleet::open(call(party, row), row.connections).await?;
    fleet.run(row.connections * 2, LEG_LIMIT).await.whole()?;
    let before = party.cpu()?;
    let outcome = fleet.run(effort.calls(row), LEG_LIMIT).await;
    let used = party.cpu()? - before;
    let answers = outcome.whole()?;
    Ok(used.as_secs_f64() * 1e6 / (answers * row.units()) as f64)
}

/// One call whose answer is looked at more closely, and whose request is looked at as it reached the upstream.
async fn verify(arena: &Arena, row: &Row, product: &Served) -> Result<()> {
    arena.mock.record();
    let mut connection = Connection::open(product.addr).await?;
    connection.call(&call(product, row)).await?;
    let seen = arena.mock.recorded().ok_or("nothing was recorded")?;
    in_order(&connection.body, row.answer)?;
    if matches!(arena.subject, Subject::StandIn) {
        return Ok(());
    }
    if memmem::find(&seen.head, row.upstream.mark().as_bytes()).is_none() {
        return Err("the request did not arrive in the upstream's dialect".into());
    }
    let mut wanted = Vec::new();
    if row.upstream == Dialect::Gemini {
        let place = format!("/models/{}:", row.upstream_model());
        memmem::find(&seen.head, place.as_bytes()).ok_or("the upstream was not asked for its model")?;
    } else {
        wanted.push(format!("\"{}\"", row.upstream_model()));
    }
    if row.ask == Ask::Agent {
        wanted.extend((0..20).map(|tool| format!("\"tool_{tool}\"")));
    }
    for part in wanted {
        memmem::find(&seen.body, part.as_bytes()).ok_or_else(|| format!("{part} did not reach the upstream"))?;
    }
    Ok(())
}

/// Text pieces must come in the order in which they were sent; where a dialect repeats the whole, again in that order.
fn in_order(body: &[u8], answer: Answer) -> Result<()> {
    let pieces = answer.text_pieces();
    for (index, at) in memmem::find_iter(body, "tok.0").enumerate() {
        let number = std::str::from_utf8(body.get(at + 4..at + 8).unwrap_or_default())?;
        let wanted = index % pieces;
        if number.parse() != Ok(wanted) {
            return Err(format!("piece {number} stands where {wanted} belongs").into());
        }
    }
    Ok(())
}

/// Time to the first piece of a stream, above what the mock alone takes.
pub async fn first_token(
    arena: &Arena,
    effort: Effort,
    client: Dialect,
    name: &'static str,
    parties: [&Served; 2],
) -> Result<Vec<Line>> {
    let answer = Answer::Text(3);
    arena.mock.play(bodies::play(answer, Pace::Every(Duration::from_millis(1))));
    let addresses = [arena.mock.addr, parties[0].addr, parties[1].addr];
    // Of two hundred, the second slowest would be all that the 99th percentile is.
    let streams = (500.0 * effort.share) as usize;
    let mut rounds = Vec::new();
    for round in 0..effort.rounds {
        let mut times = [Vec::new(), Vec::new(), Vec::new()];
        for step in 0..addresses.len() {
            let index = (round + step) % addresses.len();
            let call = bodies::call(addresses[index], client, ROWS[0].model, Ask::Small, answer);
            times[index] = first_times(call, streams).await?;
        }
        rounds.push(times);
    }
    let dialects = if client == Dialect::Chat { "Chat to Chat" } else { "Anthropic to Chat" };
    let line = |share: f64, budget| {
        let [bare, own] = [1, 2].map(|index| added(&rounds, index, share));
        let title = format!("{dialects}, added first-token time, p{:.0}", share * 100.0);
        Line::absolute(name, title, "ms", &bare, &own, budget)
    };
    Ok(vec![line(0.5, Budget::None), line(0.99, Budget::AtMost(0.3))])
}

/// Milliseconds to the first piece, one stream after the other on one connection.
async fn first_times(call: Call, streams: usize) -> Result<Vec<f64>> {
    let mut fleet = Fleet::open(call, 1).await?;
    fleet.run(5, LEG_LIMIT).await.whole()?;
    let outcome = fleet.run(streams, LEG_LIMIT).await;
    outcome.whole()?;
    Ok(outcome.timings.iter().map(|timing| timing.first.as_secs_f64() * 1e3).collect())
}

/// Percentile minus the direct leg's percentile, round by round: a burst of noise spoils its own round only.
fn added(rounds: &[[Vec<f64>; 3]], index: usize, share: f64) -> Vec<f64> {
    rounds.iter().map(|times| percentile(&times[index], share) - percentile(&times[0], share)).collect()
}

/// Resident memory, idle and under load, of fresh processes.
pub async fn memory(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let mut idle = Vec::new();
    let mut loaded = Vec::new();
    for party in [arena.proxy()?, arena.product(Setup::Plain).await?] {
        tokio::time::sleep(Duration::from_secs(1)).await;
        idle.push(party.memory_kib()?.0 as f64 / 1024.0);
        // Small replies at 64 connections, megabyte bodies, streams: the peak of it all.
        let crowd = Row { connections: 64, ..ROWS[0] };
        let rows = ["chat-picture", "chat-stream", "agent-messages-chat"];
        for row in std::iter::once(&crowd).chain(ROWS.iter().filter(|row| rows.contains(&row.name))) {
            arena.mock.play(bodies::play(row.answer, row.pace));
            leg(effort, row, &party).await?;
        }
        loaded.push(party.memory_kib()?.1 as f64 / 1024.0);
    }
    let line = |title: &str, values: &[f64], budget| {
        Line::absolute("memory", title.to_owned(), "MiB", &values[..1], &values[1..], Budget::AtMost(budget))
    };
    Ok(vec![line("Memory, idle", &idle, 13.0), line("Memory, peak under load", &loaded, 40.0)])
}

/// Resident memory per open stream that says nothing for a while.
pub async fn slow_streams(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    // This process holds both ends: the driver's and the mock's.
    let streams = SLOW_STREAMS.min(usize::try_from(effort.descriptors.saturating_sub(200) / 2)?);
    let mut lines = Vec::new();
    for (client, dialects) in [(Dialect::Chat, "Chat to Chat"), (Dialect::Messages, "Anthropic to Chat")] {
        let row = Row { client, answer: Answer::Text(CHUNKS), ..ROWS[0] };
        let bare = held(arena, &row, streams, &arena.proxy()?).await?;
        let own = held(arena, &row, streams, &arena.product(Setup::Plain).await?).await?;
        let title = format!("{dialects}, memory per open slow stream ({streams} open)");
        lines.push(Line::absolute("slow-streams", title, "KiB", &[bare], &[own], Budget::AtMost(24.0)));
    }
    Ok(lines)
}

async fn held(arena: &Arena, row: &Row, streams: usize, party: &Served) -> Result<f64> {
    arena.mock.play(bodies::play(row.answer, Pace::Held));
    let call = call(party, row);
    let before = party.memory_kib()?.0;
    let mut open = Vec::with_capacity(streams);
    for _ in 0..streams {
        let mut connection = Connection::open(party.addr).await?;
        let wait = tokio::time::timeout(LEG_LIMIT, connection.call_and_hold(&call)).await;
        wait.map_err(|_| Error::from("a stream did not open"))??;
        open.push(connection);
    }
    let after = party.memory_kib()?.0;
    drop(open);
    arena.mock.release();
    Ok(after.saturating_sub(before) as f64 / streams as f64)
}

/// Takes over a changed config of 500 accounts again and again, under load; a request that fails fails the line.
pub async fn reload(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let five = |round: usize| Setup::Accounts(100 - round % 2);
    let crowd = |round: usize| Setup::Crowd(500 - round % 2);
    let many = reloads(arena, effort, &five, &ROWS[0]).await?;
    let row = Row { model: "model-0", ..ROWS[1] };
    let wide = reloads(arena, effort, &crowd, &row).await?;
    let line = |what: &str, (times, answered): (Vec<f64>, usize)| {
        let title = format!("Reload with 500 accounts {what}, {answered} requests meanwhile, none dropped");
        Line::absolute("reload", title, "ms", &[], &times, Budget::AtMost(50.0))
    };
    Ok(vec![line("of five kinds, two models each", many), line("of one kind, ten models each", wide)])
}

/// What reloads took, and how many requests were answered meanwhile. `setup` gives the config of a round.
async fn reloads(
    arena: &Arena,
    effort: Effort,
    setup: &dyn Fn(usize) -> Setup,
    row: &Row,
) -> Result<(Vec<f64>, usize)> {
    let product = arena.product(setup(0)).await?;
    arena.mock.play(bodies::play(row.answer, row.pace));
    let mut fleet = Fleet::open(call(&product, row), row.connections).await?;
    let before = arena.reloads()?.len();
    let changes = async {
        for round in 1..=effort.rounds * 2 {
            arena.replace(&product, setup(round))?;
            tokio::time::timeout(LEG_LIMIT, async {
                while arena.reloads()?.len() < before + round {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok::<_, Error>(())
            })
            .await??;
        }
        Ok::<_, Error>(())
    };
    let mut changes = std::pin::pin!(changes);
    let mut answered = 0;
    loop {
        tokio::select! {
            outcome = fleet.run(row.connections * 50, LEG_LIMIT) => answered += outcome.whole()?,
            done = &mut changes => {
                done?;
                break;
            }
        }
    }
    Ok((arena.reloads()?.split_off(before), answered))
}

/// What 500 more accounts, with ten models each, add to the resident memory of a process that has just started.
pub async fn accounts(arena: &Arena, effort: Effort) -> Result<Line> {
    let mut added = Vec::new();
    for _ in 0..effort.rounds {
        let mut resident = [0.0; 2];
        for (found, count) in resident.iter_mut().zip([1, 501]) {
            let product = arena.product(Setup::Crowd(count)).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            *found = product.memory_kib()?.0 as f64 / 1024.0;
        }
        added.push(resident[1] - resident[0]);
    }
    let title = "500 accounts with ten models each add".to_owned();
    Ok(Line::absolute("accounts", title, "MiB", &[], &added, Budget::AtMost(5.0)))
}

/// From exec to the first answers of a fresh install.
pub async fn start(arena: &Arena, effort: Effort) -> Result<Vec<Line>> {
    let Subject::Product(binary) = &arena.subject else { return Ok(Vec::new()) };
    let (mut up, mut demo) = (Vec::new(), Vec::new());
    let mut failure = None;
    for _ in 0..effort.rounds.max(5) * 2 {
        let (healthy, answered) = arena.first_answers(binary).await?;
        up.push(healthy.as_secs_f64() * 1e3);
        match answered {
            Ok(time) => demo.push(time.as_secs_f64() * 1e3),
            Err(error) => failure = Some(error),
        }
    }
    let line = |title: &str, values: &[f64]| {
        Line::absolute("start", title.to_owned(), "ms", &[], values, Budget::AtMost(20.0))
    };
    let demo_title = "Start to the first demo answer";
    let second = match failure {
        None => line(demo_title, &demo),
        Some(error) => Line::failed("start", demo_title.to_owned(), &error),
    };
    Ok(vec![line("Start to the first 200 on /healthz", &up), second])
}
