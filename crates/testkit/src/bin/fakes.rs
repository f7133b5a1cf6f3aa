//! Both fakes as a program, for suites in other languages.
//!
//! `fakes [OPENAI_PORT [ANTHROPIC_PORT]]` prints one line of JSON with the addresses and keys, and runs until its
//! standard input ends, so that it never outlives the suite that started it.

use std::io::{self, Write as _};

use bosporus_testkit::{FakeAnthropic, FakeOpenAi};

fn main() -> io::Result<()> {
    let mut ports = std::env::args().skip(1).map(|port| port.parse().map_err(io::Error::other));
    let openai = ports.next().transpose()?.unwrap_or(0);
    let anthropic = ports.next().transpose()?.unwrap_or(0);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(openai, anthropic))
}

async fn run(openai: u16, anthropic: u16) -> io::Result<()> {
    let openai = FakeOpenAi::start_on(openai).await?;
    let anthropic = FakeAnthropic::start_on(anthropic).await?;
    let line = serde_json::json!({
        "openai": {"url": openai.url(), "key": openai.key()},
        "anthropic": {"url": anthropic.url(), "key": anthropic.key()},
    });
    writeln!(io::stdout(), "{line}")?;
    io::stdout().flush()?;
    until_input_ends().await
}

async fn until_input_ends() -> io::Result<()> {
    let wait = || io::copy(&mut io::stdin().lock(), &mut io::sink());
    tokio::task::spawn_blocking(wait).await.map_err(io::Error::other)?.map(drop)
}
