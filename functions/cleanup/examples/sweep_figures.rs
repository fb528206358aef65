//! How much a sweep needs: `cargo run --release -p brigade-cleanup --no-default-features --example sweep_figures [KEYS]`.
//!
//! A bucket of KEYS sources (1,000,000) and their derived objects, of which some have no source, is swept: planned, and then
//! removed. Nothing of it is stored: each page of a listing is made when it is asked for, so that what the sweep itself holds
//! is what is measured. Prints derived objects per second of the plan, the peak of what was allocated beyond the start, and
//! what the process had resident at most; and whether what was removed is what the plan has listed.

#![expect(clippy::unwrap_used, reason = "an example stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
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
    /// Derived objects that are removed.
    removed: Mutex<BTreeSet<String>>,
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
    fn is_removed(&self, key: &str) -> bool {
        self.removed.lock().unwrap().contains(key)
    }

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
        let keys = keys.filter(|key| !derived || !self.is_removed(key));
        let keys = keys.skip_while(|key| key.as_str() <= after || key.as_str() < options.prefix.as_str());
        keys.take_while(|key| key.starts_with(&options.prefix)).take(1000).collect()
    }

    fn meta(&self, at: &Location) -> Option<ObjectMeta> {
        let derived = at.key.as_str().strip_prefix(ROOT);
        let n = number(derived.unwrap_or(at.key.as_str()))?;
        if derived.map_or(is_gone(n), |_| self.is_removed(at.key.as_str())) {
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
    Err(StoreError::new(ErrorKind::Invalid, operation, "-", "NotAsked", "a sweep never asks for this"))
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

    async fn delete(&self, at: &Location, _: Delete) -> Result<Deleted> {
        self.removed.lock().unwrap().insert(at.key.to_string());
        Ok(Deleted { delete_marker: false, version_id: None })
    }

    async fn delete_many(&self, _: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        self.removed.lock().unwrap().extend(entries.iter().map(|(key, _)| key.to_string()));
        Ok(entries.iter().map(|_| Ok(Deleted { delete_marker: false, version_id: None })).collect())
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

/// Keeps the keys of what was found, in the order in which it was told.
#[derive(Default)]
struct Keys(Vec<String>);

impl Watch for Keys {
    fn looked(&mut self, _: Stage, _: u64, _: u64) {}
    fn orphan(&mut self, orphan: &Orphan) {
        self.0.extend(orphan.objects.iter().map(|at| at.key.to_string()));
    }
}

/// The most that the process had resident so far, as Linux tells it.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
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
    let store = Arc::new(Synthetic { keys, removed: Mutex::default() });
    let cleanup = Cleanup::new(&config, Arc::clone(&store) as Arc<dyn Store>, Arc::new(Nowhere));
    let place = Place::parse("s3://derived/t/").unwrap();
    let order = Order { place: Some(&place), apply: false, max_deletes: 1_000_000, start_after: None };
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let begun = Instant::now();
    let mut planned = Keys::default();
    let summary = cleanup.sweep(order, &mut planned).await.unwrap();
    let took: Duration = begun.elapsed();
    let held = (ALLOCATED.peak_usage() - before) / 1024;
    println!(
        "{keys} sources, {} derived objects, {} of them of {} sources that are gone; {:.0} derived objects/s, {held} KiB held, \
         {} resident",
        summary.looked,
        summary.objects,
        summary.sources,
        summary.looked as f64 / took.as_secs_f64(),
        resident(),
    );
    let mut removed = Keys::default();
    cleanup.sweep(Order { apply: true, ..order }, &mut removed).await.unwrap();
    let gone: Vec<String> = store.removed.lock().unwrap().iter().cloned().collect();
    planned.0.sort();
    removed.0.sort();
    assert_eq!(planned.0, removed.0, "what a plan lists is what is removed");
    assert_eq!(planned.0, gone, "what was told is what is gone");
    println!(
        "with --apply the {} objects that the plan has listed were removed, and no others; {} resident",
        gone.len(),
        resident()
    );
}
