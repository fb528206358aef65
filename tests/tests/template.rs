//! The SAM template against the code: what a linter of templates cannot know.
//!
//! It is read as lines and indentation, which is how it is written; `cfn-lint` (in CI) sees to the rest.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy exempts test functions alone, not what they share"
)]

use std::time::Duration;

use brigade::config::{COMMON, Environment, Fallback, parse_spans};
use brigade::event::{BucketName, ObjectKey};
use brigade::notification::Filter;
use brigade::verdict::backoff;
use brigade_tests::functions::{self, Function};

/// What `!GetAtt` gives for the queue that dedupe forwards to.
const DEDUPE_TARGET: &str = "arn:aws:sqs:eu-west-1:123456789012:brigade-dedupe-once.fifo";

const TEMPLATE: &str = include_str!("../../infra/template.yaml");

/// Lines without comments and blanks.
fn lines() -> Vec<&'static str> {
    let lines = TEMPLATE.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines.collect()
}

fn depth(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines below the first one that is `heading`, as far as they are deeper.
fn below<'a>(lines: &[&'a str], heading: &str) -> Vec<&'a str> {
    let at = lines.iter().position(|line| line.trim() == heading).unwrap_or_else(|| panic!("the template has no {heading}"));
    let inside = lines[at + 1..].iter().take_while(|line| depth(line) > depth(lines[at]));
    inside.copied().collect()
}

/// Each thing that is declared directly below: its name and its lines.
fn entries<'a>(lines: &[&'a str]) -> Vec<(&'a str, Vec<&'a str>)> {
    let top = lines.iter().map(|line| depth(line)).min().unwrap_or_default();
    let names = lines.iter().filter(|line| depth(line) == top);
    names.map(|line| (line.trim().trim_end_matches(':').trim_matches('"'), below(lines, line.trim()))).collect()
}

/// The value of the first `name: value`.
fn value<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    let pairs = lines.iter().filter_map(|line| line.trim().trim_start_matches("- ").split_once(": "));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim())
}

fn number(lines: &[&str], name: &str) -> u64 {
    let text = value(lines, name).unwrap_or_else(|| panic!("the template has no {name} here: {lines:#?}"));
    text.parse().unwrap_or_else(|_| panic!("{name} is {text}, which is no number"))
}

/// The resources of one type.
fn resources(kind: &str) -> Vec<(&'static str, Vec<&'static str>)> {
    let found = entries(&below(&lines(), "Resources:")).into_iter().filter(|(_, lines)| value(lines, "Type") == Some(kind));
    let found: Vec<_> = found.collect();
    assert!(!found.is_empty(), "the template has no {kind}");
    found
}

/// What a deployed function says of itself.
fn known(function: &str) -> &'static Function {
    let declared = function.strip_prefix("brigade-").and_then(functions::function);
    declared.unwrap_or_else(|| panic!("say in tests/src/functions.rs what {function} declares"))
}

/// The functions that a queue feeds: name of the deployed function, the word that its resources begin with, its lines.
fn workers() -> Vec<(&'static str, String, Vec<&'static str>)> {
    let functions = resources("AWS::Serverless::Function").into_iter();
    let fed = functions.filter(|(_, lines)| lines.iter().any(|line| line.trim() == "Events:"));
    fed.map(|(name, lines)| {
        let function = value(&lines, "FunctionName").expect("a name");
        let word = name.strip_suffix("Function").unwrap_or_else(|| panic!("{name}: call it {name}Function"));
        (function, word.to_owned(), lines)
    })
    .collect()
}

/// A resource by its name, which must be of this type.
fn resource(name: &str, kind: &str) -> Vec<&'static str> {
    let named = resources(kind).into_iter().find(|(found, _)| *found == name);
    named.unwrap_or_else(|| panic!("the template has no {name} of type {kind}")).1
}

/// What the template sets, with parameters and references as a deployment would fill them in.
fn variables(function: &[&str]) -> Vec<(String, String)> {
    let pairs = below(function, "Variables:").into_iter().map(|line| line.trim().split_once(": ").expect("name: value"));
    pairs.map(|(name, value)| (name.to_owned(), filled(value))).collect()
}

