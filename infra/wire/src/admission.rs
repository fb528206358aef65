//! Whether a policy lets a service's request in, as far as that can be told without asking IAM.

use serde_json::{Map, Value};

use crate::arn::Arn;
use crate::policy::Policy;

/// What a policy's permissions say. A `Deny` is not looked at: it would take what is told here away again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    /// No statement admits it.
    No,
    /// A statement may: it holds what is not understood here.
    Perhaps,
    /// A statement does.
    Yes,
}

/// A request of a service on behalf of something.
#[derive(Clone, Debug)]
pub struct Call {
    service: &'static str,
    action: &'static str,
    resource: String,
    source: String,
    account: String,
}

impl Call {
    /// SNS sends a topic's message to a queue.
    pub fn of_topic(topic: &Arn, queue: &Arn) -> Self {
        Self {
            service: "sns.amazonaws.com",
            action: "sqs:SendMessage",
            resource: queue.to_string(),
            source: topic.to_string(),
            account: topic.account.clone(),
        }
    }

    /// S3 publishes a bucket's event to a topic of the same account.
    pub fn of_bucket(bucket: &str, topic: &Arn) -> Self {
        Self {
            service: "s3.amazonaws.com",
            action: "sns:Publish",
            resource: topic.to_string(),
            source: topic.of_bucket(bucket),
            account: topic.account.clone(),
        }
    }
}

impl Policy {
    /// What the statement says that says most.
    pub fn admits(&self, call: &Call) -> Admission {
        let statements = self.statements().into_iter().filter_map(Value::as_object);
        statements.map(|statement| admits(statement, call)).max().unwrap_or(Admission::No)
    }
}

fn admits(statement: &Map<String, Value>, call: &Call) -> Admission {
    if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
        return Admission::No;
    }
    let part = |name: &str, holds: &dyn Fn(&Value) -> bool| match statement.get(name) {
        Some(value) => told(holds(value)),
        // Its negation, or nothing.
        None => Admission::Perhaps,
    };
    let parts = [
        part("Principal", &|value| is_principal(value, call)),
        part("Action", &|value| any(value, |text| matches(&text.to_ascii_lowercase(), &call.action.to_ascii_lowercase()))),
        part("Resource", &|value| any(value, |text| matches(text, &call.resource))),
    ];
    let conditions = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let conditions = conditions.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| condition(operator, key, values, call))
    });
    parts.into_iter().chain(conditions).min().unwrap_or(Admission::No)
}

fn is_principal(value: &Value, call: &Call) -> bool {
    let everybody = |value: &Value| any(value, |text| text == "*");
    match value {
        Value::Object(kinds) => {
            kinds.get("Service").is_some_and(|names| any(names, |name| name == call.service))
                || kinds.get("AWS").is_some_and(everybody)
        }
        other => everybody(other),
    }
}

fn condition(operator: &str, key: &str, values: &Value, call: &Call) -> Admission {
    let value = match key.to_ascii_lowercase().as_str() {
        "aws:sourcearn" => &call.source,
        "aws:sourceaccount" => &call.account,
        _ => return Admission::Perhaps,
    };
    let operator = operator.to_ascii_lowercase();
    match operator.strip_suffix("ifexists").unwrap_or(&operator) {
        "stringequals" => told(any(values, |text| text == value)),
        "stringequalsignorecase" => told(any(values, |text| text.eq_ignore_ascii_case(value))),
        "stringlike" | "arnlike" | "arnequals" => told(any(values, |text| matches(text, value))),
        _ => Admission::Perhaps,
    }
}

fn told(holds: bool) -> Admission {
    if holds { Admission::Yes } else { Admission::No }
}

/// The text, or one of the list.
fn any(value: &Value, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => holds(text),
        Value::Array(list) => list.iter().filter_map(Value::as_str).any(holds),
        _ => false,
    }
}

