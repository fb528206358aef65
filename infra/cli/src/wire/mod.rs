//! `brigade wire`: connects a bucket to functions that are deployed, and undoes it.

mod text;

use std::collections::BTreeSet;
use std::time::Duration;

use brigade::aws::Clients;
use brigade::notification::Filter;
use brigade_local::clock::Clock;
use brigade_wire::apply::{Patience, Report, Stopped, TestEvent, Why, apply, read};
use brigade_wire::arn::{Arn, topic_name};
use brigade_wire::aws::Aws;
use brigade_wire::notification::{self, Notification, Owner};
use brigade_wire::plan::{Consumer, Direction, Plan, Wish, plan};
use brigade_wire::policy::topic_sid;
use brigade_wire::ports::{Check, CloudError, Kind, Messaging, Notifications};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::functions::{Function, parser};
use crate::print;

/// Time for a writer that has read the bucket's configuration before this call wrote it.
const SETTLE: Duration = Duration::from_secs(2);

/// Connect an existing bucket to functions, through one topic, and overwrite nobody's configuration.
///
/// Prints what would change: `+` joins, `-` goes, `~` changes, `=` stays. With --apply it is done, read back, and proven by
/// S3's test event, which a queue of its own watches for; no function's queue is read.
///
/// S3 takes a bucket's notification configuration as a whole. This command merges its own rules (their ids begin with
/// `brigade-wire.`) into whatever is there, and keeps every other rule and the EventBridge switch. Where S3 would refuse two
/// rules beside each other, it says so before anything is written, with what solves it. S3 cannot write on a condition: who
/// writes between this command's last reading and its writing (the time of one request) is overwritten; anyone else is seen
/// and merged with.
///
/// The functions' queues must exist (`brigade-FUNCTION`). What SNS cannot deliver to one goes to its dead-letter queue, where
/// it has one. The topic is BUCKET-changes, made where it is missing, or the one that --topic names. The exit code is 1 if it
/// is refused, not complete, or the test event does not arrive.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade wire photos --to thumbnail\n  \
    brigade wire photos --to thumbnail --prefix uploads/ --apply\n  \
    brigade wire photos --to thumbnail --topic arn:aws:sns:eu-west-1:123456789012:photo-events --apply\n  \
    brigade wire photos --to thumbnail --remove --apply")]
pub(crate) struct Arguments {
    /// The bucket's name. It belongs to the account of the credentials, and is in their region.
    #[arg(value_parser = parse_bucket)]
    bucket: String,
    /// The functions, as a comma list.
    #[arg(long = "to", value_name = "FUNCTION", value_delimiter = ',', required = true, value_parser = parser())]
    functions: Vec<&'static Function>,
    /// Name or ARN of the topic.
    #[arg(long)]
    topic: Option<String>,
    /// Only keys that begin so; form-encoded as S3 takes it, so that a space is `+`. There is one for a bucket: where the
    /// functions' BRIGADE_INPUT takes several, give what they have in common or leave it out. They skip the rest.
    #[arg(long, conflicts_with = "remove")]
    prefix: Option<String>,
    /// Only keys that end so; form-encoded as S3 takes it.
    #[arg(long, conflicts_with = "remove")]
    suffix: Option<String>,
    /// Undo it: what was there before stays.
    #[arg(long)]
    remove: bool,
    /// Do it.
    #[arg(long)]
    apply: bool,
    /// Keep S3 from asking the destinations of all rules whether they take events. For a bucket in which somebody else's
    /// rule goes to what is gone.
    #[arg(long)]
    skip_destination_validation: bool,
    /// How long to wait for the test event, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=900))]
    wait: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Names are S3's to judge; this tells them from the places that other commands take.
fn parse_bucket(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['/', ':']) {
        return Err(format!("expected a bucket's name alone, such as photos, not {text:?}"));
    }
    Ok(text.to_owned())
}

pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let clients = Clients::checked_from_env().await.map_err(|missing| Failure::Environment(missing.to_string()))?;
    let topic = named_topic(arguments)?;
    let account = topic.as_ref().map(|arn| arn.account.clone());
    let cloud = Aws::new(clients);
    let wish = wish(&cloud, arguments, topic).await?;
    let seen = read(&cloud, &wish).await.map_err(|error| match (error.kind, account) {
        (Kind::Denied, Some(account)) => {
            Failure::Environment(format!("{error} (it was asked for as account {account}'s, which is that of --topic)"))
        }
        _ => failed(error),
    })?;
    let plan = plan(&seen, &wish);
    if !arguments.json {
        print::line(text::plan(&plan, &wish))?;
    }
    if !plan.refusals.is_empty() {
        return end(arguments, &wish, &plan, Outcome::Refused);
    }
    if !arguments.apply || plan.steps.is_empty() {
        return end(arguments, &wish, &plan, Outcome::Planned);
    }
    let patience = Patience {
        settle: SETTLE,
        test_event: Duration::from_secs(arguments.wait),
        nonce: fastrand::u64(..),
        check: if arguments.skip_destination_validation { Check::Nothing } else { Check::Destinations },
    };
    match apply(&cloud, &wish, patience).await {
        Ok(report) => end(arguments, &wish, &plan, Outcome::Applied(report)),
        Err(stopped) => end(arguments, &wish, &plan, Outcome::Stopped(stopped)),
    }
}

/// How a call ended.
pub(crate) enum Outcome {
    Refused,
    Planned,
    Applied(Report),
    Stopped(Stopped),
}

fn end(arguments: &Arguments, wish: &Wish, plan: &Plan, outcome: Outcome) -> Result<(), Failure> {
    if arguments.json {
        print::line(document(wish, plan, &outcome))?;
    } else {
        let last = text::outcome(arguments, plan, &outcome);
        if !last.is_empty() {
            print::line(last)?;
        }
    }
    match outcome {
        Outcome::Planned => Ok(()),
        Outcome::Applied(report) if report.test_event != TestEvent::Missing => Ok(()),
        Outcome::Stopped(Stopped { why: Why::Failed(error), .. }) if error.kind != Kind::Refused => {
            Err(Failure::Environment(error.to_string()))
        }
        Outcome::Refused | Outcome::Applied(_) | Outcome::Stopped(_) => Err(Failure::Findings(String::new())),
    }
}

fn document(wish: &Wish, plan: &Plan, outcome: &Outcome) -> Value {
    let steps = |steps: &[brigade_wire::plan::Step]| steps.iter().map(text::step).collect::<Vec<_>>();
    let mut document = json!({
        "bucket": wish.bucket,
        "topic": wish.topic.to_string(),
        "lines": plan.lines,
        "changes": plan.steps.len(),
        "notes": plan.notes,
        "refusals": plan.refusals.iter().map(|refusal| text::refusal_json(refusal, wish)).collect::<Vec<_>>(),
    });
    let result = match outcome {
        Outcome::Refused => json!({"outcome": "refused"}),
        Outcome::Planned => json!({"outcome": "planned"}),
        Outcome::Applied(report) => json!({
            "outcome": "applied",
            "done": steps(&report.done),
            "rivals": report.rivals,
            "test_event": match report.test_event {
                TestEvent::None => "none",
                TestEvent::Arrived => "arrived",
                TestEvent::Missing => "missing",
            },
        }),
        Outcome::Stopped(stopped) => json!({
            "outcome": "stopped",
            "done": steps(&stopped.done),
            "left": steps(&stopped.left),
            "why": text::why(&stopped.why, wish),
        }),
    };
    if let (Value::Object(document), Value::Object(result)) = (&mut document, result) {
        document.extend(result);
    }
    document
}