fn filled(value: &str) -> String {
    let text = value.strip_prefix("!Sub ").unwrap_or(value).trim_matches('"');
    let text = text
        .replace("${SourceBucketName}", "photos")
        .replace("${DedupeTarget.Arn}", DEDUPE_TARGET)
        .replace("${InputPrefix}", &default("InputPrefix"));
    let text = match text.strip_prefix("!Ref ") {
        Some("AWS::AccountId") => "123456789012".to_owned(),
        Some(queue) if resources("AWS::SQS::Queue").iter().any(|(name, _)| *name == queue) => {
            "https://sqs.eu-west-1.amazonaws.com/123456789012/queue".to_owned()
        }
        Some(topic) if resources("AWS::SNS::Topic").iter().any(|(name, _)| *name == topic) => {
            "arn:aws:sns:eu-west-1:123456789012:topic".to_owned()
        }
        Some(parameter) => default(parameter),
        None => text,
    };
    assert!(!text.contains("${") && !text.contains('!'), "this test does not know how to fill in {value}");
    text
}

fn default(parameter: &str) -> String {
    let lines = below(&below(&lines(), "Parameters:"), &format!("{parameter}:"));
    value(&lines, "Default").expect("a default").trim_matches('"').to_owned()
}

#[test]
fn every_function_has_the_same_section() {
    for (function, word, _) in workers() {
        let short = function.strip_prefix("brigade-").unwrap_or_else(|| panic!("{function}: call it brigade-{function}"));
        assert_eq!(word.to_lowercase(), short, "{function}: its resources are called after it");
        for (suffix, kind) in [
            ("Subscription", "AWS::SNS::Subscription"),
            ("Queue", "AWS::SQS::Queue"),
            ("DeadLetters", "AWS::SQS::Queue"),
            ("Parked", "AWS::SQS::Queue"),
            ("QueuePolicy", "AWS::SQS::QueuePolicy"),
            ("Log", "AWS::Logs::LogGroup"),
            ("Role", "AWS::IAM::Role"),
            ("DeadLettersAlarm", "AWS::CloudWatch::Alarm"),
            ("ParkedAlarm", "AWS::CloudWatch::Alarm"),
            ("AgeAlarm", "AWS::CloudWatch::Alarm"),
            ("ErrorsAlarm", "AWS::CloudWatch::Alarm"),
        ] {
            resource(&format!("{word}{suffix}"), kind);
        }
    }
}

#[test]
fn every_variable_is_declared_and_every_required_one_is_set() {
    for (function, _, lines) in workers() {
        let set: Vec<String> = variables(&lines).into_iter().map(|(name, _)| name).collect();
        let declared = [COMMON, known(function).variables].concat();
        for variable in &set {
            assert!(declared.iter().any(|d| d.name == variable), "{function} declares no {variable}");
        }
        for required in declared.iter().filter(|d| d.fallback == Fallback::Required) {
            let is_set = set.iter().any(|v| v == required.name);
            assert!(is_set, "{function}: set {}, without which it does not start", required.name);
        }
    }
}

#[test]
fn every_function_starts_with_what_the_template_sets() {
    for (function, word, lines) in workers() {
        let environment: Environment = variables(&lines).into_iter().collect();
        let common = (known(function).read)(&environment).unwrap_or_else(|mistakes| panic!("{function}: {mistakes}"));
        assert!(common.parked.is_some(), "{function}: a park would be a retry");
        let parked = below(&lines, "Variables:").iter().find_map(|line| line.trim().strip_prefix("BRIGADE_PARKED: "));
        assert_eq!(parked, Some(format!("!Ref {word}Parked").as_str()), "{function} parks in a queue of its own");
        assert!(!common.input.is_empty(), "{function} takes nothing");
    }
}

/// The statements of a role by their `Sid`: actions, and whether it has them only under this condition.
fn statements(role: &str) -> Vec<(&'static str, Vec<&'static str>, Option<&'static str>)> {
    let lines = resource(role, "AWS::IAM::Role");
    let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].trim().starts_with("- Sid: ")).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let statement = |(start, end): (usize, usize)| {
        let condition = match lines[start.saturating_sub(2)..start] {
            [branch, condition] if branch.trim() == "- Fn::If:" => condition.trim().strip_prefix("- "),
            _ => None,
        };
        let text: Vec<&str> = lines[start..end].iter().flat_map(|line| line.split('"')).collect();
        let actions = text.into_iter().filter(|word| word.starts_with("s3:") || word.starts_with("sqs:"));
        let sid = lines[start].trim().trim_start_matches("- Sid: ");
        (sid, actions.filter(|word| !word.contains(' ')).collect(), condition)
    };
    starts.iter().copied().zip(ends).map(statement).collect()
}

