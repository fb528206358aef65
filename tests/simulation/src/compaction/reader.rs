//! A reader who globs the table after every change of it, and whoever else has a stake in it: what is published stays, and a
//! log object goes only when its lines are safe.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::embedded::Change;
use brigade::storage::{EmbeddedStore, Get, List, Location};
use brigade_compact::invariants::{
    Lines, at_most_once, deleted_after_published, exactly_once, lines_of, logs_of, published_stays, rejects_of,
};
use brigade_compact::protocol::shard::Shard;
use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};

use super::{AccessLogs, Compaction};
use crate::places::{LOGS, STATE, TABLES};

/// The table, and its rejects beside it.
const TABLE: &str = "access_logs/";
const REJECTS: &str = "access_logs_rejects/";
/// What is collected, and the ledger's documents.
const COLLECTED: &str = "brigade/compact/v1/_open/";
const LEDGER: &str = "brigade/compact/v1/logs/";

#[derive(Default)]
struct State {
    /// Etags of the parts, which are read once: as long as they stay, so do their lines.
    parts: BTreeMap<String, String>,
    lines: Lines,
    /// The lines of each bundle that is there.
    collected: BTreeMap<ObjectKey, Vec<String>>,
    taken_over: u64,
    violation: Option<String>,
}

/// The reader of a run.
pub(crate) struct Reader {
    setting: Compaction,
    store: EmbeddedStore,
    logs: Arc<AccessLogs>,
    state: Mutex<State>,
}

impl Reader {
    /// Begins to watch.
    pub(crate) fn watch(setting: &Compaction, store: &EmbeddedStore, logs: &Arc<AccessLogs>) -> Arc<Self> {
        let reader =
            Arc::new(Self { setting: setting.clone(), store: store.clone(), logs: Arc::clone(logs), state: Mutex::default() });
        // The store must not hold who holds the store, or neither would ever end.
        let watching = Arc::downgrade(&reader);
        store.subscribe(Arc::new(move |change| {
            if let Some(watching) = watching.upgrade() {
                watching.see(change);
            }
        }));
        reader
    }

    /// The first thing that must never happen and did.
    pub(crate) fn violation(&self) -> Option<String> {
        self.lock().violation.clone()
    }

    /// Lines wait for their window to close.
    pub(crate) fn is_anything_collected(&self) -> bool {
        !self.lock().collected.is_empty()
    }

