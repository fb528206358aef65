//! Bytes of unknown length into one object: a single PUT where they are few, a multipart upload where they are many.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};

use super::{ErrorKind, Location, PartEntry, Put, PutOptions, Result, Store, StoreError};

const MIB: u64 = 1024 * 1024;
/// S3's least size of every part but the last.
const MIN_PART: u64 = 5 * MIB;
/// S3's largest part.
const MAX_PART: u64 = 5 * 1024 * MIB;
/// S3's limit on the parts of an upload.
const MAX_PARTS: u16 = 10_000;
/// Where the length isn't known, parts double in size after each so many: 16 MiB at first reach 16 TiB in the end.
const PARTS_OF_ONE_SIZE: u16 = 1_000;

/// When to go in parts, and in which. What is held in memory is one part being filled and `parallel` in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSizes {
    /// In bytes: what is shorter goes in a single PUT (at most 5 GB).
    pub threshold: u64,
    /// The first parts' size in bytes; S3's 5 MiB at least.
    pub part: u64,
    /// Parts in flight at once.
    pub parallel: usize,
    /// The length in bytes where it is known: parts are made large enough from the start. A wrong one does no harm.
    pub expected: Option<u64>,
}

impl Default for PartSizes {
    fn default() -> Self {
        Self { threshold: 16 * MIB, part: 16 * MIB, parallel: 4, expected: None }
    }
}

impl PartSizes {
    /// The size of part `number` (from 1), in bytes.
    fn of(&self, number: u16) -> u64 {
        let needed = self.expected.unwrap_or_default().div_ceil(u64::from(MAX_PARTS));
        let doublings = number.saturating_sub(1) / PARTS_OF_ONE_SIZE;
        let size = self.part.max(needed).max(MIN_PART);
        size.saturating_mul(1 << doublings.min(20)).min(MAX_PART)
    }
}

/// An upload that failed, and what it left behind.
#[derive(Clone, Debug)]
pub struct UploadFailed {
    /// Why it failed. `Unavailable` leaves open whether the object was written.
    pub error: StoreError,
    /// The unfinished upload whose parts are still stored (and paid for), because aborting it failed too.
    pub left: Option<Box<LeftBehind>>,
}

/// A multipart upload that could not be aborted.
#[derive(Clone, Debug)]
pub struct LeftBehind {
    /// For `abort_upload`.
    pub upload_id: String,
    /// Why aborting failed.
    pub error: StoreError,
}

