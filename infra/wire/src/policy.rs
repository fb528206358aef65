//! Policies of topics and queues: JSON documents in which one's own statements are known by their `Sid`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::arn::Arn;
use crate::owner::digest;

/// How every own statement's `Sid` begins. (IAM takes letters and digits alone.)
const SID: &str = "BrigadeWire";

/// A policy, or nothing where none is set. What is not understood is kept as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy(Map<String, Value>);

/// A text that is no policy: it is not touched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy is not a JSON object with statements")]
pub struct NoPolicy;

impl Policy {
    /// Reads an attribute; the empty text is no policy at all.
    ///
    /// # Errors
    /// It is something else than an object whose `Statement` is an object or a list.
    pub fn parse(text: &str) -> Result<Self, NoPolicy> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => match map.get("Statement") {
                None | Some(Value::Array(_) | Value::Object(_)) => Ok(Self(map)),
                Some(_) => Err(NoPolicy),
            },
            _ => Err(NoPolicy),
        }
    }

    /// The attribute's text: empty where nothing is left to say.
    pub fn text(&self) -> String {
        if self.statements().is_empty() { String::new() } else { Value::Object(self.0.clone()).to_string() }
    }

    /// The whole document, where an empty text means nothing.
    pub fn document(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// All statements.
    pub fn statements(&self) -> Vec<&Value> {
        match self.0.get("Statement") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(statement) => vec![statement],
            None => Vec::new(),
        }
    }

    /// Says this, under this `Sid`.
    pub fn says(&self, statement: &Value) -> bool {
        self.statements().into_iter().any(|s| sid(s) == sid(statement) && plain(s) == plain(statement))
    }

    /// Has a statement of this `Sid`, whatever it says.
    pub fn has(&self, sid_wanted: &str) -> bool {
        self.statements().into_iter().any(|statement| sid(statement) == Some(sid_wanted))
    }

    /// With the statement: in the place of the one with its `Sid`, or behind the others.
    #[must_use]
    pub fn with(&self, statement: &Value) -> Self {
        if self.says(statement) {
            return self.clone();
        }
        let mut statements: Vec<Value> = self.statements().into_iter().cloned().collect();
        match statements.iter_mut().find(|s| sid(s) == sid(statement)) {
            Some(before) => *before = statement.clone(),
            None => statements.push(statement.clone()),
        }
        let mut map = self.0.clone();
        // A version joins no statements of others: it would give another meaning to `${…}` in them.
        if self.statements().is_empty() {
            map.entry("Version").or_insert_with(|| "2012-10-17".into());
        }
        map.insert("Statement".to_owned(), statements.into());
        Self(map)
    }

    /// Without the statement of this `Sid`.
    #[must_use]
    pub fn without(&self, sid_gone: &str) -> Self {
        if !self.has(sid_gone) {
            return self.clone();
        }
        let left = self.statements().into_iter().filter(|statement| sid(statement) != Some(sid_gone)).cloned();
        let mut map = self.0.clone();
        map.insert("Statement".to_owned(), left.collect::<Vec<_>>().into());
        Self(map)
    }

    /// Statements of this tool for other buckets.
    pub fn serves_others(&self, own_sid: &str) -> bool {
        self.statements().into_iter().filter_map(sid).any(|sid| sid.starts_with(SID) && sid != own_sid)
    }

    /// The topics that own statements of a queue's let in.
    pub fn topics(&self) -> BTreeSet<Arn> {
        let topic = |statement: &Value| {
            let source = statement.get("Condition")?.get("ArnEquals")?.get("aws:SourceArn")?;
            let arn = Arn::parse(plain(source).as_str()?)?;
            (sid(statement)? == queue_sid(&arn)).then_some(arn)
        };
        self.statements().into_iter().filter_map(topic).collect()
    }

    /// Says something that neither SNS wrote at the topic's beginning nor this tool.
    pub fn is_somebodys(&self) -> bool {
        let known = |sid: &str| sid.starts_with(SID) || sid == "__default_statement_ID";
        self.statements().into_iter().any(|statement| !sid(statement).is_some_and(known))
    }
}

fn sid(statement: &Value) -> Option<&str> {
    statement.get("Sid")?.as_str()
}

