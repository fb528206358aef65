//! One input, whole.

use brigade::budget::Held;
use brigade::storage::{ErrorKind, Get, GetObject, Location, StoreError};
use brigade::verdict::Verdict;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::Engine;

/// A body that breaks off is fetched again; each request is retried by the SDK besides.
const ATTEMPTS: u32 = 3;

/// What an input is.
pub(super) enum Fetched {
    /// Its bytes, and the memory that they hold.
    Body(Bytes, Held),
    /// There is none.
    Gone,
    /// It will never be readable as it is: its batch goes without it, and its message is parked or skipped.
    Refused(Verdict),
    /// It can't be read now: nothing may be left out for that.
    Failed(Verdict),
}

impl Engine {
    /// GetObject. The memory is waited for when the size is known and before the bytes flow.
    pub(super) async fn fetch(&self, at: &Location) -> Fetched {
        let mut failed = Fetched::Failed(Verdict::retry("unavailable", at.to_string()));
        for _ in 0..ATTEMPTS {
            let error = match self.store.get(at, Get::default()).await {
                Ok(got) if got.meta.size > self.memory.total() => {
                    return Fetched::Refused(too_large(at, &got, self.memory.total()));
                }
                Ok(got) => {
                    let held = self.memory.hold(got.meta.size).await;
                    match read(got).await {
                        Ok(bytes) => return Fetched::Body(bytes, held),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            if matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker) {
                return Fetched::Gone;
            }
            let (again, verdict) = (error.kind.is_transient(), Verdict::of_error(&error));
            failed = match verdict {
                Verdict::Park(_) | Verdict::Skip(_) => return Fetched::Refused(verdict),
                verdict => Fetched::Failed(verdict),
            };
            if !again {
                break;
            }
        }
        failed
    }
}

async fn read(got: GetObject) -> Result<Bytes, StoreError> {
    let mut bytes = BytesMut::with_capacity(usize::try_from(got.meta.size).unwrap_or_default());
    let mut body = got.body;
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok(bytes.freeze())
}

fn too_large(at: &Location, got: &GetObject, bound: u64) -> Verdict {
    Verdict::park("too-large", format!("{at} has {} bytes; {bound} fit into this function's memory", got.meta.size))
}