impl fmt::Display for UploadFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        match &self.left {
            Some(left) => write!(f, "; the unfinished upload {} is left behind: {}", left.upload_id, left.error),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UploadFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<StoreError> for UploadFailed {
    fn from(error: StoreError) -> Self {
        Self { error, left: None }
    }
}

impl From<UploadFailed> for StoreError {
    fn from(failed: UploadFailed) -> Self {
        failed.error
    }
}

/// Writes `body` to `at`. Nothing is visible there before all of it is, under `options.condition` at that moment.
///
/// An error of the body itself is handed through, and nothing is written. A failed upload is aborted; `Conflict` at its end
/// means that the whole upload must begin again, which is the caller's to decide as the body is spent. A caller that drops
/// the future leaves its parts behind: a bucket needs the lifecycle rule AbortIncompleteMultipartUpload in any case.
pub async fn put_stream(
    store: &dyn Store,
    at: &Location,
    body: impl Stream<Item = Result<Bytes>> + Send + Unpin,
    options: PutOptions,
    sizes: PartSizes,
) -> std::result::Result<Put, UploadFailed> {
    let mut source = Source { body, buffer: BytesMut::new(), ended: false };
    source.fill(sizes.threshold).await?;
    if source.ended && (source.buffer.len() as u64) < sizes.threshold.max(1) {
        return Ok(store.put(at, source.buffer.freeze(), options).await?);
    }
    let upload_id = store.create_upload(at, options.clone()).await?;
    match in_parts(store, at, &upload_id, source, options, sizes).await {
        Ok(put) => Ok(put),
        Err(error) => {
            // Also after a completion without an answer: what is aborted can't land late.
            let left = match store.abort_upload(at, &upload_id).await {
                Ok(()) => None,
                Err(gone) if gone.kind == ErrorKind::NotFound => None,
                Err(error) => Some(Box::new(LeftBehind { upload_id, error })),
            };
            Err(UploadFailed { error, left })
        }
    }
}

async fn in_parts<B: Stream<Item = Result<Bytes>> + Send + Unpin>(
    store: &dyn Store,
    at: &Location,
    upload_id: &str,
    source: Source<B>,
    options: PutOptions,
    sizes: PartSizes,
) -> Result<Put> {
    let parts = stream::try_unfold((source, 1_u16), |(mut source, number)| async move {
        let size = sizes.of(number);
        source.fill(size).await?;
        if source.buffer.is_empty() {
            return Ok(None);
        }
        if number > MAX_PARTS {
            let message = format!("the body does not fit into {MAX_PARTS} parts");
            return Err(StoreError::new(ErrorKind::Invalid, "UploadPart", at, "TooManyParts", message));
        }
        let part = source.take(size);
        Ok(Some(((number, part), (source, number.saturating_add(1)))))
    });
    let send = |(number, part): (u16, Bytes)| async move {
        let size = part.len() as u64;
        let etag = store.upload_part(at, upload_id, number, part).await?;
        Ok(PartEntry { number, etag, size })
    };
    let mut parts: Vec<PartEntry> = parts.map_ok(send).try_buffer_unordered(sizes.parallel.max(1)).try_collect().await?;
    parts.sort_by_key(|part| part.number);
    store.complete_upload(at, upload_id, parts, options).await
}

/// The body, and what of it has arrived and isn't sent.
struct Source<B> {
    body: B,
    buffer: BytesMut,
    ended: bool,
}

impl<B: Stream<Item = Result<Bytes>> + Unpin> Source<B> {
    /// Reads until `bytes` are there or the body ends.
    async fn fill(&mut self, bytes: u64) -> Result<()> {
        while !self.ended && (self.buffer.len() as u64) < bytes {
            match self.body.next().await {
                Some(chunk) => self.buffer.extend_from_slice(&chunk?),
                None => self.ended = true,
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: u64) -> Bytes {
        let end = usize::try_from(bytes).map_or(self.buffer.len(), |n| n.min(self.buffer.len()));
        self.buffer.split_to(end).freeze()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::storage::trap::{Fate, Trap};
    use crate::storage::{Condition, Get, Head, ListUploads};

    /// Two parts and a bit, of a size that S3 takes.
    const LENGTH: usize = 2 * MIN_PART as usize + 7;
    const SIZES: PartSizes = PartSizes { threshold: 1_000, part: MIN_PART, parallel: 2, expected: None };

    /// Chunks that fit neither parts nor threshold.
    fn chunks(length: usize) -> (Vec<u8>, Vec<Result<Bytes>>) {
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        let chunks = bytes.chunks(999_983).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        (bytes, chunks)
    }

    async fn upload(store: &Trap, body: Vec<Result<Bytes>>, condition: Condition) -> std::result::Result<Put, UploadFailed> {
        let options = PutOptions { condition, ..PutOptions::default() };
        put_stream(store, &Trap::at("k"), stream::iter(body), options, SIZES).await
    }

    async fn unfinished(store: &Trap) -> usize {
        store.list_uploads(&Trap::at("k").bucket, ListUploads::default()).await.unwrap().0.len()
    }

    #[tokio::test]
    async fn the_bytes_arrive_whole_whatever_their_number() {
        // The length, and the parts in flight at most.
        for (length, parts) in [(0, 0), (1, 0), (999, 0), (1_000, 1), (LENGTH, SIZES.parallel)] {
            let store = Trap::new([]);
            let (bytes, body) = chunks(length);
            let put = upload(&store, body, Condition::None).await.unwrap();
            assert_eq!(put.etag.contains('-'), parts > 0, "{length}");
            let got = store.get(&Trap::at("k"), Get::default()).await.unwrap();
            let got: Vec<Bytes> = got.body.try_collect().await.unwrap();
            assert!(got.concat() == bytes, "{length}");
            assert_eq!(store.parts_at_most.load(Ordering::SeqCst), parts, "{length}");
            assert_eq!(unfinished(&store).await, 0);
        }
    }

    #[tokio::test]
    async fn a_failed_upload_is_aborted_and_nothing_is_visible() {
        use ErrorKind::*;
        let broken = || StoreError::new(Unavailable, "GetObject", "b", "BodyInterrupted", "broken");
        let mut interrupted = chunks(LENGTH).1;
        interrupted.push(Err(broken()));
        // The situation, the fates of its writes, and the error.
        let rows = [
            ("a part is refused", vec![Fate::Normal, Fate::Refused(AccessDenied)], chunks(LENGTH).1, AccessDenied),
            ("the body breaks", vec![], interrupted, Unavailable),
            ("the body breaks at once", vec![], vec![Err(broken())], Unavailable),
            (
                "the completion collides",
                [vec![Fate::Normal; 3], vec![Fate::Refused(Conflict)]].concat(),
                chunks(LENGTH).1,
                Conflict,
            ),
        ];
        for (situation, fates, body, kind) in rows {
            let store = Trap::new(fates);
            let failed = upload(&store, body, Condition::None).await.unwrap_err();
            assert_eq!((failed.error.kind, failed.left.is_none()), (kind, true), "{situation}");
            assert_eq!(unfinished(&store).await, 0, "{situation}");
            assert!(store.head(&Trap::at("k"), Head::default()).await.is_err(), "{situation}");
        }
    }

    #[tokio::test]
    async fn the_condition_holds_at_the_end() {
        let store = Trap::new([]);
        store.inside.put(&Trap::at("k"), Bytes::from("foreign"), PutOptions::default()).await.unwrap();
        let failed = upload(&store, chunks(LENGTH).1, Condition::IfAbsent).await.unwrap_err();
        assert_eq!(failed.error.kind, ErrorKind::PreconditionFailed);
        assert_eq!(store.head(&Trap::at("k"), Head::default()).await.unwrap().size, 7);
    }

    #[tokio::test]
    async fn what_could_not_be_aborted_is_named() {
        let store = Trap::new([Fate::Refused(ErrorKind::Throttled)]);
        store.abort_fails.store(true, Ordering::SeqCst);
        let failed = upload(&store, chunks(LENGTH).1, Condition::None).await.unwrap_err();
        let left = failed.left.as_ref().unwrap();
        let (uploads, _) = store.list_uploads(&Trap::at("k").bucket, ListUploads::default()).await.unwrap();
        assert_eq!(left.upload_id, uploads[0].upload_id);
        assert!(failed.to_string().contains(&left.upload_id), "{failed}");
    }

    #[test]
    fn ten_thousand_parts_are_always_enough() {
        let total = |sizes: PartSizes| (1..=MAX_PARTS).map(|n| sizes.of(n)).sum::<u64>();
        let tib = 1024 * 1024 * MIB;
        assert_eq!(PartSizes::default().of(1), 16 * MIB);
        assert!(total(PartSizes::default()) >= 5 * tib, "S3's largest object, without knowing the length");
        let known = PartSizes { expected: Some(5 * tib), ..PartSizes::default() };
        assert_eq!(known.of(1), (5 * tib).div_ceil(10_000));
        let small = PartSizes { part: 1, ..PartSizes::default() };
        assert_eq!(small.of(1), MIN_PART);
        let huge = PartSizes { expected: Some(u64::MAX), ..PartSizes::default() };
        assert_eq!(huge.of(MAX_PARTS), MAX_PART);
    }
}
