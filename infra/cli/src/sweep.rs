//! `brigade sweep`: derived objects whose source is gone.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use brigade::aws::Clients;
use brigade::config::{Environment, Place};
use brigade::storage::{List, OwnWrites, Store, StoreError};
use brigade::verdict::Verdict;
use brigade_cleanup::sweep::{Order, Orphan, Stage, Summary, Watch};
use brigade_cleanup::{Cleanup, Config};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::functions::FUNCTIONS;
use crate::{live, print};

/// List derived objects whose source is gone, or remove them.
///
/// Lists the place and the sources side by side, in constant memory, and looks at each source that is not there once more:
/// without --apply it prints what would go, with --apply it removes that. Above --max-deletes nothing is removed, nor where
/// some of it could not be looked at and it may be too much. The
/// function's variables are read from the environment, as `brigade config cleanup` lists them; --input and --output set
/// two of them. A sweep may be broken off at any moment and run again. The exit code is 0 if nothing is without its source, or
/// all of it is gone now; 1 if something was found, refused or left.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    brigade sweep s3://derived/thumbnails/ --input 's3://photos/*' --output 's3://derived/thumbnails/{bucket}/{key}/{size}.{ext}'\n  \
    brigade sweep s3://derived/thumbnails/photos/2019/ --apply --max-deletes 100000 --json")]
pub(crate) struct Arguments {
    /// Where derived objects are swept: s3://BUCKET/PREFIX, in a template of BRIGADE_OUTPUT.
    #[arg(value_name = "s3://BUCKET/PREFIX", value_parser = Place::parse)]
    place: Place,
    /// The sources that count (BRIGADE_INPUT).
    #[arg(long, value_name = "SPANS")]
    input: Option<String>,
    /// The templates of derived objects (BRIGADE_OUTPUT).
    #[arg(long, value_name = "TEMPLATES")]
    output: Option<String>,
    /// Remove what is found.
    #[arg(long)]
    apply: bool,
    /// Remove nothing if more derived objects than this would go; without it BRIGADE_MAX_DELETES.
    #[arg(long, value_name = "NUMBER", value_parser = brigade::config::parse_count, allow_negative_numbers = true)]
    max_deletes: Option<u64>,
    /// Begin behind this derived key, or the object of this s3:// URI, such as the last one that an earlier sweep printed.
    #[arg(long, value_name = "KEY")]
    start_after: Option<String>,
    /// Print one JSON object for each source, and one for the whole.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = config(arguments, Environment::of_process())?;
    let place = &arguments.place;
    let start_after = start_after(arguments)?;
    let clients = Clients::checked_from_env().await.map_err(|missing| Failure::Environment(missing.to_string()))?;
    let store = OwnWrites::seeded_by_system(clients.s3_store(config.common.owner.clone()));
    let store: Arc<dyn Store> = Arc::new(store);
    let cleanup = Cleanup::new(&config, Arc::clone(&store), Arc::new(clients.topic()));
    if !cleanup.has_derived_below(place) {
        let templates = config.templates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Failure::Usage(format!("{place} is outside of {templates} for the sources that BRIGADE_INPUT names")));
    }
    let order = Order {
        place: Some(place),
        apply: arguments.apply,
        max_deletes: arguments.max_deletes.unwrap_or(config.max_deletes),
        start_after,
    };
    let mut view = View::new(arguments);
    let swept = cleanup.sweep(order, &mut view).await;
    view.clear();
    if let Some(failure) = view.failure.take() {
        return Err(failure);
    }
    let summary = swept.map_err(|error: StoreError| Failure::Environment(error.to_string()))?;
    if summary.looked == 0 {
        nothing_there(arguments, &config, store.as_ref()).await?;
    }
    told(arguments, &summary, order.max_deletes)
}

/// The key of `--start-after`: what a sweep prints is a URI.
fn start_after(arguments: &Arguments) -> Result<Option<&str>, Failure> {
    let Some(named) = arguments.start_after.as_deref() else { return Ok(None) };
    let Some(uri) = named.strip_prefix("s3://") else { return Ok(Some(named)) };
    let bucket = &arguments.place.bucket;
    let key = uri.strip_prefix(bucket.as_str()).and_then(|rest| rest.strip_prefix('/'));
    let other = || Failure::Usage(format!("--start-after: {named} is not in the bucket that is swept, {bucket}"));
    key.map(Some).ok_or_else(other)
}

/// Nothing derived was found: a slip in a name would look the same. A bucket of sources that is not there is one.
async fn nothing_there(arguments: &Arguments, config: &Config, store: &dyn Store) -> Result<(), Failure> {
    for span in &config.common.input {
        let one = List { max_keys: Some(1), ..List::default() };
        store.list(span.bucket(), one).await.map_err(|error| Failure::environment(format!("sources in {span}"), error))?;
    }
    let sources = config.common.input.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let behind = arguments.start_after.iter().map(|key| format!(", behind {key}")).collect::<String>();
    eprintln!("brigade: nothing derived from {sources} lies in {}{behind}: is that what was meant?", arguments.place);
    Ok(())
}

