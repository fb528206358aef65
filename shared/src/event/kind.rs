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
        Self(name.strip_prefix("s3:").unwrap_or(name).to_owned())
    }

    /// The kind of an S3 Batch Operations task: nothing happened, somebody wants the key looked at.
    pub const BATCH_TASK: &str = "BatchTask";

    /// See [`EventKind::BATCH_TASK`].
    pub fn batch_task() -> Self {
        Self(Self::BATCH_TASK.to_owned())
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
