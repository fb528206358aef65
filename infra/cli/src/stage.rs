//! A local cloud with real functions in it: what `up`, `demo` and `invoke` stand on.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use brigade::config::{Environment, parse_spans};
use brigade::event::BucketName;
use brigade_dedupe::{Service, Target};
use brigade_local::lambda::{FunctionSpec, MappingSpec};
use brigade_local::{LocalCloud, Wire, Wired};

use crate::failure::Failure;
use crate::functions::Function;

/// What a function is told of its memory here, in MB; its configuration in `infra/template.yaml` is its own.
const MEMORY_MB: u32 = 1024;
/// A debug binary on a busy machine needs seconds for its start.
const READY: Duration = Duration::from_secs(60);

/// Where buckets log to on this machine.
pub(crate) const LOGS: &str = "logs";
/// How long a batch is gathered: Lambda wants a second where it has more than ten messages.
const WINDOW: Duration = Duration::from_secs(1);
/// Its value is known when the path is laid.
const ANNOUNCE: &str = "BRIGADE_ANNOUNCE";

/// Variables of a function by name.
pub(crate) type Variables = BTreeMap<String, String>;

/// Starts an empty cloud on loopback; port 0 takes a free one.
pub(crate) async fn cloud(port: u16) -> Result<LocalCloud, Failure> {
    LocalCloud::builder().port(port).start().await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::Environment(format!(
            "port {port} is in use, perhaps by another `brigade up`; end that one, or choose a port with --port"
        )),
        _ => Failure::environment(format!("port {port}"), error),
    })
}

/// A function's variables here: the table's, then what the user gave.
pub(crate) fn variables(function: &Function, own: &[(String, String)]) -> Variables {
    let local = function.local.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    // Every record gets its line: these lines are what the commands show.
    let log = ("BRIGADE_LOG".to_owned(), "all".to_owned());
    local.chain([log]).chain(own.iter().cloned()).collect()
}

/// The variables as the function reads them at its start, or all that is wrong with them.
pub(crate) fn environment(function: &Function, variables: &Variables) -> Result<Environment, Failure> {
    let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), MEMORY_MB.to_string());
    let environment: Environment = variables.clone().into_iter().chain([memory]).collect();
    (function.check)(&environment).map_err(|mistakes| Failure::Usage(format!("{}: {mistakes}", function.name)))?;
    match target(variables).filter(|target| *target.arn() != arn_here(target)) {
        Some(target) => {
            let here = arn_here(&target);
            Err(Failure::Usage(format!(
                "{}: BRIGADE_TARGET: this cloud would call it {here}, not {}",
                function.name,
                target.arn()
            )))
        }
        None => Ok(environment),
    }
}

/// Of `BRIGADE_TARGET`, where it names one.
fn target(variables: &Variables) -> Option<Target> {
    Target::parse(variables.get("BRIGADE_TARGET")?).ok()
}

/// What a queue or topic of that name and region has for an ARN in this cloud, which is of one account.
fn arn_here(target: &Target) -> String {
    let service = if target.service() == Service::Queue { "sqs" } else { "sns" };
    format!("arn:aws:{service}:{}:{}:{}", target.region(), brigade_local::ACCOUNT, target_name(target))
}

fn target_name(target: &Target) -> &str {
    target.arn().rsplit(':').next().unwrap_or_default()
}

/// Lays the path from every bucket of the function's input, starts the function and waits until it asks for work.
pub(crate) async fn put_up(
    cloud: &LocalCloud,
    function: &Function,
    program: PathBuf,
    variables: Variables,
) -> Result<Wired, Failure> {
    let mut inputs = input_buckets(&variables).into_iter();
    let first = inputs.next().ok_or_else(|| Failure::Usage("BRIGADE_INPUT names no bucket".to_owned()))?;
    let derived = variables.get("BRIGADE_OUTPUT").and_then(|output| bucket_of(output));
    let wired = connect(cloud, function, first, derived.clone()).await?;
    for source in inputs {
        connect(cloud, function, source, derived.clone()).await?;
    }
    start(cloud, function, program, variables, &wired).await?;
    let mapping = MappingSpec::new(function.package, function.package);
    let window = if function.batch_size > mapping.batch_size { WINDOW } else { Duration::ZERO };
    let mapping = MappingSpec { batch_size: function.batch_size, window, ..mapping };
    cloud.host().map(mapping).map_err(|error| Failure::environment("the queue's mapping", error))?;
    Ok(wired)
}

