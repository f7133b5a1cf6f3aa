//! The worker threads: one single-threaded runtime each, with its own upstream connections.
//!
//! One thread accepts and hands each connection to a worker. A request never changes threads; see ARCHITECTURE.md for
//! the figures behind this.

use std::sync::Arc;
use std::thread::JoinHandle;

use config::{Config, Limits};
use gateway::{App, Worker};
use transport::client::{ClientOptions, ClientTls, ProxyEnvironment};
use transport::listen::{Handed, Handout};
use transport::tls::ServerTls;
use transport::{Cap, Client, DrainWatch, Drained, HeadLimits, Heads, Refuser, ServeOptions, serve};

/// Connections that may wait for one worker.
const QUEUE: usize = 256;

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Share {
    pub(crate) app: Arc<App>,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) options: ServeOptions,
    pub(crate) client_tls: ClientTls,
    pub(crate) proxies: ProxyEnvironment,
}

/// Threads that serve.
pub(crate) struct Workers {
    threads: Vec<JoinHandle<Drained>>,
    queues: Vec<Handout>,
}

/// How many workers: as wished, else one a core.
pub(crate) fn count(wish: Option<usize>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    wish.filter(|wish| *wish > 0).unwrap_or_else(cores)
}

/// The server's limits.
pub(crate) fn options(config: &Config) -> ServeOptions {
    let limits = &config.limits;
    ServeOptions {
        connections: Cap::new(limits.connections),
        heads: Heads::new(heads(limits)),
        ..ServeOptions::default()
    }
}

/// The limits of request heads.
pub(crate) fn heads(limits: &Limits) -> HeadLimits {
    HeadLimits {
        timeout: limits.header_read_timeout,
        idle: HeadLimits::default().idle.max(limits.header_read_timeout),
        // The gateway says by how much a head is over its limit; only a bomb is cut off before.
        bytes: u32::try_from(limits.header_bytes.saturating_mul(4)).unwrap_or(u32::MAX),
        fields: limits.header_count,
    }
}

/// Starts the threads.
pub(crate) fn start(count: usize, share: &Share, drain: &DrainWatch) -> Result<Workers, String> {
    let mut workers = Workers { threads: Vec::with_capacity(count), queues: Vec::with_capacity(count) };
    for number in 0..count {
        let (queue, handed) = Handed::queue(QUEUE);
        let (share, drain) = (share.clone(), drain.clone());
        let thread = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || work(share, handed, drain))
            .map_err(|error| format!("cannot start a worker thread: {error}"))?;
        workers.threads.push(thread);
        workers.queues.push(queue);
    }
    Ok(workers)
}

impl Workers {
    /// Where connections are handed in.
    pub(crate) fn queues(&self) -> Vec<Handout> {
        self.queues.clone()
    }

    /// Waits for the end of the drain.
    pub(crate) fn finish(self) -> Drained {
        drop(self.queues);
        let ended = self.threads.into_iter().filter_map(|thread| thread.join().ok());
        ended.fold(Drained::default(), |sum, drained| Drained {
            finished: sum.finished + drained.finished,
            aborted: sum.aborted + drained.aborted,
        })
    }
}

fn work(share: Share, handed: Handed, drain: DrainWatch) -> Drained {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a worker has no runtime");
            return Drained::default();
        }
    };
    runtime.block_on(async move {
        let options = ClientOptions { tls: share.client_tls, environment: share.proxies, ..ClientOptions::default() };
        let app = Arc::clone(&share.app);
        let worker = Worker::new(share.app, Client::new(options));
        let refusing = worker.clone();
        let options = ServeOptions { refuser: Refuser::new(move |refused| refusing.refuse(refused)), ..share.options };
        let handle = move |request, peer| worker.clone().handle(request, peer);
        let drained = serve(handed, share.tls, options, handle, drain).await;
        // A renewal that was begun for a request here must not be lost with this runtime.
        app.finish_renewals().await;
        drained
    })
}