    /// What not every run has.
    pub(crate) fn fired(&self) -> BTreeMap<&'static str, u64> {
        let state = self.lock();
        [("batch taken over", state.taken_over), ("part published", state.parts.len() as u64)].into()
    }

    /// What must hold when all is quiet, every window has closed and the schedule has come round.
    pub(crate) fn check(&self) -> Vec<String> {
        let truth = self.logs.truth();
        let state = self.lock();
        let excused = |line: &str| truth.get(line).is_some_and(|taken| *taken);
        let mut wrong: Vec<String> = exactly_once(&state.lines, truth.keys(), excused).err().into_iter().collect();
        if !state.collected.is_empty() {
            wrong.push(format!("published-at-last: {} bundles are still collected", state.collected.len()));
        }
        drop(state);
        wrong.extend(self.raw_logs_are_seen_off());
        wrong.extend(self.ledger_is_small());
        wrong
    }

    /// `BRIGADE_RAW`. That none is deleted where they stay, is seen when it happens.
    fn raw_logs_are_seen_off(&self) -> Option<String> {
        let there = self.keys(LOGS, "");
        let untagged = |key: &&ObjectKey| {
            let at = Location::new(BucketName::new(LOGS), (*key).clone());
            self.store.object_tags(&at, None).is_ok_and(|tags| !tags.contains_key("brigade-compacted"))
        };
        let left = match self.setting.raw {
            "delete" => there.len(),
            "tag" => there.iter().filter(untagged).count(),
            _ => 0,
        };
        (left > 0).then(|| format!("seen-off: {left} log objects are still there, or without their tag"))
    }

    /// Nothing is open in the ledger, and what is gone is forgotten.
    fn ledger_is_small(&self) -> Vec<String> {
        let there = self.keys(LOGS, "");
        let mut wrong = Vec::new();
        for key in self.keys(STATE, LEDGER) {
            let bytes = self.read(&Location::new(BucketName::new(STATE), key.clone()));
            let shard: Shard = serde_json::from_slice(&bytes).expect("a ledger document is read");
            let known = |name: &String| there.iter().any(|key| key.as_str() == format!("{}{name}", shard.stem));
            if let Some(name) = shard.done.iter().find(|name| !known(name)) {
                wrong.push(format!("forgotten: {}{name} is gone, and the ledger still knows it", shard.stem));
            }
            if let Some(batch) = shard.open.first() {
                wrong.push(format!("nothing-open: batch {} of {key} is", batch.id));
            }
        }
        wrong
    }

    fn see(&self, change: &Change) {
        let at = Location::new(change.bucket.clone(), change.key.clone());
        let seen = match change.bucket.as_str() {
            TABLES => self.see_part(change, &at),
            STATE if change.key.as_str().starts_with(COLLECTED) => self.see_bundle(change, &at),
            STATE if change.key.as_str().starts_with(LEDGER) => self.see_ledger(&at),
            LOGS => self.see_log(change, &at),
            _ => Ok(()),
        };
        if let Err(violation) = seen {
            self.lock().violation.get_or_insert(violation);
        }
    }

    fn see_part(&self, change: &Change, at: &Location) -> Result<(), String> {
        let key = at.key.as_str();
        let (table, rejects) = (key.starts_with(TABLE), key.starts_with(REJECTS));
        if !(table || rejects) || !key.ends_with(".parquet") {
            return Err(format!("nothing-but-parts: {key} was written"));
        }
        let mut state = self.lock();
        let mut now = state.parts.clone();
        match &change.etag {
            Some(etag) => now.insert(key.to_owned(), etag.clone()),
            None => now.remove(key),
        };
        let is_new = !state.parts.contains_key(key);
        published_stays(&state.parts, &now)?;
        state.parts = now;
        if is_new && change.etag.is_some() {
            let part = self.read(at);
            let lines = if table { lines_of(part) } else { rejects_of(part) };
            for line in lines.map_err(|error| format!("readable: {key}: {error}"))? {
                *state.lines.entry(line).or_default() += 1;
            }
        }
        at_most_once(&state.lines)
    }

    fn see_bundle(&self, change: &Change, at: &Location) -> Result<(), String> {
        if change.kind.is_created() {
            let logs = logs_of(&self.read(at)).map_err(|error| format!("readable: {}: {error}", at.key))?;
            let lines = logs.iter().filter_map(|place| self.logs.lines(&location(place)?)).flatten().collect();
            self.lock().collected.insert(at.key.clone(), lines);
            return Ok(());
        }
        let gone = self.lock().collected.remove(&at.key).unwrap_or_default();
        self.are_safe(&gone)
    }

    fn see_log(&self, change: &Change, at: &Location) -> Result<(), String> {
        let Some(lines) = self.logs.lines(at) else { return Err(format!("raw-logs-stay: a worker wrote {}", at.key)) };
        if change.kind.is_created() || self.logs.is_taken(at) {
            return Ok(());
        }
        if change.kind.is_removed() && self.setting.raw != "delete" {
            return Err(format!("raw-logs-stay: {} was deleted", at.key));
        }
        self.are_safe(&lines)
    }

    fn see_ledger(&self, at: &Location) -> Result<(), String> {
        let shard: Shard = serde_json::from_slice(&self.read(at)).map_err(|error| format!("readable: {}: {error}", at.key))?;
        let open = shard.open.iter().filter(|batch| batch.publishing).flat_map(|batch| &batch.inputs);
        let open = open.filter_map(|name| shard.location(name).ok());
        self.logs.are_open(at, open.collect());
        let mut state = self.lock();
        state.taken_over = state.taken_over.max(shard.open.iter().map(|batch| u64::from(batch.taken_over)).sum());
        Ok(())
    }

    /// Log objects with these lines are deleted or tagged, or a bundle is gone.
    fn are_safe(&self, lines: &[String]) -> Result<(), String> {
        let state = self.lock();
        let collected = |line: &str| state.collected.values().flatten().any(|one| one == line);
        deleted_after_published(lines, |line| state.lines.contains_key(line) || collected(line))
    }

    fn keys(&self, bucket: &str, prefix: &str) -> Vec<ObjectKey> {
        let options = List { prefix: prefix.to_owned(), ..List::default() };
        let page = self.store.list_objects(&BucketName::new(bucket), &options).expect("a bucket is listed");
        page.objects.into_iter().map(|entry| entry.key).collect()
    }

    fn read(&self, at: &Location) -> Bytes {
        let got = self.store.get_object(at, &Get::default()).expect("an object that is there is read");
        let pieces = got.body.try_collect::<Vec<Bytes>>().now_or_never().expect("a body in memory is read at once");
        pieces.expect("a body is read").concat().into()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn location(place: &str) -> Option<Location> {
    let (bucket, key) = place.split_once('/')?;
    Some(Location::new(BucketName::new(bucket), ObjectKey::new(key).ok()?))
}
