//! What becomes of inputs whose lines are published. Done twice it does no harm, so that whoever finds them done does it again.

use std::collections::BTreeSet;

use brigade::event::ObjectKey;
use brigade::storage::{Delete, ErrorKind, StoreError};
use brigade::verdict::{Reason, Verdict};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};

use super::Pass;
use crate::protocol::shard::Shard;

/// DeleteObjects takes no more.
const DELETES: usize = 1_000;
/// Objects that are tagged at once.
const TAGS_AT_ONCE: usize = 16;
/// The tag, and its value.
const TAG: (&str, &str) = ("brigade-compacted", "1");

/// `BRIGADE_RAW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// They stay.
    Keep,
    /// They stay with the tag `brigade-compacted=1`, which a lifecycle rule can act on.
    Tag,
    /// They go.
    Delete,
}

impl Pass<'_> {
    /// Does it with these inputs. `Err`: their messages must come back, so that it is done again.
    pub(super) async fn see_off(&self, inputs: &BTreeSet<String>) -> Result<(), Verdict> {
        match self.after {
            After::Keep => Ok(()),
            After::Delete => self.delete(inputs).await,
            After::Tag => {
                let tags: Vec<BoxFuture<'_, _>> = inputs.iter().map(|name| self.tag(name).boxed()).collect();
                let ends: Vec<_> = stream::iter(tags).buffer_unordered(TAGS_AT_ONCE).collect().await;
                ends.into_iter().collect()
            }
        }
    }

    async fn delete(&self, inputs: &BTreeSet<String>) -> Result<(), Verdict> {
        let keys = inputs.iter().filter_map(|name| ObjectKey::new(format!("{}{name}", self.stem)).ok());
        let keys: Vec<_> = keys.map(|key| (key, Delete::default())).collect();
        for some in keys.chunks(DELETES) {
            let results =
                self.engine.store.delete_many(self.bucket, some.to_vec()).await.map_err(|error| not_deleted(&error))?;
            if let Some(Err(error)) = results.into_iter().find(Result::is_err) {
                return Err(not_deleted(&error));
            }
        }
        Ok(())
    }

    /// Other tags of the object stay.
    async fn tag(&self, name: &str) -> Result<(), Verdict> {
        let Ok(at) = Shard::new(self.bucket, self.stem).location(name) else { return Ok(()) };
        let (key, value) = TAG;
        let tagged = async {
            let mut tags = self.engine.store.get_tags(&at, None).await?;
            if tags.insert(key.to_owned(), value.to_owned()).as_deref() == Some(value) {
                return Ok(());
            }
            self.engine.store.put_tags(&at, None, tags).await
        };
        match tagged.await {
            Err(error) if !matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker) => {
                Err(Verdict::Retry(Reason::new("not-tagged", error.to_string()), None))
            }
            _ => Ok(()),
        }
    }
}

fn not_deleted(error: &StoreError) -> Verdict {
    Verdict::Retry(Reason::new("not-deleted", error.to_string()), None)
}
