//! Serving: build, announce, serve, wait for a signal, drain with a deadline.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use config::{Config, Fresh, LogFormat};
use gateway::{App, Lists, Order, Upkeep};
use tokio::signal::unix::{SignalKind, signal};
use transport::client::{ClientOptions, ClientTls};
use transport::listen::{Listener, distribute};
use transport::tls::ServerTls;
use transport::{Client, Drain, DrainWatch, Drained};

use crate::accounts::{self, AccountWatch};
use crate::args::Args;
use crate::keeper::Keeper;
use crate::reload::Reloader;
use crate::setup::{self, Setup};
use crate::watch::Watch;
use crate::workers::{self, Share};
use crate::{environment, logging};

/// For the last write of what is benched.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// Serves until a signal says to stop.
pub(crate) fn run(args: &Args) -> Result<ExitCode, String> {
    let Setup { config, origin, fresh } = setup::load(args)?;
    logging::start(config.log.format == LogFormat::Json, config.debug);
    let tls = server_tls(&config)?;
    let listener = Listener::bind(address(&config)?).map_err(|error| error.to_string())?;
    let url = format!("{}://{}", if tls.is_some() { "https" } else { "http" }, listener.addr());
    let options = workers::options(&config);
    let folder = config.auth_dir_in(environment::folder("HOME").as_deref());
    let shelf = accounts::first(&config);
    let app = App::with_files(config, Lists::restore(&folder), shelf.shelved());
    let app = Arc::new(app.map_err(|error| error.to_string())?);
    app.snapshot().contradictions().iter().for_each(|one| tracing::warn!("{one}"));
    let keeper = Keeper::start(&app, environment::folder("HOME"))?;
    let path = origin.path.clone();
    let reloader = Reloader::new(Arc::clone(&app), tls.clone(), options.clone(), origin);
    let reloader = Arc::new(reloader);
    let account_watch = AccountWatch::start(Arc::clone(&reloader), shelf, args.watch)?;
    let config_watch = Watch::start(reloader, args.watch)?;
    let share = Share {
        app: Arc::clone(&app),
        tls,
        options,
        client_tls: ClientTls::default(),
        proxies: environment::proxies(),
    };
    let upkeep = Upkeep::start(&app, environment::folder("HOME"));
    let (drain, watch) = Drain::new();
    let workers = workers::start(workers::count(args.workers), &share, &watch)?;
    let queues = workers.queues();
    let client =
        Client::new(ClientOptions { tls: share.client_tls, environment: share.proxies, ..ClientOptions::default() });
    let stop = Stop { drain: &drain, app: &app, config_watch, account_watch, upkeep, client };
    accept(listener, queues, watch, stop, || announce(&url, &path, fresh.as_ref()))?;
    report(workers.finish());
    drop(keeper);
    Ok(ExitCode::SUCCESS)
}

/// What has to end when a signal comes.
struct Stop<'a> {
    drain: &'a Drain,
    app: &'a Arc<App>,
    config_watch: Watch,
    account_watch: AccountWatch,
    upkeep: Upkeep,
    client: Client,
}

/// Accepts on this thread and hands connections to the workers, until a signal comes.
fn accept(
    listener: Listener,
    queues: Vec<transport::listen::Handout>,
    watch: DrainWatch,
    mut stop: Stop<'_>,
    ready: impl FnOnce(),
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        let acceptor = listener.start().map_err(|error| format!("cannot accept connections: {error}"))?;
        let distributing = std::pin::pin!(distribute(acceptor, queues, watch));
        let ended = std::pin::pin!(stop_signal()?);
        let hang_ups = hang_ups(&stop.config_watch)?;
        let orders = orders(stop.app, &stop.config_watch);
        // Whoever reads that we are ready may tell us to stop at once: that must drain, too.
        ready();
        tokio::select! {
            () = distributing => (),
            () = hang_ups => (),
            () = orders => (),
            () = stop.upkeep.run(stop.app, &stop.client) => (),
            name = ended => tracing::info!(signal = name, "stopping: requests under way may finish"),
        }
        stop.drain.start(stop.app.snapshot().config.deadlines.drain);
        // A disk that hangs does not hold up the end.
        _ = tokio::time::timeout(LAST_WRITE, stop.upkeep.finish(stop.app)).await;
        stop.app.finish_renewals().await;
        drop(stop.config_watch);
        drop(stop.account_watch);
        Ok(())
    })
}

/// Watches for signals from now on; the future gives the name of the first.
fn stop_signal() -> Result<impl Future<Output = &'static str>, String> {
    let watch = |kind| signal(kind).map_err(|error| format!("cannot watch for signals: {error}"));
    let (mut terminate, mut interrupt) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// Hands every SIGHUP to the watch on the configuration, for ever.
fn hang_ups(config_watch: &Watch) -> Result<impl Future<Output = ()>, String> {
    let mut signals = signal(SignalKind::hangup()).map_err(|error| format!("cannot watch for signals: {error}"))?;
    Ok(async move {
        while signals.recv().await.is_some() {
            config_watch.hang_up();
        }
        std::future::pending::<()>().await;
    })
}

/// Carries out what management asks for, for ever.
async fn orders(app: &App, config_watch: &Watch) {
    let mut orders = app.orders();
    while let Some(order) = orders.recv().await {
        match order {
            Order::Reload(asker) => config_watch.ask(asker),
        }
    }
    std::future::pending::<()>().await;
}

fn server_tls(config: &Config) -> Result<Option<ServerTls>, String> {
    let identity = config.tls.as_ref().map(|tls| ServerTls::from_files(&tls.cert, &tls.key));
    identity.transpose().map_err(|error| error.to_string())
}

fn address(config: &Config) -> Result<SocketAddr, String> {
    let mut found = (config.host.as_str(), config.port)
        .to_socket_addrs()
        .map_err(|error| format!("cannot find the address of host `{}`: {error}", config.host))?;
    found.next().ok_or_else(|| format!("host `{}` has no address", config.host))
}

/// Says where it listens; for a file that was made just now also its keys, once, and a request that works as pasted.
fn announce(url: &str, path: &std::path::Path, fresh: Option<&Fresh>) {
    if let Some(fresh) = fresh {
        logging::say(&format!(
            "Bosporus has written {path} (readable by you only) with two new keys, shown only now:\n\n  \
             client key      {client}\n  management key  {management}\n\nTry it:\n\n  \
             curl {url}/v1/chat/completions -H 'Authorization: Bearer {client}' -H 'Content-Type: application/json' \
             -d '{{\"model\":\"demo\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}]}}'\n",
            path = path.display(),
            client = fresh.client_key.expose(),
            management = fresh.management_key.expose(),
        ));
    }
    logging::say(&format!("bosporus {} listening on {url}", env!("CARGO_PKG_VERSION")));
}

fn report(drained: Drained) {
    tracing::info!(finished = drained.finished, aborted = drained.aborted, "stopped");
}
