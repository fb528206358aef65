//! What happened, in S3's own event names.

use std::fmt;

/// An S3 event name without the `s3:` prefix. Names that this version does not know are kept as they came.
///
/// Source: `aws-sdk-s3`'s `Event`, the S3 user guide's event types, and EventBridge's detail types, which are mapped to
/// the notification's name for the same change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventKind(String);

impl EventKind {
    /// Takes a name with or without the `s3:` prefix (MinIO sends it).
    pub fn new(name: &str) -> Self {
        Self(name.trim_start_matches("s3:").to_owned())
    }

    /// The kind of an S3 Batch Operations task: nothing happened, somebody wants the key looked at.
    pub const BATCH_TASK: &str = "BatchTask";

    /// See [`EventKind::BATCH_TASK`].
    pub fn batch_task() -> Self {
        Self(Self::BATCH_TASK.to_owned())
    }

    /// The kind of a source that is announced once more, so that somebody makes what is missing of it. Nothing happened to it.
    /// Subscribed to as a creation is.
    pub const ANNOUNCED: &str = "ObjectCreated:Announced";

    /// See [`EventKind::ANNOUNCED`].
    pub fn announced() -> Self {
        Self(Self::ANNOUNCED.to_owned())
    }

    /// The name, such as `ObjectCreated:Put`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the colon, such as `ObjectCreated`.
    pub fn family(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// The key has new content.
    pub fn is_created(&self) -> bool {
        self.family() == "ObjectCreated"
    }

    /// The key, or one of its versions, went: by a request or by a lifecycle rule.
    pub fn is_removed(&self) -> bool {
        matches!(self.family(), "ObjectRemoved" | "LifecycleExpiration")
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_created_removed_and_the_rest() {
        let (created, removed, other) = ((true, false), (false, true), (false, false));
        let cases = [
            ("IntelligentTiering", other),
            ("LifecycleExpiration:Delete", removed),
            ("LifecycleExpiration:DeleteMarkerCreated", removed),
            ("LifecycleTransition", other),
            ("ObjectAcl:Put", other),
            ("ObjectAnnotation:Delete", other),
            ("ObjectAnnotation:Put", other),
            ("ObjectCreated:Announced", created),
            ("ObjectCreated:CompleteMultipartUpload", created),
            ("ObjectCreated:Copy", created),
            ("ObjectCreated:Post", created),
            ("ObjectCreated:Put", created),
            ("ObjectRemoved:Delete", removed),
            ("ObjectRemoved:DeleteMarkerCreated", removed),
            ("ObjectRestore:Completed", other),
            ("ObjectRestore:Delete", other),
            ("ObjectRestore:Post", other),
            ("ObjectRetention:Put", other),
            ("ObjectTagging:Delete", other),
            ("ObjectTagging:Put", other),
            ("ReducedRedundancyLostObject", other),
            ("Replication:OperationFailedReplication", other),
            ("Replication:OperationMissedThreshold", other),
            ("Replication:OperationNotTracked", other),
            ("Replication:OperationReplicatedAfterThreshold", other),
            ("ObjectCreated:Teleported", created),
            ("ObjectCreatedTwice:Put", other),
            ("Object Teleported", other),
            (EventKind::BATCH_TASK, other),
        ];
        for (name, class) in cases {
            for kind in [EventKind::new(name), EventKind::new(&format!("s3:{name}"))] {
                assert_eq!(kind.as_str(), name);
                assert_eq!((kind.is_created(), kind.is_removed()), class, "{name}");
            }
        }
    }
}