/// The function's configuration, from the environment and the options.
fn config(arguments: &Arguments, environment: Environment) -> Result<Config, Failure> {
    let own = [("BRIGADE_INPUT", &arguments.input), ("BRIGADE_OUTPUT", &arguments.output)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    // Of the common ones, what concerns a sweep at a terminal. Another function's variables may stand in the same environment;
    // a name that no function has is a slip.
    let names = ["BRIGADE_INPUT", "BRIGADE_OWNER", "BRIGADE_ENCRYPTION", "BRIGADE_CONCURRENCY"];
    let cleanups = |name: &str| names.contains(&name) || brigade_cleanup::VARIABLES.iter().any(|own| own.name == name);
    let somebodys = |name: &str| FUNCTIONS.iter().any(|function| function.declared().any(|variable| variable.name == name));
    let concerns = environment.names().filter(|name| cleanups(name) || !somebodys(name));
    let set = concerns.filter_map(|name| Some((name, environment.get(name)?)));
    Config::read(&set.chain(own).collect()).map_err(|mistakes| Failure::Usage(mistakes.to_string()))
}

fn told(arguments: &Arguments, summary: &Summary, max_deletes: u64) -> Result<(), Failure> {
    let Summary { looked, sources, objects, failed, over } = summary;
    if arguments.json {
        print::line(json!({
            "applied": arguments.apply, "looked": looked, "sources": sources, "objects": objects, "failed": failed, "over": over,
        }))?;
    } else {
        let verb = if arguments.apply { "removed" } else { "would be removed" };
        print::line(format!(
            "{looked} derived objects looked at; {objects} of them, of {sources} sources that are gone, {verb}"
        ))?;
    }
    match over {
        Some(over) => Err(Failure::Findings(format!(
            "{over} derived objects or more have no source, and --max-deletes is {max_deletes}: {}",
            match (arguments.apply, objects) {
                (true, 0) => "nothing was removed",
                (true, _) => "the sweep ended there",
                (false, _) => "--apply would remove nothing",
            }
        ))),
        None if *failed > 0 => Err(Failure::Findings(format!("the derived objects of {failed} sources could not be removed"))),
        None if *objects > 0 && !arguments.apply => Err(Failure::Findings("run it with --apply to remove them".to_owned())),
        None => Ok(()),
    }
}

/// Results on standard output; progress on standard error, in one line where that is a terminal.
struct View {
    json: bool,
    applied: bool,
    terminal: bool,
    shown: bool,
    failure: Option<Failure>,
}

impl View {
    fn new(arguments: &Arguments) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { json: arguments.json, applied: arguments.apply, terminal, shown: false, failure: None }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\x1b[K");
        }
    }

    fn text(&self, orphan: &Orphan) -> String {
        let verb = if self.applied { "removed" } else { "would remove" };
        let problem = |verdict: &Verdict| verdict.reason().map(|reason| format!("  {reason}")).unwrap_or_default();
        let mut lines: Vec<String> = orphan.objects.iter().map(|at| format!("{verb} {at}")).collect();
        if matches!(orphan.verdict, Verdict::Retry(..) | Verdict::Park(_)) {
            lines.push(format!("FAILED {}{}", orphan.source, problem(&orphan.verdict)));
        }
        lines.iter().map(|line| live::printable(line)).collect::<Vec<_>>().join("\n")
    }

    fn document(orphan: &Orphan) -> Value {
        let objects: Vec<String> = orphan.objects.iter().map(ToString::to_string).collect();
        let reason = orphan.verdict.reason().map(ToString::to_string);
        json!({"source": orphan.source.to_string(), "objects": objects, "verdict": orphan.verdict.name(), "reason": reason})
    }
}

impl Watch for View {
    fn looked(&mut self, stage: Stage, looked: u64, orphaned: u64) {
        if !self.terminal {
            return;
        }
        let what = match stage {
            Stage::Count => "counting",
            Stage::Check => "checking, since it is more than may go",
            Stage::Clean => "sweeping",
        };
        eprint!("\r\x1b[K{what}: {looked} derived objects, {orphaned} without a source");
        let _ = std::io::stderr().flush();
        self.shown = true;
    }

    fn orphan(&mut self, orphan: &Orphan) {
        self.clear();
        let line = if self.json { Self::document(orphan).to_string() } else { self.text(orphan) };
        // Whoever read the output may have left; the sweep itself goes on, and says so at its end.
        if let Err(error) = print::line(line) {
            self.failure.get_or_insert(Failure::from(error));
        }
    }
}
