//! The event names that a configuration can subscribe to, and how a wildcard matches.

use crate::event::EventKind;
use serde::{Deserialize, Serialize};

/// Everything that a configuration can name, with the `s3:` prefix.
///
/// Source: the `Event` type of the S3 API.
pub const SUBSCRIBABLE: &[&str] = &[
    "s3:IntelligentTiering",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:LifecycleTransition",
    "s3:ObjectAcl:Put",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAnnotation:Put",
    "s3:ObjectAnnotation:Delete",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ObjectRetention:Put",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
];

/// One of [`SUBSCRIBABLE`]: an event, or a family of them (`s3:ObjectCreated:*`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventPattern(String);

impl EventPattern {
    /// `None` for a name that S3 does not take.
    pub fn new(name: &str) -> Option<Self> {
        SUBSCRIBABLE.contains(&name).then(|| Self(name.to_owned()))
    }

    /// The name with the `s3:` prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This change is asked for.
    pub fn matches(&self, kind: &EventKind) -> bool {
        let name = self.0.strip_prefix("s3:").unwrap_or(&self.0);
        match name.strip_suffix(":*") {
            Some(family) => kind.family() == family,
            None => kind.as_str() == name,
        }
    }

    /// Some change is asked for by both.
    pub fn intersects(&self, other: &Self) -> bool {
        intersect(&self.0, &other.0)
    }
}

/// As [`EventPattern::intersects`], for names that may be newer than this version.
pub(super) fn intersect(one: &str, other: &str) -> bool {
    match (one.strip_suffix('*'), other.strip_suffix('*')) {
        (Some(a), Some(b)) => a == b,
        (Some(a), None) => other.starts_with(a),
        (None, Some(b)) => one.starts_with(b),
        (None, None) => one == other,
    }
}

/// What a configuration names to get a whole family, such as `s3:ObjectCreated:*` for `ObjectCreated`. `None` for a family
/// that S3 does not announce.
pub fn pattern_of_family(family: &str) -> Option<&'static str> {
    let of_family = |name: &&&str| EventKind::new(name).family() == family;
    // A family without a wildcard has one event.
    let mut names = SUBSCRIBABLE.iter().filter(of_family);
    let first = names.next()?;
    Some(std::iter::once(first).chain(names).find(|name| name.ends_with(":*")).unwrap_or(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_matches_its_family_alone() {
        let cases = [
            ("s3:ObjectCreated:*", "ObjectCreated:Put", true),
            ("s3:ObjectCreated:*", "ObjectCreated:CompleteMultipartUpload", true),
            ("s3:ObjectCreated:*", "ObjectRemoved:Delete", false),
            ("s3:ObjectCreated:Put", "ObjectCreated:Put", true),
            ("s3:ObjectCreated:Put", "ObjectCreated:Post", false),
            ("s3:ObjectRemoved:*", "ObjectRemoved:DeleteMarkerCreated", true),
            ("s3:ObjectRemoved:*", "LifecycleExpiration:Delete", false),
            ("s3:LifecycleTransition", "LifecycleTransition", true),
        ];
        for (pattern, kind, expected) in cases {
            let matches = EventPattern::new(pattern).expect(pattern).matches(&EventKind::new(kind));
            assert_eq!(matches, expected, "{pattern} and {kind}");
        }
        assert_eq!(EventPattern::new("s3:ObjectCreated:put"), None);
    }

    #[test]
    fn a_family_is_asked_for_by_one_name() {
        for (family, expected) in [
            ("ObjectCreated", Some("s3:ObjectCreated:*")),
            ("LifecycleExpiration", Some("s3:LifecycleExpiration:*")),
            ("LifecycleTransition", Some("s3:LifecycleTransition")),
            ("ObjectAcl", Some("s3:ObjectAcl:Put")),
            ("ObjectCreat", None),
            ("", None),
        ] {
            assert_eq!(pattern_of_family(family), expected, "{family}");
        }
    }
}
