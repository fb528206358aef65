//! `brigade up`: the local cloud with its functions, until it is ended, with a live view of what happens.

use std::collections::BTreeSet;

use brigade_local::LocalCloud;
use brigade_local::lambda::HostEvents;
use serde_json::json;

use crate::binary::Binaries;
use crate::failure::Failure;
use crate::functions::{FUNCTIONS, Function, parser};
use crate::{hints, live, print, stage};

/// Run S3, SNS, SQS and the functions on this machine, with a live view.
///
/// Builds the functions that it starts, then serves on one port of loopback until Ctrl-C: a bucket `photos` whose changes
/// go by a topic and a queue to each function, and a bucket `derived` for what they make; a bucket `logs` for server access
/// logs, which become a table in `tables`. AWS CLI and SDKs work with the
/// endpoint URL that is printed. Where --env names other places, those are made and connected instead. Nothing is kept when
/// it ends.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade up\n  \
    brigade up --port 5000 --env BRIGADE_SIZES=64,1024 --env BRIGADE_FORMAT=webp\n  \
    brigade up --env thumbnail:BRIGADE_INPUT='s3://photos/*,s3://scans/in/*'\n  \
    brigade up --log photos    # and requests on photos are rows in s3://tables/access_logs/ some seconds later\n  \
    brigade up --json | jq 'select(.type == \"record\").record'")]
pub(crate) struct Arguments {
    /// The port, on loopback alone; 0 takes a free one.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// A function to start; all of them where none is named.
    #[arg(long = "function", value_name = "FUNCTION", value_parser = parser())]
    functions: Vec<&'static Function>,
    /// A variable of every function that has it, or with `FUNCTION:` in front of that one alone; see `brigade config`.
    #[arg(long = "env", value_name = "[FUNCTION:]NAME=VALUE", value_parser = parse_setting)]
    environment: Vec<Setting>,
    /// Turn this bucket's server access logging on, into s3://logs/BUCKET/; may be given several times. A bucket that is not
    /// there is made.
    #[arg(long = "log", value_name = "BUCKET")]
    logged: Vec<String>,
    #[command(flatten)]
    binaries: Binaries,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// One `--env`.
#[derive(Clone, Debug)]
struct Setting {
    /// `None`: of all that have the variable.
    function: Option<&'static Function>,
    name: String,
    value: String,
}

fn parse_setting(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("expected NAME=VALUE, not {text:?}"))?;
    let (function, name) = match name.split_once(':') {
        None => (None, name),
        Some((function, name)) => {
            let found = FUNCTIONS.iter().find(|one| one.name == function);
            (Some(found.ok_or_else(|| format!("{function:?} is no function in {text:?}"))?), name)
        }
    };
    if name.is_empty() {
        return Err(format!("{text:?} names no variable"));
    }
    Ok(Setting { function, name: name.to_owned(), value: value.to_owned() })
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut functions: Vec<&'static Function> = arguments.functions.clone();
    if functions.is_empty() {
        functions = FUNCTIONS.iter().collect();
    }
    if arguments.logged.iter().any(|bucket| bucket == stage::LOGS) {
        let problem = "--log: this bucket takes the logs; if it were logged too, each log object would make another";
        return Err(Failure::Usage(problem.to_owned()));
    }
    let mut named = BTreeSet::new();
    functions.retain(|function| named.insert(function.name));
    let mut placed = Vec::new();
    for function in functions {
        let variables = stage::variables(function, &own(function, &arguments.environment));
        stage::environment(function, &variables)?;
        placed.push((function, variables));
    }
    let hints = hints::commands(placed.iter().map(|(_, variables)| variables), &arguments.logged);
    // The port is tried before minutes go into a build.
    let cloud = stage::cloud(arguments.port).await?;
    let end = ended()?;
    let events = cloud.host().events();
    let served = async {
        for (function, variables) in placed {
            let program = arguments.binaries.of(function).await?;
            stage::put_up(&cloud, function, program, variables).await?;
        }
        for bucket in &arguments.logged {
            stage::log(&cloud, bucket)?;
        }
        announce(&cloud, &hints, arguments.json)?;
        watch(events, arguments.json).await
    };
    let result = tokio::select! {
        biased;
        () = end => Ok(()),
        result = served => result,
    };
    cloud.shutdown().await;
    result
}

/// What of `--env` concerns a function: what is said to it alone, what it declares, and what no function does, so that a wrong
/// name is refused. What is said to it alone comes last, and wins.
fn own(function: &Function, environment: &[Setting]) -> Vec<(String, String)> {
    let declares = |function: &Function, name: &str| function.declared().any(|variable| variable.name == name);
    let of_all = environment.iter().filter(|one| {
        one.function.is_none() && (declares(function, &one.name) || !FUNCTIONS.iter().any(|other| declares(other, &one.name)))
    });
    let its_own = environment.iter().filter(|one| one.function.is_some_and(|named| named.name == function.name));
    of_all.chain(its_own).map(|one| (one.name.clone(), one.value.clone())).collect()
}

/// Completes at Ctrl-C or when the process is asked to end.
fn ended() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|error| Failure::environment("signals", error));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

fn announce(cloud: &LocalCloud, hints: &[String], as_json: bool) -> Result<(), Failure> {
    let endpoint = cloud.endpoint();
    if as_json {
        let environment = json!({
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": brigade_local::REGION, "AWS_DEFAULT_REGION": brigade_local::REGION,
        });
        return Ok(print::line(json!({"type": "up", "endpoint": endpoint, "environment": environment}))?);
    }
    let region = brigade_local::REGION;
    let hints: String = hints.iter().map(|command| format!("  aws {command}\n")).collect();
    Ok(print::line(format!(
        "The local cloud is up. In another terminal:

  export AWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  export AWS_REGION={region} AWS_DEFAULT_REGION={region}

{hints}
One line for each event and its verdict follows; Ctrl-C ends it.
"
    ))?)
}

async fn watch(mut events: HostEvents, as_json: bool) -> Result<(), Failure> {
    while let Some(event) = events.next().await {
        let line = if as_json { live::json(&event).map(|value| value.to_string()) } else { live::text(&event) };
        if let Some(line) = line {
            print::line(line)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::{COMPACT, THUMBNAIL};

    #[test]
    fn a_variable_goes_to_those_that_have_it_or_to_the_one_that_is_named() {
        let settings: Vec<Setting> =
            ["thumbnail:BRIGADE_LOG=problems", "BRIGADE_LOG=all", "BRIGADE_SIZES=64", "BRIGADE_SIZE=9"]
                .map(|text| parse_setting(text).unwrap())
                .into();
        let of = |function| own(function, &settings).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (thumbnail, compact): (Vec<_>, Vec<_>) = (of(&THUMBNAIL), of(&COMPACT));
        assert_eq!(thumbnail, ["BRIGADE_LOG=all", "BRIGADE_SIZES=64", "BRIGADE_SIZE=9", "BRIGADE_LOG=problems"]);
        assert_eq!(compact, ["BRIGADE_LOG=all", "BRIGADE_SIZE=9"], "what nobody has is refused by each");
        for wrong in ["BRIGADE_LOG", "=x", "thumbnail:=x", "nobody:BRIGADE_LOG=all"] {
            assert!(parse_setting(wrong).is_err(), "{wrong}");
        }
    }
}
