//! What `brigade wire` says.

use std::time::Duration;

use brigade::notification::{Destination, Draft, MAX_RULES};
use brigade_wire::apply::{TestEvent, Why};
use brigade_wire::notification::{Overlap, Unwritable};
use brigade_wire::plan::{Line, Plan, Refusal, Sign, Step, Wish, told};
use brigade_wire::ports::Kind;
use serde_json::{Value, json};

use super::{Arguments, Outcome};
use crate::live::printable;
use crate::print;

/// The plan, line by line, with whatever is against it.
pub(super) fn plan(plan: &Plan, wish: &Wish) -> String {
    let sign = |sign| match sign {
        Sign::Add => "+",
        Sign::Remove => "-",
        Sign::Change => "~",
        Sign::Keep => "=",
    };
    let row = |l: &Line| [sign(l.sign).to_owned(), l.part.to_owned(), printable(&l.name), printable(&l.detail)];
    let rows = plan.lines.iter().map(row);
    let mut text = format!("bucket {}, topic {}\n\n", wish.bucket, wish.topic);
    text.push_str(&print::table(&rows.collect::<Vec<_>>()));
    for note in &plan.notes {
        text.push_str(&format!("\n\nnote: {}", printable(note)));
    }
    for against in &plan.refusals {
        text.push_str(&format!("\n\nrefused: {}", refusal(against, wish)));
    }
    text
}

/// The last words.
pub(super) fn outcome(arguments: &Arguments, plan: &Plan, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refused => "\nNothing was done.".to_owned(),
        Outcome::Planned if plan.steps.is_empty() => "\nNothing to do.".to_owned(),
        Outcome::Planned => format!("\n{} to do. Nothing is done yet: repeat with --apply.", counted(plan.steps.len())),
        Outcome::Applied(report) => {
            let rivals = match report.rivals {
                0 => "",
                _ => " Somebody else wrote the bucket's configuration in between; that was merged with.",
            };
            let event = match report.test_event {
                TestEvent::None => String::new(),
                TestEvent::Arrived => " S3's test event came by the topic.".to_owned(),
                TestEvent::Missing => format!(
                    "\nS3's test event did not come by the topic within {:?}. All is written and reads as it should; look at the \
                     topic's delivery status, or try an upload.",
                    Duration::from_secs(arguments.wait)
                ),
            };
            format!("\n{} done, and read back.{rivals}{event}{}", counted(report.done.len()), inputs(arguments))
        }
        Outcome::Stopped(stopped) => {
            let list = |steps: &[Step]| match steps {
                [] => "  nothing".to_owned(),
                steps => steps.iter().map(|s| format!("  {}", step(s))).collect::<Vec<_>>().join("\n"),
            };
            let why = why_in_words(&stopped.why);
            let or_lost = match &stopped.why {
                Why::Failed(error) if error.kind == Kind::Unavailable => ", unless the first one's answer alone was lost",
                _ => "",
            };
            format!(
                "\nNOT COMPLETE: {why}\n\ndone, and in effect:\n{}\nnot done{or_lost}:\n{}\n\nThe same call again goes on from here; with \
                 --remove it takes back what is done.",
                list(&stopped.done),
                list(&stopped.left)
            )
        }
    }
}

/// Who is connected and takes something else acknowledges every event as `not-mine`: nothing else would tell.
fn inputs(arguments: &Arguments) -> String {
    let Arguments { bucket, functions, prefix, suffix, remove, .. } = arguments;
    if *remove {
        return String::new();
    }
    let names: Vec<&str> = functions.iter().map(|function| function.name).collect();
    let (prefix, suffix) = (prefix.as_deref().unwrap_or_default(), suffix.as_deref().unwrap_or_default());
    let names = names.join(" and ");
    format!(
        "\nWhat BRIGADE_INPUT of {names} does not name is skipped as not-mine: see that it has s3://{bucket}/{prefix}*{suffix}"
    )
}

fn counted(steps: usize) -> String {
    if steps == 1 { "1 change".to_owned() } else { format!("{steps} changes") }
}

/// A step in a few words.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::CreateTopic => "made the topic".to_owned(),
        Step::AdmitBucket => "the topic lets S3 publish for the bucket".to_owned(),
        Step::AdmitTopic(queue) => format!("queue {} lets the topic send", queue.name),
        Step::Subscribe(queue, _) => format!("queue {} subscribes to the topic", queue.name),
        Step::ChangeSubscription(arn, attributes) => {
            format!("subscription {arn}: {}", attributes.keys().cloned().collect::<Vec<_>>().join(", "))
        }
        Step::Announce(Some(wanted)) => {
            format!("the bucket announces {}", wanted.families.iter().cloned().collect::<Vec<_>>().join(", "))
        }
        Step::Announce(None) => "the bucket announces nothing by own rules".to_owned(),
        Step::Unsubscribe(arn) => format!("ended subscription {arn}"),
        Step::ExpelTopic(queue) => format!("queue {} lets the topic send no more", queue.name),
        Step::ExpelBucket => "the topic lets S3 publish for the bucket no more".to_owned(),
        Step::DeleteTopic => "deleted the topic".to_owned(),
        Step::DeleteProbe(name) => format!("deleted the queue {name}, which a killed call had left"),
    }
}

