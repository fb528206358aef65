//! The table as a reader sees it who globs `*.parquet` below it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{EmbeddedStore, Get, List, Location, Store, paging};
use brigade_compact::invariants::{self, Lines};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::json;

pub(crate) const LOGS: &str = "logs";
pub(crate) const TABLES: &str = "tables";
pub(crate) const STATE: &str = "state";

/// Globs again and again; each part is read once, since parts never change (which is checked).
pub(crate) struct Table {
    store: EmbeddedStore,
    parts: BTreeMap<String, (String, Vec<String>)>,
    /// Parts are copied to here, for readers that this project did not write.
    mirror: Option<PathBuf>,
    pub(crate) globs: u64,
}

impl Table {
    pub(crate) fn new(store: EmbeddedStore) -> Self {
        let mirror = std::env::var_os("BRIGADE_TEST_MIRROR").map(PathBuf::from);
        Self { store, parts: BTreeMap::new(), mirror, globs: 0 }
    }

    /// How often each line is there now.
    pub(crate) async fn glob(&mut self) -> Lines {
        self.globs += 1;
        let bucket = BucketName::new(TABLES);
        let options = List { prefix: "access_logs/".to_owned(), ..List::default() };
        let entries: Vec<_> = paging::list_all(&self.store, &bucket, options).try_collect().await.unwrap();
        let mut now = BTreeMap::new();
        for entry in entries {
            let key = entry.key.to_string();
            assert!(key.ends_with(".parquet"), "nothing but parts lies in a table: {key}");
            if !self.parts.contains_key(&key) {
                let bytes = body(&self.store, &Location::new(bucket.clone(), entry.key)).await;
                self.copy(&key, &bytes);
                self.parts.insert(key.clone(), (entry.etag.clone(), invariants::lines_of(bytes).unwrap()));
            }
            now.insert(key, entry.etag);
        }
        let before = self.parts.iter().map(|(key, (etag, _))| (key.clone(), etag.clone())).collect();
        invariants::published_stays(&before, &now).unwrap();
        let mut lines = Lines::new();
        self.parts.values().flat_map(|(_, lines)| lines).for_each(|line| *lines.entry(line.clone()).or_default() += 1);
        lines
    }

    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Under its own name when it is whole, so that a glob over the copies sees what a glob over S3 sees.
    fn copy(&self, key: &str, bytes: &Bytes) {
        if let Some(mirror) = &self.mirror {
            let (at, part) = (mirror.join(key), mirror.join("part"));
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(&part, bytes).unwrap();
            std::fs::rename(part, at).unwrap();
        }
    }

    /// What must be in the copies in the end.
    pub(crate) fn tell(&self, truth: &[String]) {
        if let Some(mirror) = &self.mirror {
            std::fs::write(mirror.join("truth.txt"), truth.join("\n")).unwrap();
        }
    }
}

/// An object, whole.
pub(crate) async fn body(store: &EmbeddedStore, at: &Location) -> Bytes {
    let got = store.get(at, Get::default()).await.unwrap();
    let chunks: Vec<Bytes> = got.body.try_collect().await.unwrap();
    chunks.concat().into()
}

/// S3's document of a log object's creation.
pub(crate) fn created(key: &ObjectKey, size: usize) -> String {
    let record = json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventTime": "2026-11-22T10:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": LOGS, "arn": format!("arn:aws:s3:::{LOGS}")},
            "object": {"key": key.to_form_encoded(), "size": size},
        },
    });
    json!({"Records": [record]}).to_string()
}

/// A record of the bucket `photos`; the day is of November 2026.
pub(crate) fn log_line(request_id: &str, day: usize) -> String {
    format!(
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be photos [{day:02}/Nov/2026:23:59:00 +0000] 192.0.2.3 \
         arn:aws:iam::000000000000:user/u {request_id} REST.GET.OBJECT a%2520b.jpg \"GET /photos/a%20b.jpg HTTP/1.1\" 200 - 113 \
         113 7 6 \"-\" \"an agent\" - aGlkaGlkaGlk SigV4 - AuthHeader photos.s3.us-east-1.amazonaws.com - - - -\n"
    )
}