/// The ARN of `--topic`, where it is one.
fn named_topic(arguments: &Arguments) -> Result<Option<Arn>, Failure> {
    let Some(arn) = arguments.topic.as_deref().and_then(Arn::parse) else { return Ok(None) };
    if arn.service != "sns" || arn.name.contains(':') {
        return Err(Failure::Usage(format!("--topic: {arn} is no topic")));
    }
    Ok(Some(arn))
}

/// Finds what the wish is made of: account and region by the functions' queues, the topic by what the bucket has already.
async fn wish(cloud: &Aws, arguments: &Arguments, named_arn: Option<Arn>) -> Result<Wish, Failure> {
    let owner = Owner::command();
    let named = arguments.topic.as_deref();
    let mut functions = arguments.functions.clone();
    functions.sort_by_key(|function| function.name);
    functions.dedup_by_key(|function| function.name);
    let mut base = named_arn.clone();
    for function in &functions {
        if base.is_none() {
            base = cloud.queue(function.package).await.map_err(failed)?.map(|queue| queue.arn);
        }
    }
    let base = base.ok_or_else(|| {
        let names: Vec<&str> = functions.iter().map(|function| function.package).collect();
        Failure::Findings(format!(
            "none of the queues {} is here: deploy the functions first, or set AWS_REGION to where they are \
             (to remove a wiring whose queues are gone, name the topic's ARN with --topic)",
            names.join(", ")
        ))
    })?;
    let topic = match (named_arn, named) {
        (Some(arn), _) => arn,
        (None, Some(name)) => base.beside("sns", name),
        (None, None) => topic_of(cloud, &base, &owner, arguments, &functions).await?,
    };
    let consumer = |function: &&'static Function| Consumer {
        name: function.name.to_owned(),
        queue: topic.beside("sqs", function.package),
        families: function.events.iter().map(|family| (*family).to_owned()).collect(),
    };
    Ok(Wish {
        bucket: arguments.bucket.clone(),
        owner,
        functions: functions.iter().map(consumer).collect(),
        topic,
        filter: Filter { prefix: arguments.prefix.clone(), suffix: arguments.suffix.clone() },
        direction: if arguments.remove { Direction::Remove } else { Direction::Connect },
        // A clock before 1970 takes nothing for left behind.
        now: u64::try_from(Clock::real().now().unix_timestamp()).unwrap_or_default(),
    })
}

/// The topic that this command has wired the bucket to before, or the one that it would make. Where a removal was broken off,
/// the bucket's rules are gone already; then the policies tell it, of the queues and of the topic.
async fn topic_of(
    cloud: &Aws,
    base: &Arn,
    owner: &Owner,
    arguments: &Arguments,
    functions: &[&'static Function],
) -> Result<Arn, Failure> {
    let bucket = &arguments.bucket;
    let there = match cloud.notification(bucket, &base.account).await {
        // Of a bucket that is gone, what it was wired with can go too.
        Err(error) if error.kind == Kind::Missing && arguments.remove => Notification::default(),
        there => there.map_err(failed)?,
    };
    if let Some(before) = there.own(owner).find_map(|rule| Arn::parse(notification::topic_of(rule)?)) {
        return Ok(before);
    }
    let mut admitted = BTreeSet::new();
    for function in functions {
        let queue = cloud.queue(function.package).await.map_err(failed)?;
        admitted.extend(queue.into_iter().flat_map(|queue| queue.policy.topics()));
    }
    let sid = topic_sid(bucket);
    for arn in admitted {
        match cloud.topic(&arn).await {
            Ok(Some(topic)) if topic.policy.has(&sid) => return Ok(arn),
            Ok(_) => {}
            // Another account's, or another region's.
            Err(error) if matches!(error.kind, Kind::Denied | Kind::Refused) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(base.beside("sns", &topic_name(bucket)))
}

fn failed(error: CloudError) -> Failure {
    match error.kind {
        Kind::Refused => Failure::Findings(error.to_string()),
        Kind::Denied | Kind::Missing | Kind::Conflict | Kind::Unavailable => Failure::Environment(error.to_string()),
    }
}