#[test]
fn dedupe_may_tag_objects_where_it_is_told_to_and_nowhere_else() {
    let statements = statements("DedupeRole");
    assert!(statements.iter().any(|(sid, actions, _)| *sid == "KeepTheLedger" && actions.contains(&"s3:PutObject")));
    let (tagging, others): (Vec<_>, Vec<_>) = statements.into_iter().partition(|(sid, ..)| *sid == "TagDuplicates");
    // What `content::tag` asks for, of an object and of a version.
    let needed = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging", "s3:PutObjectTagging", "s3:PutObjectVersionTagging"];
    assert_eq!(tagging, [("TagDuplicates", needed.to_vec(), Some("TagsDuplicates"))]);
    assert!(others.iter().all(|(_, actions, _)| !actions.iter().any(|action| action.contains("Tagging"))), "{others:?}");
    let conditions = below(&lines(), "Conditions:");
    assert_eq!(value(&conditions, "TagsDuplicates"), Some("!Equals [!Ref DedupeContent, tag]"));
    let function = resource("DedupeFunction", "AWS::Serverless::Function");
    assert_eq!(value(&function, "BRIGADE_CONTENT"), Some("!Ref DedupeContent"));
}

#[test]
fn dedupe_comes_back_within_the_time_in_which_a_fifo_queue_drops_what_it_got() {
    let function = resource("DedupeFunction", "AWS::Serverless::Function");
    assert!(number(&function, "Timeout") <= brigade_dedupe::LONGEST_TIMEOUT.as_secs());
    for (timeout, hidden) in visibilities(&resource("DedupeQueue", "AWS::SQS::Queue"), &function) {
        assert!(hidden < 300, "{timeout} s, and hidden for {hidden} s");
    }
}

#[test]
fn what_dedupe_keeps_is_kept_as_long_as_it_says_and_expires() {
    let environment: Environment = variables(&resource("DedupeFunction", "AWS::Serverless::Function")).into_iter().collect();
    let layout = brigade_dedupe::Config::read(&environment).unwrap_or_else(|mistakes| panic!("{mistakes}")).layout;
    let rules = below(&resource("StateBucket", "AWS::S3::Bucket"), "LifecycleConfiguration:");
    let days = |folder: &str| {
        let prefix = format!("Prefix: {}{folder}/", layout.place.prefix);
        let at = rules.iter().position(|line| line.trim() == prefix).unwrap_or_else(|| panic!("no rule for {prefix}"));
        number(&rules[at..], "ExpirationInDays")
    };
    assert!(
        days("segments") * 86_400 > layout.retention.as_secs(),
        "a change would be forgotten while it may still come again"
    );
    assert!(days("contents") > 0);
    let whole =
        rules.iter().filter(|line| line.trim().starts_with("Prefix: ")).map(|line| line.trim().trim_start_matches("Prefix: "));
    let heads = format!("{}heads/", layout.place.prefix);
    assert!(whole.into_iter().all(|prefix| !heads.starts_with(prefix)), "a head must never expire: it holds the open claims");
}

#[test]
fn compacts_account_expires_and_what_it_has_collected_does_not() {
    let rules = below(&resource("StateBucket", "AWS::S3::Bucket"), "LifecycleConfiguration:");
    let prefixes: Vec<&str> = rules.iter().filter_map(|line| line.trim().strip_prefix("Prefix: ")).collect();
    for folder in ["logs", "windows"] {
        let prefix = format!("brigade/compact/v1/{folder}/");
        assert!(prefixes.contains(&prefix.as_str()), "no rule for {prefix}");
    }
    let collected = "brigade/compact/v1/_open/2026-11-28/bundle.zst";
    let ends = prefixes.iter().find(|prefix| collected.starts_with(**prefix));
    assert_eq!(ends, None, "lines that are nowhere else would expire unpublished");
}

