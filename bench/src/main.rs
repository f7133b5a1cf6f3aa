//! The permanent benchmark: the product against a bare reverse proxy, in one command. See README.md.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bosporus_bench::arena::{self, Arena, Setup, Subject};
use bosporus_bench::bodies::Dialect;
use bosporus_bench::measure::{self, Effort};
use bosporus_bench::process::{self, Served};
use bosporus_bench::proxy::{self, Model};
use bosporus_bench::report::{self, Context, Line};
use bosporus_bench::rows::ROWS;
use bosporus_bench::{Error, Result, selection};

const HELP: &str = "\
The product against a bare reverse proxy; needs nothing but loopback.

  --quick          fewer rounds and calls: a look, not a result
  --only ROW       only this row; may be repeated; ROW is a name of the table's second column
  --product FILE   the product's binary (otherwise it is built in the main workspace)
  --self-test      measure a second bare proxy in the product's place: ratios must be near 1
  --model NAME     thread model of the bare proxy: shared, percore, handed (default), stack, inline
  --rounds N       interleaved rounds (9; 3 with --quick)
  --out FILE       where the results go (RESULTS.md beside this program's manifest, and only for a full run)
  --check          exit with 1 when a line is over its budget or could not be measured
  --list           print the names of the rows that measure CPU time, and nothing else
";

#[derive(Debug)]
struct Options {
    quick: bool,
    only: Vec<String>,
    product: Option<PathBuf>,
    self_test: bool,
    model: Model,
    rounds: Option<usize>,
    out: Option<PathBuf>,
    check: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.first().map(String::as_str) {
        Some("proxy") => serve_proxy(&args[1..]),
        Some("guard") => arena::guard(&args[1..]).map(|()| true),
        Some("--help" | "-h") => {
            print!("{HELP}");
            Ok(true)
        }
        Some("--list") => {
            ROWS.iter().for_each(|row| println!("{}", row.name));
            Ok(true)
        }
        _ => parse(&args).and_then(|options| bench(&options, &args)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve_proxy(args: &[String]) -> Result<bool> {
    let [model, upstream] = args else { return Err("proxy MODEL UPSTREAM".into()) };
    process::die_with_parent()?;
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    proxy::run(model.parse()?, upstream.parse()?, threads).map(|()| true)
}

fn parse(args: &[String]) -> Result<Options> {
    let mut options = Options {
        quick: false,
        only: Vec::new(),
        product: None,
        self_test: false,
        model: Model::Handed,
        rounds: None,
        out: None,
        check: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().ok_or_else(|| Error::from(format!("{arg} wants a value")));
        match arg.as_str() {
            "--quick" => options.quick = true,
            "--only" => options.only.push(value()?),
            "--product" => options.product = Some(value()?.into()),
            "--self-test" => options.self_test = true,
            "--model" => options.model = value()?.parse()?,
            "--rounds" => options.rounds = Some(value()?.parse()?),
            "--out" => options.out = Some(value()?.into()),
            "--check" => options.check = true,
            other => return Err(format!("{other} is no option; try --help").into()),
        }
    }
    check_names(&options.only)?;
    Ok(options)
}

/// Rows that are not in the table of [`ROWS`].
const OTHERS: [&str; 9] = [
    "first-token",
    "first-token-other",
    "features",
    "memory",
    "slow-streams",
    "start",
    "reload",
    "accounts",
    "selection",
];

fn check_names(only: &[String]) -> Result<()> {
    let known: Vec<_> = ROWS.iter().map(|row| row.name).chain(OTHERS).collect();
    match only.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("no row {name}; there are: {}", known.join(", ")).into()),
        None => Ok(()),
    }
}

/// True when all budgets hold, or nobody asked.
fn bench(options: &Options, args: &[String]) -> Result<bool> {
    let descriptors = process::raise_descriptors()?;
    // The choice of accounts is measured in this process.
    let alone = options.only == ["selection"];
    let subject = match (&options.product, options.self_test || alone) {
        (_, true) => Subject::StandIn,
        (Some(binary), false) => Subject::Product(binary.canonicalize()?),
        (None, false) => Subject::Product(arena::build_product()?),
    };
    let (rounds, share) = if options.quick { (3, 0.25) } else { (9, 1.0) };
    let effort = Effort { rounds: options.rounds.unwrap_or(rounds).max(1), share, descriptors };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = runtime.block_on(async {
        tokio::select! {
            lines = measure_all(options, subject, effort) => lines,
            // Returning drops the children, and so ends them.
            stopped = stop_signal() => Err(stopped.err().unwrap_or_else(|| "stopped".into())),
        }
    })?;
    let passed = lines.iter().filter(|line| line.passes()).count();
    println!("\n{} lines, {} over budget or not measured", lines.len(), lines.len() - passed);
    keep(options, args, effort, &lines)?;
    Ok(!options.check || passed == lines.len())
}

async fn stop_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

fn keep(options: &Options, args: &[String], effort: Effort, lines: &[Line]) -> Result<()> {
    let full = !options.quick && !options.self_test && options.only.is_empty();
    let standard = full.then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md"));
    let Some(out) = options.out.clone().or(standard) else { return Ok(()) };
    let context = Context { command: shown_command(args), model: options.model.name(), rounds: effort.rounds };
    Ok(std::fs::write(out, report::file(&context, lines)?)?)
}

/// The command line without the paths that only this machine knows.
fn shown_command(args: &[String]) -> String {
    let mut shown = vec!["cargo run --release --manifest-path bench/Cargo.toml --"];
    let mut hide = false;
    for arg in args {
        shown.push(if std::mem::take(&mut hide) { "FILE" } else { arg });
        hide = matches!(arg.as_str(), "--product" | "--out");
    }
    shown.join(" ").trim_end_matches(" --").to_owned()
}

/// Collects lines and shows each as it comes.
#[derive(Debug, Default)]
struct Table {
    lines: Vec<Line>,
}

impl Table {
    fn add(&mut self, name: &str, title: &str, measured: Result<Vec<Line>>) {
        let lines = measured.unwrap_or_else(|error| vec![Line::failed(name, title.to_owned(), &error)]);
        for line in lines {
            println!("{}", line.markdown());
            self.lines.push(line);
        }
    }
}

async fn measure_all(options: &Options, subject: Subject, effort: Effort) -> Result<Vec<Line>> {
    let arena = Arena::open(subject, options.model)?;
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    let mut table = Table::default();
    println!("{}", report::HEAD);
    {
        let (proxy, product) = (arena.proxy()?, arena.product(Setup::Plain).await?);
        for row in ROWS.iter().filter(|row| wanted(row.name)) {
            let line = measure::cpu(&arena, effort, row, &proxy, &product).await;
            table.add(row.name, row.title, line.map(|line| vec![line]));
        }
        for (name, client) in [("first-token", Dialect::Chat), ("first-token-other", Dialect::Messages)] {
            if wanted(name) {
                let lines = measure::first_token(&arena, effort, client, name, [&proxy, &product]).await;
                table.add(name, "Added first-token time", lines);
            }
        }
        if wanted("features") && !options.self_test {
            table.add("features", "Everything switched on", features(&arena, effort, &product).await);
        }
    }
    if wanted("memory") {
        table.add("memory", "Memory", measure::memory(&arena, effort).await);
    }
    if wanted("slow-streams") {
        table.add("slow-streams", "Memory per open slow stream", measure::slow_streams(&arena, effort).await);
    }
    if wanted("start") {
        table.add("start", "Start", measure::start(&arena, effort).await);
    }
    if wanted("reload") && !options.self_test {
        table.add("reload", "Reload under load", measure::reload(&arena, effort).await);
    }
    if wanted("accounts") && !options.self_test {
        table.add("accounts", "Memory of 500 accounts", measure::accounts(&arena, effort).await.map(|line| vec![line]));
    }
    if wanted("selection") {
        table.add("selection", "Choice of an account", selection::lines(effort));
    }
    Ok(table.lines)
}

async fn features(arena: &Arena, effort: Effort, plain: &Served) -> Result<Vec<Line>> {
    let full = arena.product(Setup::Features).await?;
    Ok(vec![measure::features(arena, effort, plain, &full).await?])
}