fn why_in_words(why: &Why) -> String {
    match why {
        Why::Failed(error) if error.is_about_destinations() => format!(
            "{error}\nS3 asks the destinations of all rules, other people's included. Where one of theirs is gone, its owner has to \
             mend that rule; --skip-destination-validation goes on without asking."
        ),
        Why::Failed(error) => error.to_string(),
        Why::Contended => {
            "what this call has written, several times, does not read so: others keep writing it, or it is slow to show"
                .to_owned()
        }
        Why::Refused(_) => "what others have written meanwhile does not go together with it".to_owned(),
    }
}

/// Why it stopped, for a program.
pub(super) fn why(why: &Why, wish: &Wish) -> Value {
    let mut document = json!({"message": why_in_words(why)});
    if let (Why::Refused(plan), Value::Object(map)) = (why, &mut document) {
        let refusals = plan.refusals.iter().map(|refusal| refusal_json(refusal, wish)).collect::<Vec<_>>();
        map.insert("refusals".to_owned(), refusals.into());
    }
    document
}

fn refusal(refusal: &Refusal, wish: &Wish) -> String {
    match refusal {
        Refusal::Because(why) => printable(why),
        Refusal::NoBucket => format!("there is no bucket {}, and nothing of its at the topic {}", wish.bucket, wish.topic),
        Refusal::Elsewhere { id, topic } => format!(
            "the bucket's rule {id} goes to {topic}, not to {}: to take that wiring back, name its topic with --topic {topic}",
            wish.topic
        ),
        Refusal::Unwritable(Unwritable::Invalid(said)) => format!("S3 takes no such rule. It would say: {said}"),
        Refusal::Unwritable(Unwritable::TooMany(rules)) => {
            format!("the bucket would have {rules} rules, and S3 takes {MAX_RULES}")
        }
        Refusal::Unwritable(Unwritable::Narrows(narrowing)) => printable(&narrowing.to_string()),
        Refusal::Unwritable(Unwritable::Overlap(overlap)) => {
            let Overlap { theirs, ours, said } = overlap.as_ref();
            let id = |rule: &Draft| rule.id.clone().unwrap_or_default();
            let row = |rule: &Draft| [String::new(), printable(&id(rule)), printable(&told(rule))];
            let rows = [row(theirs), row(ours)];
            format!(
                "S3 does not take these two rules beside each other:\n{}\nIt would say: {}: {}\n{}",
                print::table(&rows),
                said.code,
                said.message,
                fan_out(&theirs.destination, &printable(&id(theirs)), wish)
            )
        }
    }
}

/// A refusal for a program.
pub(super) fn refusal_json(refusal: &Refusal, wish: &Wish) -> Value {
    match refusal {
        Refusal::Unwritable(Unwritable::Overlap(overlap)) => {
            let Overlap { theirs, ours, said } = overlap.as_ref();
            json!({
                "code": said.code,
                "message": said.message,
                "rules": [{"id": theirs.id, "says": told(theirs)}, {"id": ours.id, "says": told(ours)}],
                "fan_out": fan_out(&theirs.destination, theirs.id.as_deref().unwrap_or_default(), wish),
            })
        }
        Refusal::Unwritable(Unwritable::Invalid(said)) => json!({"code": said.code, "message": said.message}),
        other => json!({"message": self::refusal(other, wish)}),
    }
}

/// What solves an overlap: one topic takes the events, and everybody subscribes to it.
fn fan_out(theirs: &Destination, id: &str, wish: &Wish) -> String {
    let functions = wish.functions.iter().map(|function| function.name.as_str()).collect::<Vec<_>>().join(",");
    let by = |topic: &str| format!("brigade wire {} --to {functions} --topic {topic}", wish.bucket);
    match theirs {
        Destination::Topic(arn) if *arn != wish.topic.to_string() => {
            format!("Fan-out solves it: the events go to a topic already, and the functions can subscribe to that: {}", by(arn))
        }
        Destination::Topic(_) => format!(
            "Both go to the same topic. Let the rule {id} take all of these events and keys, or remove it; then repeat this."
        ),
        Destination::Queue(arn) | Destination::Function(arn) => {
            let protocol = if matches!(theirs, Destination::Queue(_)) { "sqs" } else { "lambda" };
            format!(
                "Fan-out solves it: let the topic alone take these events, and subscribe what gets them now. Its owner makes the \
                 topic, subscribes to it (aws sns subscribe --topic-arn {} --protocol {protocol} --notification-endpoint {arn}), \
                 lets it send there, and removes the rule {id}; then repeat this.",
                wish.topic
            )
        }
    }
}