/// Seconds that a queue hides a message, for each timeout that its function can have.
fn visibilities(queue: &[&str], function: &[&str]) -> Vec<(u64, u64)> {
    let all = lines();
    let timeouts = |parameter: &str| {
        let lines = below(&below(&all, "Parameters:"), &format!("{parameter}:"));
        let values = value(&lines, "AllowedValues").expect("a closed list of timeouts").trim_matches(['[', ']']).to_owned();
        values.split(", ").map(|text| text.trim_matches('"').to_owned()).collect::<Vec<_>>()
    };
    let timeouts = match value(function, "Timeout").expect("a timeout") {
        parameter if parameter.starts_with("!Ref ") => timeouts(parameter.trim_start_matches("!Ref ")),
        seconds => vec![seconds.to_owned()],
    };
    let hidden = value(queue, "VisibilityTimeout").expect("a visibility timeout");
    let column = hidden.trim_end_matches(']').rsplit(", ").next().expect("a column");
    let rows = below(&below(&all, "Mappings:"), "Visibility:");
    let seconds = |timeout: &str| match hidden.parse() {
        Ok(seconds) => seconds,
        Err(_) => {
            let row = value(&rows, &format!("\"{timeout}\"")).unwrap_or_else(|| panic!("no row for {timeout} s"));
            let cells = row.trim_matches(['{', '}']).split(", ");
            let cell = cells.into_iter().find_map(|cell| cell.strip_prefix(&format!("{column}: ")));
            cell.unwrap_or_else(|| panic!("no {column} for {timeout} s")).parse().expect("seconds")
        }
    };
    timeouts.iter().map(|timeout| (timeout.parse().expect("seconds"), seconds(timeout))).collect()
}

#[test]
fn a_message_stays_hidden_for_six_timeouts_and_the_window() {
    for (function, word, lines) in workers() {
        let window = number(&lines, "MaximumBatchingWindowInSeconds");
        for (timeout, hidden) in visibilities(&resource(&format!("{word}Queue"), "AWS::SQS::Queue"), &lines) {
            let least = 6 * timeout + window;
            assert!(hidden >= least, "{function}: a timeout of {timeout} s needs {least} s of invisibility, not {hidden} s");
        }
    }
}

#[test]
fn the_mapping_takes_partial_answers() {
    for (function, _, lines) in workers() {
        let types = value(&lines, "FunctionResponseTypes");
        assert_eq!(types, Some("[ReportBatchItemFailures]"), "{function}: without it Lambda deletes what was given back");
        let (size, window) = (number(&lines, "BatchSize"), number(&lines, "MaximumBatchingWindowInSeconds"));
        assert!(size <= 10 || window >= 1, "{function}: a batch of more than 10 needs a window of 1 s or more");
    }
}

#[test]
fn each_queue_has_dead_letters_that_outlive_it_and_a_parking_queue() {
    for (function, word, _) in workers() {
        let queue = |suffix: &str| resource(&format!("{word}{suffix}"), "AWS::SQS::Queue");
        let own = queue("Queue");
        assert_eq!(value(&own, "QueueName"), Some(function));
        let receives = u32::try_from(number(&own, "maxReceiveCount")).unwrap();
        // The shortest pauses that the spread leaves. An outage of minutes must not page anybody.
        let lasts: Duration = (1..receives).map(|receive| backoff(receive, 99)).sum();
        assert!(lasts >= Duration::from_secs(3600), "{function}: {receives} receives last {lasts:?}; an hour is the least");
        let dead_letters = value(&own, "deadLetterTargetArn");
        assert_eq!(dead_letters, Some(format!("!GetAtt {word}DeadLetters.Arn").as_str()), "{function}");
        for (suffix, name) in [("DeadLetters", "-dlq"), ("Parked", "-parked")] {
            let other = queue(suffix);
            assert_eq!(value(&other, "QueueName"), Some(format!("{function}{name}").as_str()));
            // A message keeps the time stamp of its first queue, so it would be gone soon after it arrived.
            let (own, others) = (number(&own, "MessageRetentionPeriod"), number(&other, "MessageRetentionPeriod"));
            assert!(others > own, "{function}{name} keeps messages for {others} s, the queue itself for {own} s");
        }
    }
}

/// As `brigade wire` writes it.
#[test]
fn a_queue_lets_in_one_topic_of_ones_own_account() {
    let policies = resources("AWS::SQS::QueuePolicy");
    assert!(!policies.is_empty());
    for (name, lines) in policies {
        let says = |text: &str| lines.iter().filter(|line| line.trim().starts_with(text)).count();
        let (senders, accounts) = (says("Principal:"), says("StringEquals: {\"aws:SourceAccount\": !Ref \"AWS::AccountId\"}"));
        assert!(senders > 0 && senders == accounts && senders == says("ArnEquals: {\"aws:SourceArn\":"), "{name}");
    }
}

#[test]
fn each_function_pays_for_its_own_events_alone() {
    for (function, word, _) in workers() {
        let subscription = resource(&format!("{word}Subscription"), "AWS::SNS::Subscription");
        let policy = below(&subscription, "eventName:");
        let passes = policy.iter().filter_map(|line| line.trim().strip_prefix("- prefix: "));
        let passes: Vec<&str> = passes.map(|text| text.trim_matches('"').trim_end_matches(':')).collect();
        assert_eq!(passes, known(function).events, "{function}: what its subscription lets through is what it takes");
        assert_eq!(value(&subscription, "FilterPolicyScope"), Some("MessageBody"));
        assert_eq!(value(&subscription, "RawMessageDelivery"), Some("true"));
        assert_eq!(value(&subscription, "DependsOn"), Some(format!("{word}QueuePolicy").as_str()), "else it loses the first");
    }
}

