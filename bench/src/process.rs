//! Child processes and what the operating system says about them: CPU time, resident memory, descriptors.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::time::ClockId;
use nix::unistd::Pid;

use crate::Result;

/// How long a child may take to end after it was asked to.
const END_LIMIT: Duration = Duration::from_secs(5);

/// A child that ends with its handle.
#[derive(Debug)]
pub struct Served {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
    /// When it was started.
    pub born: Instant,
}

impl Served {
    /// Starts a child that prints `listening ADDRESS` as its first line.
    pub fn announced(command: &mut Command) -> Result<Self> {
        let born = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("no stdout")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let mut served = Self { child, addr: SocketAddr::from(([127, 0, 0, 1], 0)), born };
        served.addr = line.trim().strip_prefix("listening ").ok_or("child did not say where it listens")?.parse()?;
        Ok(served)
    }

    /// Starts a child that was told to listen on `addr`; its output goes to `log`.
    pub fn told(command: &mut Command, addr: SocketAddr, log: &Path) -> Result<Self> {
        let out = fs::File::create(log)?;
        let born = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn()?;
        Ok(Self { child, addr, born })
    }

    /// User and system time used so far, all threads, ended ones too.
    pub fn cpu(&self) -> Result<Duration> {
        Ok(Duration::from(ClockId::pid_cpu_clock_id(Pid::from_raw(self.id().cast_signed()))?.now()?))
    }

    /// Resident memory in KiB: now, and the highest ever.
    pub fn memory_kib(&self) -> Result<(u64, u64)> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        Ok((field(&status, "VmRSS:")?, field(&status, "VmHWM:")?))
    }

    /// CPU time of each living thread in nanoseconds, by thread id.
    pub fn thread_times(&self) -> Result<Vec<(u32, u64)>> {
        let mut times = Vec::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let path = entry?.path();
            let id = path.file_name().and_then(|name| name.to_str()).ok_or("odd thread id")?.parse()?;
            let text = fs::read_to_string(path.join("schedstat"))?;
            times.push((id, text.split_whitespace().next().ok_or("empty schedstat")?.parse()?));
        }
        Ok(times)
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the child still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Served {
    /// Asks it to end and waits for that, because a program that is built to be profiled writes what it has seen at its
    /// end; kills it when it takes too long. Errors mean that it has ended already.
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.id().cast_signed()), Signal::SIGTERM);
        let asked = Instant::now();
        while self.alive() && asked.elapsed() < END_LIMIT {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn field(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such field")?;
    Ok(line.split_whitespace().nth(1).ok_or("empty field")?.parse()?)
}

/// Makes this process end when its parent ends, so that a killed bench leaves no child behind.
pub fn die_with_parent() -> Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// Raises the descriptor limit as far as allowed and returns it. Children inherit it.
pub fn raise_descriptors() -> Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
