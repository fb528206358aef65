//! How much a sweep needs: `cargo run --release -p brigade-cleanup --no-default-features --example sweep_figures [KEYS]`.
//!
//! A bucket of KEYS sources (1,000,000) and their derived objects, of which some have no source, is swept. Nothing of it is
//! stored: each page of a listing is made when it is asked for, so that what the sweep itself holds is what is measured. Prints
//! derived objects per second, and the peak of what was allocated beyond the start.

#![expect(clippy::unwrap_used, reason = "an example stops at the first surprise")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use brigade::config::{Environment, Place};
use brigade::derived::{CONFIG, SOURCE, VERSION, owner_mark};
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{
    Copy, Delete, Deleted, ErrorKind, Get, GetObject, Head, List, ListUploads, ListVersions, Listing, Location, ObjectEntry,
    ObjectMeta, PartEntry, Put, PutOptions, Result, Store, StoreError, Tags, UploadEntry, VersionListing,
};
use brigade::worker::Topic;
use brigade::worker::queue::{Outgoing, QueueError};
use brigade_cleanup::sweep::{Order, Orphan, Stage, Watch};
use brigade_cleanup::{Cleanup, Config};
use bytes::Bytes;
use peak_alloc::PeakAlloc;
use time::OffsetDateTime;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const ROOT: &str = "t/photos/";
const SEGMENTS: [&str; 4] = ["128.jpg", "256.jpg", "512.jpg", "info.json"];
/// One source in so many is gone.
const GONE: u64 = 10_000;

/// Sources `in/00000000.jpg`, …, each with four derived objects.
struct Synthetic {
    keys: u64,
}

fn name(n: u64) -> String {
    format!("in/{n:08}.jpg")
}

fn is_gone(n: u64) -> bool {
    n % GONE == GONE / 2
}

fn number(key: &str) -> Option<u64> {
    key.strip_prefix("in/")?.get(..8)?.parse().ok()
}

impl Synthetic {
    /// The keys behind `after`, as many as fill a page.
    fn page(&self, derived: bool, options: &List) -> Vec<String> {
        let after = options.continuation.as_deref().or(options.start_after.as_deref()).unwrap_or_default();
        let relative = after.strip_prefix(ROOT).unwrap_or(after);
        let narrow = options.prefix.strip_prefix(ROOT).unwrap_or(&options.prefix);
        let first = number(relative).or(number(narrow)).unwrap_or(0);
        let keys = (first..self.keys).filter(|n| derived || !is_gone(*n)).flat_map(|n| {
            let names: Vec<String> = match derived {
                true => SEGMENTS.iter().map(|segment| format!("{ROOT}{}/{segment}", name(n))).collect(),
                false => vec![name(n)],
            };
            names
        });
        let keys = keys.skip_while(|key| key.as_str() <= after || key.as_str() < options.prefix.as_str());
        keys.take_while(|key| key.starts_with(&options.prefix)).take(1000).collect()
    }

    fn meta(&self, at: &Location) -> Option<ObjectMeta> {
        let derived = at.key.as_str().strip_prefix(ROOT);
        let n = number(derived.unwrap_or(at.key.as_str()))?;
        if derived.is_none() && is_gone(n) {
            return None;
        }
        let source = Location::new(BucketName::new("photos"), ObjectKey::new(name(n)).ok()?);
        let marks = [(SOURCE, owner_mark(&source)), (VERSION, "v".to_owned()), (CONFIG, "1-x".to_owned())];
        let metadata = marks.into_iter().filter(|_| derived.is_some()).map(|(name, value)| (name.to_owned(), value));
        Some(ObjectMeta {
            etag: "e".to_owned(),
            size: 1,
            last_modified: OffsetDateTime::UNIX_EPOCH,
            date: None,
            version_id: None,
            storage_class: "STANDARD".to_owned(),
            content_type: None,
            cache_control: None,
            metadata: metadata.collect(),
            checksum: None,
            tag_count: None,
            encryption: None,
        })
    }
}

fn not_asked<T>(operation: &'static str) -> Result<T> {
    Err(StoreError::new(ErrorKind::Invalid, operation, "-", "NotAsked", "a plan of a sweep never asks for this"))
}

#[async_trait]
impl Store for Synthetic {
    async fn head(&self, at: &Location, _: Head) -> Result<ObjectMeta> {
        self.meta(at).ok_or_else(|| StoreError::not_found("HeadObject", at))
    }