#[test]
fn an_existing_bucket_announces_what_a_new_one_does() {
    let wire = resource("SourceBucketWire", "Custom::BucketNotification");
    let families = value(&wire, "Families").expect("families").trim_matches(['[', ']']).split(", ");
    let families: Vec<&str> = families.collect();
    let new = resource("SourceBucket", "AWS::S3::Bucket");
    let announced = new.iter().filter_map(|line| line.trim().strip_prefix("- Event: \"s3:"));
    let announced: Vec<&str> = announced.map(|text| text.trim_end_matches('"').trim_end_matches(":*")).collect();
    assert_eq!(families, announced);
    let properties =
        entries(&below(&wire, "Properties:")).into_iter().map(|(line, _)| line.split_once(": ").expect("name: value"));
    let filled = |(name, text): (&str, &str)| match name {
        "Families" => (name.to_owned(), families.clone().into()),
        "BucketName" => (name.to_owned(), "photos".into()),
        "TopicArn" => (name.to_owned(), "arn:aws:sns:eu-west-1:123456789012:topic".into()),
        _ => (name.to_owned(), text.into()),
    };
    let request = serde_json::json!({
        "RequestType": "Create", "ResponseURL": "https://answer", "RequestId": "1", "LogicalResourceId": "SourceBucketWire",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/photos/1",
        "ResourceProperties": properties.map(filled).collect::<serde_json::Map<_, _>>(),
    });
    let request = brigade_wire::stack::Request::parse(&request).expect("a request");
    let properties = request.properties.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(properties.families.len(), families.len());
    // CloudFormation waits for the answer until no attempt is at work any more: a late one of a change that was given up would
    // write its rules over those of the way back.
    let function = resource("WireFunction", "AWS::Serverless::Function");
    let (works, begins) = (number(&function, "Timeout"), number(&function, "MaximumEventAgeInSeconds"));
    assert!(number(&wire, "ServiceTimeout") > begins + works);
    // Lambda pauses for one minute and for two: the last attempt begins before its event is too old.
    assert!(begins > 2 * works + 60 + 120);
}

/// The prefix stands in a notification's filter, which is form-encoded, in BRIGADE_INPUT, which is not and has commas and
/// stars of its own, and in policies, which have stars, question marks and dollars.
#[test]
fn a_prefix_means_the_same_wherever_it_stands() {
    let parameter = below(&lines(), "InputPrefix:");
    let pattern = value(&parameter, "AllowedPattern").expect("a pattern").trim_matches('"');
    let class = pattern.strip_prefix("^[A-Za-z0-9").and_then(|rest| rest.strip_suffix("]*$")).expect("a class");
    let prefix = format!("azAZ09{class}");
    let key = ObjectKey::new(format!("{prefix}x.jpg")).expect("a key");
    let filter = Filter { prefix: Some(prefix.clone()), suffix: None };
    assert!(filter.matches(&key));
    let spans = parse_spans(&format!("s3://photos/{prefix}*")).expect("an input");
    assert!(spans.len() == 1 && spans[0].contains(&BucketName::new("photos"), &key) && spans[0].prefix() == prefix);
    assert!(!class.contains(['*', '?', '$', '+', '%', ',', '[', ']', '^', '\\']), "{class}");
    let default = value(&parameter, "Default").expect("a default");
    assert!(default.chars().all(|c| c.is_ascii_alphanumeric() || class.contains(c)));
}

#[test]
fn a_topic_is_told_every_family_that_a_function_takes() {
    let source = resource("SourceBucket", "AWS::S3::Bucket");
    let announced: Vec<&str> = source.iter().filter_map(|line| line.trim().strip_prefix("- Event: ")).collect();
    for (function, word, _) in workers() {
        let subscription = resource(&format!("{word}Subscription"), "AWS::SNS::Subscription");
        if value(&subscription, "TopicArn") != Some("!Ref SourceTopic") {
            continue;
        }
        for family in known(function).events {
            let rule = format!("\"s3:{family}:*\"");
            assert!(announced.contains(&rule.as_str()), "the source bucket announces no {rule}, which {function} takes");
        }
    }
}
