//! A bucket's notification configuration, valid by construction (see [`super::validate`]).

use crate::event::{EventKind, ObjectKey};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::{Draft, EventPattern};

/// The whole configuration of a bucket: a PUT replaces all of it.
///
/// Invariants (kept by [`Configuration::new`]): at most [`super::MAX_RULES`] rules, ids unique, and no change that two
/// rules both ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub(super) rules: Vec<Rule>,
    pub(super) event_bridge: bool,
}

/// Which changes go where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Given or assigned; it is the `configurationId` of the messages.
    pub id: String,
    /// Who gets the message.
    pub destination: Destination,
    /// At least one.
    pub events: Vec<EventPattern>,
    /// Which keys.
    pub filter: Filter,
}

impl Rule {
    fn draft(&self) -> Draft {
        let filter = [("prefix", &self.filter.prefix), ("suffix", &self.filter.suffix)];
        let filter = filter.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect();
        Draft {
            id: Some(self.id.clone()),
            destination: self.destination.clone(),
            events: self.events.iter().map(|event| event.as_str().to_owned()).collect(),
            filter,
        }
    }
}

/// Who gets the message, by ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Destination {
    /// An SNS topic.
    Topic(String),
    /// An SQS queue.
    Queue(String),
    /// A Lambda function.
    Function(String),
}

impl Destination {
    /// The ARN.
    pub fn arn(&self) -> &str {
        match self {
            Self::Topic(arn) | Self::Queue(arn) | Self::Function(arn) => arn,
        }
    }
}

/// A prefix and a suffix, as they were given: form-encoded, so that `+` is a space.
///
/// Source: S3 user guide, "Configuring event notifications using object key name filtering".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Of the key's beginning.
    pub prefix: Option<String>,
    /// Of the key's end.
    pub suffix: Option<String>,
}

impl Filter {
    /// Every key passes.
    pub fn is_empty(&self) -> bool {
        self.prefix_bytes().is_empty() && self.suffix_bytes().is_empty()
    }

    /// The decoded key passes the decoded filter.
    pub fn matches(&self, key: &ObjectKey) -> bool {
        let key = key.as_str().as_bytes();
        key.starts_with(&self.prefix_bytes()) && key.ends_with(&self.suffix_bytes())
    }

    /// Some key can pass both: one prefix begins the other and one suffix ends the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (p, q) = (self.prefix_bytes(), other.prefix_bytes());
        let (s, t) = (self.suffix_bytes(), other.suffix_bytes());
        (p.starts_with(&q) || q.starts_with(&p)) && (s.ends_with(&t) || t.ends_with(&s))
    }

    /// Every key that passes the other one passes this one.
    pub fn covers(&self, other: &Self) -> bool {
        other.prefix_bytes().starts_with(&self.prefix_bytes()) && other.suffix_bytes().ends_with(&self.suffix_bytes())
    }

    fn prefix_bytes(&self) -> Vec<u8> {
        decoded(self.prefix.as_deref())
    }

    fn suffix_bytes(&self) -> Vec<u8> {
        decoded(self.suffix.as_deref())
    }
}

fn decoded(value: Option<&str>) -> Vec<u8> {
    percent_decode_str(&value.unwrap_or_default().replace('+', " ")).collect()
}

impl Configuration {
    /// The rules in the order given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// EventBridge delivery was asked for. It is kept and told, and nothing is delivered.
    pub fn event_bridge(&self) -> bool {
        self.event_bridge
    }

    /// The rules as a request would carry them, to write them once more with others: a PUT replaces them all.
    pub fn drafts(&self) -> Vec<Draft> {
        self.rules.iter().map(Rule::draft).collect()
    }

    /// Nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty() && !self.event_bridge
    }

    /// The rule that asks for this change. There is at most one per event, since overlapping rules are refused.
    pub fn rules_for<'a>(&'a self, kind: &'a EventKind, key: &'a ObjectKey) -> impl Iterator<Item = &'a Rule> + 'a {
        self.rules.iter().filter(move |rule| rule.events.iter().any(|e| e.matches(kind)) && rule.filter.matches(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_is_narrower() {
        // prefix and suffix of the one and of the other; covers
        let cases = [
            ("", "", "in/", ".jpg", true),
            ("in/", "", "in/", "", true),
            ("in/", "", "in/a/", ".jpg", true),
            ("in/", "", "", ".jpg", false),
            ("", "g", "", ".jpg", true),
            ("", ".jpg", "", "g", false),
            ("a+b", "", "a%20b/", "", true),
        ];
        for (prefix, suffix, other_prefix, other_suffix, expected) in cases {
            let filter = |p: &str, s: &str| Filter { prefix: Some(p.to_owned()), suffix: Some(s.to_owned()) };
            let covers = filter(prefix, suffix).covers(&filter(other_prefix, other_suffix));
            assert_eq!(covers, expected, "{prefix:?} {suffix:?} / {other_prefix:?} {other_suffix:?}");
        }
    }

    #[test]
    fn a_filter_is_matched_decoded_against_the_decoded_key() {
        // prefix, suffix, key, passes
        let cases = [
            ("", "", "anything", true),
            ("in/", "", "in/a.jpg", true),
            ("in/", "", "out/a.jpg", false),
            ("", ".jpg", "in/a.jpg", true),
            ("", ".jpg", "in/a.JPG", false),
            ("in/", ".jpg", "in/a.jpg", true),
            ("a+b/", "", "a b/c", true),
            ("a+b/", "", "a+b/c", false),
            ("a%2Bb/", "", "a+b/c", true),
            ("caf%C3%A9/", "", "café/c", true),
            ("café/", "", "café/c", true),
            ("*", "", "star", false),
            ("abc", "cde", "abcde", true),
        ];
        for (prefix, suffix, key, expected) in cases {
            let filter = Filter { prefix: Some(prefix.to_owned()), suffix: Some(suffix.to_owned()) };
            let passes = filter.matches(&ObjectKey::new(key).unwrap());
            assert_eq!(passes, expected, "prefix {prefix:?}, suffix {suffix:?}, key {key:?}");
        }
    }
}
