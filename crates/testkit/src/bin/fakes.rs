//! All fakes as a program, for suites in other languages.
//!
//! `fakes [OPENAI_PORT [ANTHROPIC_PORT [GEMINI_PORT [RESPONSES_PORT [OLLAMA_PORT]]]]]` prints one line of JSON with the addresses and
//! keys, and runs until its standard input ends, so that it never outlives the suite that started it.

use std::io::{self, Write as _};

use bosporus_testkit::{Fake, FakeAnthropic, FakeGemini, FakeOllama, FakeOpenAi, FakeResponses};
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let ports = std::env::args().skip(1).map(|port| port.parse().map_err(io::Error::other));
    let ports = ports.collect::<io::Result<Vec<u16>>>()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(&ports))
}

async fn run(ports: &[u16]) -> io::Result<()> {
    let port = |at| ports.get(at).copied().unwrap_or_default();
    let openai = FakeOpenAi::start_on(port(0)).await?;
    let anthropic = FakeAnthropic::start_on(port(1)).await?;
    let gemini = FakeGemini::start_on(port(2)).await?;
    let responses = FakeResponses::start_on(port(3)).await?;
    let ollama = FakeOllama::start_on(port(4)).await?;
    let line = json!({
        "openai": place(&openai), "anthropic": place(&anthropic), "gemini": place(&gemini),
        "responses": place(&responses), "ollama": place(&ollama),
    });
    writeln!(io::stdout(), "{line}")?;
    io::stdout().flush()?;
    until_input_ends().await
}

fn place(fake: &Fake) -> Value {
    json!({"url": fake.url(), "key": fake.key()})
}

async fn until_input_ends() -> io::Result<()> {
    let wait = || io::copy(&mut io::stdin().lock(), &mut io::sink());
    tokio::task::spawn_blocking(wait).await.map_err(io::Error::other)?.map(drop)
}
