//! The event names that a configuration can subscribe to, and how a wildcard matches.

use brigade::event::EventKind;
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
        let family = |p: &Self| p.0.strip_suffix('*').map(str::to_owned);
        match (family(self), family(other)) {
            (Some(a), Some(b)) => a == b,
            (Some(a), None) => other.0.starts_with(&a),
            (None, Some(b)) => self.0.starts_with(&b),
            (None, None) => self == other,
        }
    }
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
}
