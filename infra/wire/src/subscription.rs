//! A queue's subscription to a topic: raw, and only what the function takes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::arn::Arn;

/// One subscription, as SNS tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// Its ARN.
    pub arn: String,
    /// `sqs`, `lambda`, `email`, …
    pub protocol: String,
    /// Of a queue: its ARN.
    pub endpoint: String,
    /// All attributes, by SNS's names. None where they may not be looked at.
    pub attributes: BTreeMap<String, String>,
}

/// The attributes of a function's subscription. S3 writes the names of events without `s3:`; its test event has no records
/// and stays outside.
///
/// What SNS cannot deliver (the queue is gone, or its policy or key keeps SNS out) is not tried again, and without a
/// dead-letter queue it is lost.
///
/// Sources: SNS developer guide, "Amazon SNS subscription filter policies", payload-based filtering; "Amazon SNS dead-letter
/// queues", client-side errors.
pub fn wanted(families: &[String], dead_letters: Option<&Arn>) -> BTreeMap<String, String> {
    let passes: Vec<Value> = families.iter().map(|family| json!({"prefix": prefix(family)})).collect();
    let policy = json!({"Records": {"eventName": passes}});
    let redrive = dead_letters.map(|arn| ("RedrivePolicy", json!({"deadLetterTargetArn": arn.to_string()}).to_string()));
    let fixed = [
        ("RawMessageDelivery", "true".to_owned()),
        ("FilterPolicyScope", "MessageBody".to_owned()),
        ("FilterPolicy", policy.to_string()),
    ];
    fixed.into_iter().chain(redrive).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The queue that a `RedrivePolicy` names, of a queue or of a subscription.
pub fn dead_letter_target(redrive_policy: &str) -> Option<Arn> {
    Arn::parse(parsed(redrive_policy)?.get("deadLetterTargetArn")?.as_str()?)
}

/// A family's names begin with it and a colon, unless it has one event alone.
fn prefix(family: &str) -> String {
    let colon = brigade::notification::pattern_of_family(family).is_none_or(|pattern| pattern.ends_with(":*"));
    if colon { format!("{family}:") } else { family.to_owned() }
}

impl Subscription {
    /// The wanted attributes that differ, with their wanted values.
    pub fn differing(&self, wanted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let differs = |name: &String, value: &String| match self.attributes.get(name) {
            Some(told) if name.ends_with("Policy") => parsed(told) != parsed(value),
            told => told != Some(value),
        };
        wanted.iter().filter(|(name, value)| differs(name, value)).map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    /// It looks as this tool makes it, for whichever function.
    pub fn is_as_made(&self) -> bool {
        let is_raw = self.attributes.get("RawMessageDelivery").is_some_and(|value| value == "true");
        is_raw && self.families().is_some_and(|families| !families.is_empty())
    }

    /// Its dead-letter queue.
    pub fn dead_letters(&self) -> Option<Arn> {
        dead_letter_target(self.attributes.get("RedrivePolicy")?)
    }

    /// Which families its filter lets through. `None`: all of them, or a filter of another kind, which cannot be told.
    pub fn families(&self) -> Option<BTreeSet<String>> {
        let policy = parsed(self.attributes.get("FilterPolicy")?)?;
        if self.attributes.get("FilterPolicyScope").map(String::as_str) != Some("MessageBody") {
            return None;
        }
        let members = policy.as_object()?;
        let records = members.get("Records")?.as_object()?;
        if members.len() != 1 || records.len() != 1 {
            return None;
        }
        let family = |pass: &Value| Some(pass.get("prefix")?.as_str()?.split(':').next()?.to_owned());
        records.get("eventName")?.as_array()?.iter().map(family).collect()
    }
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(filter: &str, scope: &str) -> Subscription {
        let attributes = [("FilterPolicy", filter), ("FilterPolicyScope", scope), ("RawMessageDelivery", "true")];
        Subscription {
            arn: String::new(),
            protocol: "sqs".to_owned(),
            endpoint: String::new(),
            attributes: attributes.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
        }
    }

    #[test]
    fn a_filter_tells_its_families_where_it_is_of_this_kind() {
        let cases = [
            (r#"{"Records": {"eventName": [{"prefix": "ObjectCreated:"}]}}"#, "MessageBody", Some("ObjectCreated")),
            (r#"{"Records": {"eventName": [{"prefix": "LifecycleTransition"}]}}"#, "MessageBody", Some("LifecycleTransition")),
            (r#"{"Records": {"eventName": [{"prefix": "ObjectCreated:"}]}}"#, "MessageAttributes", None),
            (r#"{"Records": {"eventName": ["ObjectCreated:Put"]}}"#, "MessageBody", None),
            (r#"{"Records": {"eventName": [{"prefix": "A:"}]}, "x": ["y"]}"#, "MessageBody", None),
            ("junk", "MessageBody", None),
        ];
        for (filter, scope, expected) in cases {
            let families = with(filter, scope).families();
            assert_eq!(families, expected.map(|family| BTreeSet::from([family.to_owned()])), "{filter}");
        }
        let all = ["ObjectCreated".to_owned(), "LifecycleTransition".to_owned()];
        let told = Subscription { attributes: wanted(&all, None), ..with("", "") };
        assert_eq!(told.families(), Some(all.iter().cloned().collect()));
        assert!(told.is_as_made() && !with("{}", "MessageBody").is_as_made());
        assert!(!Subscription { attributes: BTreeMap::new(), ..told }.is_as_made());
    }

    #[test]
    fn what_differs_is_told_by_meaning() {
        let dead = Arn::parse("arn:aws:sqs:eu-west-1:123456789012:q-dlq").unwrap();
        let families = ["ObjectCreated".to_owned()];
        let redriven = wanted(&families, Some(&dead));
        let wanted = wanted(&families, None);
        let spaced = r#"{ "Records": {"eventName": [ {"prefix": "ObjectCreated:"} ] } }"#;
        assert!(with(spaced, "MessageBody").differing(&wanted).is_empty());
        let names = |s: &Subscription| s.differing(&wanted).into_keys().collect::<Vec<_>>();
        assert_eq!(names(&with("{}", "MessageAttributes")), ["FilterPolicy", "FilterPolicyScope"]);
        let mut told = with(spaced, "MessageBody");
        assert_eq!(told.differing(&redriven).into_keys().collect::<Vec<_>>(), ["RedrivePolicy"]);
        told.attributes.insert("RedrivePolicy".to_owned(), format!(r#"{{ "deadLetterTargetArn": "{dead}" }}"#));
        assert!(told.differing(&redriven).is_empty());
        assert_eq!(told.dead_letters(), Some(dead));
    }
}
