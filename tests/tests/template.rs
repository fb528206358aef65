//! The SAM template against the code: what a linter of templates cannot know.
//!
//! It is read as lines and indentation, which is how it is written; `cfn-lint` (in CI) sees to the rest.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy exempts test functions alone, not what they share"
)]

use brigade::config::{COMMON, Environment, Fallback, Variable};
use brigade_thumbnail::{Config, VARIABLES};

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

/// The variables that a deployed function declares.
fn declared(function: &str) -> Vec<Variable> {
    let own = match function {
        "brigade-thumbnail" => VARIABLES,
        other => panic!("name the variables of {other} in this test"),
    };
    [COMMON, own].concat()
}

/// What the template sets, with parameters and references as a deployment would fill them in.
fn variables(function: &[&str]) -> Vec<(String, String)> {
    let pairs = below(function, "Variables:").into_iter().map(|line| line.trim().split_once(": ").expect("name: value"));
    pairs.map(|(name, value)| (name.to_owned(), filled(value))).collect()
}

fn filled(value: &str) -> String {
    let text = value.strip_prefix("!Sub ").unwrap_or(value).trim_matches('"');
    let text = text.replace("${SourceBucketName}", "photos").replace("${InputPrefix}", &default("InputPrefix"));
    let text = match text.strip_prefix("!Ref ") {
        Some("AWS::AccountId") => "123456789012".to_owned(),
        Some(queue) if resources("AWS::SQS::Queue").iter().any(|(name, _)| *name == queue) => {
            "https://sqs.eu-west-1.amazonaws.com/123456789012/queue".to_owned()
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
fn every_variable_is_declared_and_every_required_one_is_set() {
    for (name, lines) in resources("AWS::Serverless::Function") {
        let function = value(&lines, "FunctionName").expect("a name");
        let set: Vec<String> = variables(&lines).into_iter().map(|(name, _)| name).collect();
        let declared = declared(function);
        for variable in &set {
            assert!(declared.iter().any(|d| d.name == variable), "{name}: {function} declares no {variable}");
        }
        for required in declared.iter().filter(|d| d.fallback == Fallback::Required) {
            assert!(set.iter().any(|v| v == required.name), "{name}: set {}, without which it does not start", required.name);
        }
    }
}

#[test]
fn the_function_starts_with_what_the_template_sets() {
    let (_, lines) = resources("AWS::Serverless::Function").remove(0);
    let environment: Environment = variables(&lines).into_iter().collect();
    let config = Config::read(&environment).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert!(config.common.parked.is_some(), "a park would be a retry");
    let source = config.common.input.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(source, ["s3://photos/uploads/*"]);
}

#[test]
fn a_message_stays_hidden_for_six_timeouts_and_the_window() {
    let all = lines();
    let window = resources("AWS::Serverless::Function")
        .iter()
        .map(|(_, lines)| number(lines, "MaximumBatchingWindowInSeconds"))
        .max()
        .expect("a function");
    let timeouts = value(&below(&below(&all, "Parameters:"), "Timeout:"), "AllowedValues").expect("a closed list of timeouts");
    let rows = entries(&below(&below(&all, "Mappings:"), "Visibility:"));
    for timeout in timeouts.trim_matches(['[', ']']).split(", ").map(|text| text.trim_matches('"')) {
        let (_, row) = rows.iter().find(|(name, _)| *name == timeout).unwrap_or_else(|| panic!("no row for {timeout} s"));
        let least = 6 * timeout.parse::<u64>().expect("seconds") + window;
        assert!(number(row, "Seconds") >= least, "a timeout of {timeout} s needs a visibility timeout of {least} s");
    }
}

#[test]
fn the_mapping_takes_partial_answers() {
    for (name, lines) in resources("AWS::Serverless::Function") {
        let types = value(&lines, "FunctionResponseTypes");
        assert_eq!(types, Some("[ReportBatchItemFailures]"), "{name}: without it Lambda deletes what was given back");
        let (size, window) = (number(&lines, "BatchSize"), number(&lines, "MaximumBatchingWindowInSeconds"));
        assert!(size <= 10 || window >= 1, "{name}: a batch of more than 10 needs a window of 1 s or more");
    }
}

#[test]
fn each_queue_has_dead_letters_that_outlive_it_and_a_parking_queue() {
    let queues = resources("AWS::SQS::Queue");
    let named = |name: &str| queues.iter().find(|(_, lines)| value(lines, "QueueName") == Some(name)).map(|(_, lines)| lines);
    for (name, lines) in resources("AWS::Serverless::Function") {
        let function = value(&lines, "FunctionName").expect("a name");
        let queue = named(function).unwrap_or_else(|| panic!("{name} has no queue {function}"));
        assert!(number(queue, "maxReceiveCount") >= 5, "{function}: fewer than 5 receives make dead letters of throttling");
        for suffix in ["-dlq", "-parked"] {
            let other = named(&format!("{function}{suffix}")).unwrap_or_else(|| panic!("{function} has no {suffix}"));
            // A message keeps the time stamp of its first queue, so it would be gone soon after it arrived.
            let (own, others) = (number(queue, "MessageRetentionPeriod"), number(other, "MessageRetentionPeriod"));
            assert!(others > own, "{function}{suffix} keeps messages for {others} s, the queue itself for {own} s");
        }
    }
}