/// `*` stands for any characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Behind the last star, and where in the text it was tried.
    let mut again: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                p += 1;
                again = Some((p, t));
            }
            Some(wanted) if wanted == c || *wanted == '?' => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((behind, tried)) = again else { return false };
                (p, t) = (behind, tried + 1);
                again = Some((behind, tried + 1));
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{queue_statement, topic_statement};

    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:photos-changes";

    fn call() -> Call {
        let topic = Arn::parse(TOPIC).unwrap();
        Call::of_topic(&topic, &topic.beside("sqs", "q"))
    }

    #[test]
    fn what_others_have_written_is_understood_as_far_as_it_can_be() {
        let queue = "arn:aws:sqs:eu-west-1:123456789012:q";
        let allow = |more: Value| {
            let mut statement = json!({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue});
            statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            statement
        };
        let when = |operator: &str, key: &str, value: Value| allow(json!({"Condition": {operator: {key: value}}}));
        let cases = [
            (allow(json!({})), Admission::Yes),
            (allow(json!({"Effect": "Deny"})), Admission::No),
            (allow(json!({"Principal": {"Service": "sns.amazonaws.com"}})), Admission::Yes),
            (allow(json!({"Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]}})), Admission::Yes),
            (allow(json!({"Principal": {"AWS": "*"}, "Action": ["SQS:*"]})), Admission::Yes),
            (allow(json!({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "SQS:*"})), Admission::No),
            (allow(json!({"Principal": {"Service": "s3.amazonaws.com"}})), Admission::No),
            (allow(json!({"Action": ["sqs:ReceiveMessage"]})), Admission::No),
            (allow(json!({"Resource": "arn:aws:sqs:*:*:q?"})), Admission::No),
            (allow(json!({"Resource": "arn:aws:sqs:*:*:*"})), Admission::Yes),
            (when("ArnEquals", "AWS:SourceArn", json!(TOPIC)), Admission::Yes),
            (when("ArnLike", "aws:SourceArn", json!(["arn:x", "arn:aws:sns:*:123456789012:*"])), Admission::Yes),
            (when("ArnLike", "aws:SourceArn", json!("arn:aws:s3:::photos")), Admission::No),
            (when("StringEqualsIfExists", "aws:SourceAccount", json!("123456789012")), Admission::Yes),
            (when("StringEquals", "aws:SourceAccount", json!("210987654321")), Admission::No),
            (when("Bool", "aws:SecureTransport", json!("true")), Admission::Perhaps),
            (when("ArnNotEquals", "aws:SourceArn", json!("arn:x")), Admission::Perhaps),
            (json!({"Effect": "Allow", "NotPrincipal": "x", "Action": "*", "Resource": "*"}), Admission::Perhaps),
        ];
        for (statement, expected) in cases {
            let policy = Policy::default().with(&statement);
            assert_eq!(policy.admits(&call()), expected, "{statement}");
        }
        assert_eq!(Policy::default().admits(&call()), Admission::No);
    }

    #[test]
    fn ones_own_statements_admit() {
        let topic = Arn::parse(TOPIC).unwrap();
        let queue = topic.beside("sqs", "q");
        assert_eq!(Policy::default().with(&queue_statement(&queue, &topic)).admits(&call()), Admission::Yes);
        let policy = Policy::default().with(&topic_statement(&topic, "photos"));
        assert_eq!(policy.admits(&Call::of_bucket("photos", &topic)), Admission::Yes);
        assert_eq!(policy.admits(&Call::of_bucket("scans", &topic)), Admission::No);
        // What SNS writes at a topic's beginning is about the account itself: it does not let S3 in.
        let default = json!({
            "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["SNS:Publish"],
            "Resource": TOPIC, "Condition": {"StringEquals": {"AWS:SourceOwner": "123456789012"}},
        });
        assert_eq!(Policy::default().with(&default).admits(&Call::of_bucket("photos", &topic)), Admission::Perhaps);
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abcbc", true),
            ("a*c", "abcb", false),
            ("*a*b*", "xxaxxb", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?*", "", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