/// The queues of a function, fed by a bucket's changes. The topic is one for each bucket, as in an account.
pub(crate) async fn connect(
    cloud: &LocalCloud,
    function: &Function,
    source: BucketName,
    derived: Option<BucketName>,
) -> Result<Wired, Failure> {
    let topic = format!("{source}-changes");
    let families = function.events.iter().map(|family| (*family).to_owned()).collect();
    // As in an account: six times the function's timeout, and the window.
    let visibility = 6 * function.timeout + WINDOW;
    let wire = Wire { derived, families, visibility, ..Wire::new(source.as_str(), topic, function.package) };
    cloud.connect(&wire).await.map_err(|error| Failure::environment(format!("the path from {source}"), error))
}

/// Makes the queue or topic of `BRIGADE_TARGET`, where it names one. What is there already is used as it is.
fn provide(cloud: &LocalCloud, variables: &Variables) -> Result<(), Failure> {
    let Some(target) = target(variables) else { return Ok(()) };
    let name = target_name(&target);
    let fifo = |attribute: &str| target.is_fifo().then(|| (attribute.to_owned(), "true".to_owned())).into_iter().collect();
    let made = match target.service() {
        Service::Queue => {
            cloud.queues().create_in(target.region(), name, &fifo("FifoQueue")).map_err(|error| error.to_string())
        }
        Service::Topic => {
            cloud.topics().create_in(target.region(), name, &fifo("FifoTopic")).map_err(|error| error.to_string())
        }
    };
    made.map(drop).map_err(|error| Failure::Environment(format!("{}: {error}", target.arn())))
}

/// Starts a function that nothing feeds yet.
pub(crate) async fn start(
    cloud: &LocalCloud,
    function: &Function,
    program: PathBuf,
    mut variables: Variables,
    wired: &Wired,
) -> Result<(), Failure> {
    variables.entry("BRIGADE_PARKED".to_owned()).or_insert_with(|| wired.parked_url.clone());
    if function.declared().any(|variable| variable.name == ANNOUNCE) {
        variables.entry(ANNOUNCE.to_owned()).or_insert_with(|| wired.topic_arn.clone());
    }
    environment(function, &variables)?;
    provide(cloud, &variables)?;
    for place in ["BRIGADE_OUTPUT", "BRIGADE_STATE"].iter().filter_map(|name| variables.get(*name)) {
        if let Some(bucket) = bucket_of(place) {
            ensure_bucket(cloud, &bucket)?;
        }
    }
    let timeout = function.timeout;
    let spec =
        FunctionSpec { environment: variables, memory_mb: MEMORY_MB, timeout, ..FunctionSpec::new(function.package, program) };
    let started = async {
        cloud.host().start(spec)?;
        cloud.host().ready(function.package, READY).await
    };
    started.await.map_err(|error| Failure::Environment(error.to_string()))
}

fn input_buckets(variables: &Variables) -> Vec<BucketName> {
    let spans = variables.get("BRIGADE_INPUT").and_then(|input| parse_spans(input).ok()).unwrap_or_default();
    let mut buckets: Vec<BucketName> = spans.iter().map(|span| span.bucket().clone()).collect();
    buckets.sort();
    buckets.dedup();
    buckets
}

/// The bucket of a place or a template.
pub(crate) fn bucket_of(place: &str) -> Option<BucketName> {
    place.strip_prefix("s3://")?.split('/').next().filter(|name| !name.is_empty()).map(BucketName::new)
}

fn ensure_bucket(cloud: &LocalCloud, bucket: &BucketName) -> Result<(), Failure> {
    match cloud.store().create_bucket(bucket, brigade_local::REGION) {
        Err(error) if error.code != "BucketAlreadyOwnedByYou" => Err(Failure::Environment(error.to_string())),
        _ => Ok(()),
    }
}

/// Turns a bucket's logging on, into the bucket `logs` under its own name.
pub(crate) fn log(cloud: &LocalCloud, bucket: &str) -> Result<(), Failure> {
    let (source, target) = (BucketName::new(bucket), BucketName::new(LOGS));
    ensure_bucket(cloud, &source)?;
    ensure_bucket(cloud, &target)?;
    let on = cloud.access_logs().turn_on(&source, &target, &format!("{bucket}/"));
    on.map_err(|error| Failure::environment(format!("the logging of {bucket}"), error))
}