    async fn get(&self, at: &Location, _: Get) -> Result<GetObject> {
        let meta = self.meta(at).ok_or_else(|| StoreError::not_found("GetObject", at))?;
        Ok(GetObject { meta, range: None, body: Box::pin(futures::stream::iter([Ok(Bytes::from("{}"))])) })
    }

    async fn list(&self, bucket: &BucketName, options: List) -> Result<Listing> {
        let keys = self.page(bucket.as_str() == "derived", &options);
        let continuation = keys.last().filter(|_| keys.len() == 1000).cloned();
        let entry = |key: String| ObjectEntry {
            key: ObjectKey::new(key).unwrap(),
            etag: "e".to_owned(),
            size: 1,
            last_modified: OffsetDateTime::UNIX_EPOCH,
            storage_class: "STANDARD".to_owned(),
        };
        Ok(Listing { objects: keys.into_iter().map(entry).collect(), continuation, ..Listing::default() })
    }

    async fn put(&self, _: &Location, _: Bytes, _: PutOptions) -> Result<Put> {
        not_asked("PutObject")
    }

    async fn copy(&self, _: &Location, _: Copy) -> Result<Put> {
        not_asked("CopyObject")
    }

    async fn delete(&self, _: &Location, _: Delete) -> Result<Deleted> {
        not_asked("DeleteObject")
    }

    async fn delete_many(&self, _: &BucketName, _: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        not_asked("DeleteObjects")
    }

    async fn list_versions(&self, _: &BucketName, _: ListVersions) -> Result<VersionListing> {
        not_asked("ListObjectVersions")
    }

    async fn get_tags(&self, _: &Location, _: Option<&str>) -> Result<Tags> {
        not_asked("GetObjectTagging")
    }

    async fn put_tags(&self, _: &Location, _: Option<&str>, _: Tags) -> Result<()> {
        not_asked("PutObjectTagging")
    }

    async fn create_upload(&self, _: &Location, _: PutOptions) -> Result<String> {
        not_asked("CreateMultipartUpload")
    }

    async fn upload_part(&self, _: &Location, _: &str, _: u16, _: Bytes) -> Result<String> {
        not_asked("UploadPart")
    }

    async fn complete_upload(&self, _: &Location, _: &str, _: Vec<PartEntry>, _: PutOptions) -> Result<Put> {
        not_asked("CompleteMultipartUpload")
    }

    async fn abort_upload(&self, _: &Location, _: &str) -> Result<()> {
        not_asked("AbortMultipartUpload")
    }

    async fn list_uploads(&self, _: &BucketName, _: ListUploads) -> Result<(Vec<UploadEntry>, Option<(String, String)>)> {
        not_asked("ListMultipartUploads")
    }
}

struct Nowhere;

#[async_trait]
impl Topic for Nowhere {
    async fn publish(&self, _: &str, _: Outgoing) -> std::result::Result<(), QueueError> {
        Ok(())
    }
}

struct Silent;

impl Watch for Silent {
    fn looked(&mut self, _: Stage, _: u64, _: u64) {}
    fn orphan(&mut self, _: &Orphan) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let keys = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let variables = BTreeMap::from([
        ("BRIGADE_INPUT", "s3://photos/*"),
        ("BRIGADE_OUTPUT", "s3://derived/t/{bucket}/{key}/{size}.{ext}"),
        ("BRIGADE_CONCURRENCY", "16"),
    ]);
    let environment: Environment = variables.into_iter().collect();
    let config = Config::read(&environment).unwrap();
    let cleanup = Cleanup::new(&config, Arc::new(Synthetic { keys }), Arc::new(Nowhere));
    let place = Place::parse("s3://derived/t/").unwrap();
    let order = Order { place: Some(&place), apply: false, max_deletes: 1_000_000, start_after: None };
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let begun = Instant::now();
    let summary = cleanup.sweep(order, &mut Silent).await.unwrap();
    let took: Duration = begun.elapsed();
    let held = (ALLOCATED.peak_usage() - before) / 1024;
    println!(
        "{keys} sources, {} derived objects, {} of them of {} sources that are gone; {:.0} derived objects/s, {held} KiB held",
        summary.looked,
        summary.objects,
        summary.sources,
        summary.looked as f64 / took.as_secs_f64(),
    );
}