/// A statement as it may come back: actions in any case, a list of one as that one.
fn plain(value: &Value) -> Value {
    match value {
        Value::Array(list) => match list.as_slice() {
            [one] => plain(one),
            _ => list.iter().map(plain).collect(),
        },
        Value::Object(map) => {
            let member = |(name, value): (&String, &Value)| match (name.as_str(), plain(value)) {
                ("Action", Value::String(action)) => (name.clone(), action.to_ascii_lowercase().into()),
                (_, value) => (name.clone(), value),
            };
            Value::Object(map.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

/// `Sid` of the statement that lets a bucket's events onto a topic.
pub fn topic_sid(bucket: &str) -> String {
    format!("{SID}{}", digest(&[bucket]))
}

/// `Sid` of the statement that lets a topic's messages into a queue.
pub fn queue_sid(topic: &Arn) -> String {
    format!("{SID}{}", digest(&[&topic.to_string()]))
}

/// S3 may publish to the topic, for this bucket of this account and for no other.
///
/// Source: S3 user guide, "Granting permissions to publish event notification messages to a destination".
pub fn topic_statement(topic: &Arn, bucket: &str) -> Value {
    json!({
        "Sid": topic_sid(bucket),
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic.to_string(),
        "Condition": {
            "StringEquals": {"aws:SourceAccount": topic.account},
            "ArnLike": {"aws:SourceArn": topic.of_bucket(bucket)},
        },
    })
}

/// SNS may send to the queue, for this topic of this account and for no other. A topic's ARN names its account already; that
/// SNS tells the account besides, when it sends to a queue, is documented with the key policy of that way.
///
/// Source: SQS developer guide, "Access management for encrypted Amazon SQS queues with least privilege policies":
/// `AllowSNSToSendToSQS` (`aws:SourceAccount`), `AllowSNSToSendToTheQueue` (`aws:SourceArn`).
pub fn queue_statement(queue: &Arn, topic: &Arn) -> Value {
    json!({
        "Sid": queue_sid(topic),
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue.to_string(),
        "Condition": {
            "StringEquals": {"aws:SourceAccount": topic.account},
            "ArnEquals": {"aws:SourceArn": topic.to_string()},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic() -> Arn {
        Arn::parse("arn:aws:sns:eu-west-1:123456789012:photos-changes").unwrap()
    }

    #[test]
    fn what_is_no_policy_is_not_taken_for_one() {
        for (text, fine) in [
            ("", true),
            ("{}", true),
            (r#"{"Statement":[]}"#, true),
            (r#"{"Statement":{"Sid":"a"}}"#, true),
            (r#"{"Statement":"a"}"#, false),
            ("[]", false),
            ("junk", false),
        ] {
            assert_eq!(Policy::parse(text).is_ok(), fine, "{text}");
        }
    }

    #[test]
    fn a_statement_joins_the_others_and_leaves_them_as_they_were() {
        let ours = topic_statement(&topic(), "photos");
        for before in [
            "",
            r#"{"Version":"2008-10-17","Id":"mine","Statement":[{"Sid":"a","Effect":"Deny"},{"Effect":"Allow"}]}"#,
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"SNS:*"}}"#,
            r#"{"Statement":[{"Effect":"Deny","Resource":"${aws:username}"}]}"#,
        ] {
            let before = Policy::parse(before).unwrap();
            let with = before.with(&ours);
            assert!(with.says(&ours) && with.with(&ours) == with);
            // A version that was not there would change what the others' statements say.
            let version = |policy: &Policy| policy.document().get("Version").cloned();
            assert!(before.statements().is_empty() || version(&with) == version(&before), "{with:?}");
            let after = with.without(&topic_sid("photos"));
            assert_eq!(after.statements(), before.statements());
            assert_eq!(after.text().is_empty(), before.statements().is_empty());
        }
    }

    #[test]
    fn a_statement_is_known_again_as_services_write_it() {
        let ours = queue_statement(&topic().beside("sqs", "q"), &topic());
        let mut told = ours.clone();
        told["Action"] = json!(["SQS:SendMessage"]);
        told["Condition"]["ArnEquals"]["aws:SourceArn"] = json!([topic().to_string()]);
        let policy = Policy::default().with(&told);
        assert!(policy.says(&ours));
        assert_eq!(policy.topics(), [topic()].into());
        let theirs = json!({"Sid": "BrigadeWire", "Condition": {"ArnEquals": {"aws:SourceArn": topic().to_string()}}});
        assert!(Policy::default().with(&theirs).topics().is_empty());
        told["Condition"]["StringEquals"]["aws:SourceAccount"] = json!("210987654321");
        assert!(!Policy::default().with(&told).says(&ours));
    }

    #[test]
    fn statements_of_others_are_told_from_ones_own() {
        let one = Policy::default().with(&topic_statement(&topic(), "photos"));
        assert!(!one.serves_others(&topic_sid("photos")) && !one.is_somebodys());
        assert!(one.with(&topic_statement(&topic(), "scans")).serves_others(&topic_sid("photos")));
        assert!(one.with(&json!({"Effect": "Allow"})).is_somebodys());
        assert!(!one.with(&json!({"Sid": "__default_statement_ID"})).is_somebodys());
    }
}
