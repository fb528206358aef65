//! The world: log objects, messages about them, workers, and who disturbs them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::faulty::{FaultCounts, Faults};
use brigade::storage::{Delete, EmbeddedStore, FaultyStore, Get, List, Location, Nonces, PutOptions, Store};
use brigade::verdict::{Outcome, Verdict};
use brigade::worker::{StandardOutput, Together, Worker};
use brigade_compact::{Compact, Config, invariants};
use bytes::Bytes;
use futures::TryStreamExt;
use time::OffsetDateTime;
use tokio::task::JoinHandle;

use crate::gate::Gate;
use crate::sabotage::{Denied, Sabotage, Sabotaged};

pub(crate) const LOGS: &str = "logs";
pub(crate) const TABLES: &str = "tables";
pub(crate) const STATE: &str = "state";

/// Workers at once.
const WORKERS: usize = 4;
/// Steps of the disturbed part of a run.
const STEPS: u32 = 500;
/// Rounds of the quiet part before it is said that a world does not come to rest.
const ROUNDS: u32 = 60;
/// 2026-11-22T12:00:00Z.
const BEGIN: i64 = 1_795_348_800;

/// How a world differs from others.
pub(crate) struct Setting {
    seed: u64,
    flush: &'static str,
    raw: &'static str,
}

impl Setting {
    pub(crate) fn of(seed: u64) -> Self {
        let flush = if seed % 5 < 3 { "arrival" } else { "hour" };
        let raw = ["delete", "keep", "delete", "tag"][usize::try_from(seed / 5 % 4).unwrap()];
        Self { seed, flush, raw }
    }

    /// Requests of a worker one after the other, in two shards; or several at once, in one. (Two shards at once would each have
    /// a thread at work, whose pace no seed decides.)
    fn one_at_a_time(&self) -> bool {
        self.seed.is_multiple_of(2)
    }
}

/// What has happened in worlds.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Told {
    crashes: u64,
    duplicates: u64,
    foreign_deletions: u64,
    take_overs: u64,
    claimed_by_others: u64,
    given_back: u64,
    gone: u64,
    faults: FaultCounts,
    /// The last requests of the last world.
    timeline: Vec<String>,
}

impl std::ops::AddAssign for Told {
    fn add_assign(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.duplicates += other.duplicates;
        self.foreign_deletions += other.foreign_deletions;
        self.take_overs += other.take_overs;
        self.claimed_by_others += other.claimed_by_others;
        self.given_back += other.given_back;
        self.gone += other.gone;
        self.faults.throttled += other.faults.throttled;
        self.faults.unavailable += other.faults.unavailable;
        self.faults.reply_lost += other.faults.reply_lost;
        self.faults.resent += other.faults.resent;
        self.faults.landed_late += other.faults.landed_late;
        self.faults.cut += other.faults.cut;
        self.faults.requests += other.faults.requests;
    }
}

impl Told {
    pub(crate) fn faults(&self) -> [(&'static str, u64); 13] {
        [
            ("a crash", self.crashes),
            ("a duplicate", self.duplicates),
            ("a foreign deletion", self.foreign_deletions),
            ("a part that another had written", self.take_overs),
            ("another's claim", self.claimed_by_others),
            ("an input given back", self.given_back),
            ("an input that is gone", self.gone),
            ("a throttle", self.faults.throttled),
            ("a lost request", self.faults.unavailable),
            ("a lost reply", self.faults.reply_lost),
            ("a request sent again", self.faults.resent),
            ("a late landing", self.faults.landed_late),
            ("a cut body", self.faults.cut),
        ]
    }
}

struct Running {
    work: JoinHandle<Vec<Outcome>>,
    gate: Gate,
    /// Its messages, by number.
    messages: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Visible,
    Held,
    Gone,
}

pub(crate) struct World {
    setting: Setting,
    sabotage: Sabotage,
    random: fastrand::Rng,
    clock: Arc<AtomicI64>,
    store: FaultyStore<EmbeddedStore>,
    config: Config,
    /// Lines of each log object, by key.
    logs: BTreeMap<ObjectKey, Vec<String>>,
    /// Each names a log object.
    messages: Vec<(ObjectKey, Message)>,
    workers: Vec<Option<Running>>,
    foreign: BTreeSet<ObjectKey>,
    denied: Denied,
    /// Etags of what is published, and the lines of each part.
    published: BTreeMap<String, String>,
    parts: BTreeMap<(String, String), Vec<String>>,
    told: Told,
}

impl World {
    pub(crate) fn new(setting: Setting, sabotage: Sabotage) -> Self {
        let mut random = fastrand::Rng::with_seed(setting.seed);
        let clock = Arc::new(AtomicI64::new(BEGIN));
        let embedded = EmbeddedStore::new().with_seed(setting.seed).with_clock(Arc::new({
            let clock = Arc::clone(&clock);
            move || OffsetDateTime::from_unix_timestamp(clock.load(Ordering::Relaxed)).unwrap()
        }));
        for bucket in [LOGS, TABLES, STATE] {
            embedded.create_bucket(&BucketName::new(bucket), "us-east-1").unwrap();
        }
        let config = Config::read(
            &[
                ("BRIGADE_INPUT", "s3://logs/*"),
                ("BRIGADE_OUTPUT", "s3://tables/access_logs/"),
                ("BRIGADE_STATE", "s3://state/brigade/"),
                ("BRIGADE_FLUSH", setting.flush),
                ("BRIGADE_RAW", setting.raw),
                ("BRIGADE_CONCURRENCY", if setting.one_at_a_time() { "1" } else { "3" }),
            ]
            .into_iter()
            .collect(),
        )
        .unwrap();
        let store = FaultyStore::new(embedded, faults(), random.u64(..));
        let workers = (0..WORKERS).map(|_| None).collect();
        Self {
            setting,
            sabotage,
            random,
            clock,
            store,
            config,
            logs: BTreeMap::new(),
            messages: Vec::new(),
            workers,
            foreign: BTreeSet::new(),
            denied: Denied::default(),
            published: BTreeMap::new(),
            parts: BTreeMap::new(),
            told: Told::default(),
        }
    }

    pub(crate) async fn run(mut self) -> Result<Told, String> {
        let result = self.live().await;
        self.told.faults = self.store.fired();
        let timeline = self.store.timeline();
        let last = timeline.get(timeline.len().saturating_sub(60)..).unwrap_or_default().join("\n  ");
        let Setting { flush, raw, .. } = self.setting;
        self.told.timeline.clone_from(&timeline);
        result.map(|()| self.told).map_err(|problem| format!("{problem}\n  flush {flush}, raw {raw}\n  {last}"))
    }

    async fn live(&mut self) -> Result<(), String> {
        self.write_logs().await;
        for _ in 0..STEPS {
            self.step().await?;
            if self.messages.iter().all(|(_, state)| *state == Message::Gone) {
                break;
            }
        }
        self.store.set_faults(Faults::default());
        self.store.land_late().await;
        self.denied.lock().unwrap().clear();
        self.rest().await?;
        self.close_windows().await?;
        self.whole().await?;
        // Duplicates that come when all is done, and all is forgotten: nothing changes.
        for n in 0..self.messages.len() {
            self.messages[n].1 = Message::Visible;
        }
        self.rest().await?;
        self.close_windows().await?;
        self.whole().await
    }

    /// A few log objects in one or two hours; their lines are of two days.
    async fn write_logs(&mut self) {
        for n in 0..self.random.usize(3..9) {
            let hour = self.random.usize(10..if self.setting.one_at_a_time() { 12 } else { 11 });
            let key = ObjectKey::new(format!("photos/2026-11-22-{hour}-00-{n:02}-{:016X}", self.random.u64(..))).unwrap();
            let lines: Vec<String> = (0..self.random.usize(1..4)).map(|line| format!("R{n}L{line}")).collect();
            let body: String = lines.iter().enumerate().map(|(n, id)| log_line(id, 21 + n % 2)).collect();
            self.store.inner().put(&raw(&key), body.into(), PutOptions::default()).await.unwrap();
            for copy in 0..self.random.usize(1..4) {
                self.told.duplicates += u64::from(copy > 0);
                self.messages.push((key.clone(), Message::Visible));
            }
            self.logs.insert(key, lines);
        }
    }

    /// One step of one worker, or something that disturbs them all; then the table is looked at.
    async fn step(&mut self) -> Result<(), String> {
        self.clock.fetch_add(self.random.i64(0..3), Ordering::Relaxed);
        match self.random.u32(0..100) {
            0..2 => self.delete_foreign().await,
            2..4 => self.deny_or_allow(),
            4..7 => drop(self.clock.fetch_add(200, Ordering::Relaxed)),
            _ => {
                let at = self.random.usize(0..WORKERS);
                if self.workers[at].is_none() {
                    self.begin(at);
                } else {
                    let crash = self.random.u32(0..100) < 4;
                    self.advance(at, crash).await;
                }
            }
        }
        self.check().await
    }

    fn begin(&mut self, at: usize) {
        let scheduled = self.random.u32(0..100) < 20;
        let visible: Vec<usize> = (0..self.messages.len())
            .filter(|n| self.messages[*n].1 == Message::Visible && self.random.bool())
            .take(5)
            .collect();
        if scheduled {
            self.start(at, None);
        } else if !visible.is_empty() {
            self.start(at, Some(visible));
        }
    }

    /// Starts an invocation: with messages, or on the schedule.
    fn start(&mut self, at: usize, messages: Option<Vec<usize>>) {
        let gate = Gate::default();
        let store = Sabotaged::new(self.store.clone().with_pause(gate.pause()), self.sabotage, Arc::clone(&self.denied));
        let nonces = Nonces::new(fastrand::Rng::with_seed(self.random.u64(..)));
        let compact = Compact::new(&self.config, store, nonces, Arc::new(StandardOutput));
        let events: Option<Vec<ObjectEvent>> =
            messages.as_ref().map(|messages| messages.iter().map(|n| created(&self.messages[*n].0)).collect());
        let messages = messages.unwrap_or_default();
        messages.iter().for_each(|n| self.messages[*n].1 = Message::Held);
        let ended = gate.clone();
        let work = tokio::spawn(async move {
            let deadline = Deadline::after(Duration::from_secs(60));
            let outcomes = match events {
                Some(events) => compact.handle_all(&events.iter().collect::<Vec<_>>(), deadline).await,
                None => vec![compact.on_schedule(deadline).await],
            };
            ended.finish();
            outcomes
        });
        self.workers[at] = Some(Running { work, gate, messages });
    }

    async fn advance(&mut self, at: usize, crash: bool) {
        let Some(running) = self.workers[at].take() else { return };
        running.gate.still().await;
        if running.gate.is_finished() {
            let outcomes = running.work.await.unwrap();
            self.settle(&running.messages, &outcomes);
        } else if crash {
            self.told.crashes += 1;
            running.work.abort();
            running.messages.iter().for_each(|n| self.messages[*n].1 = Message::Visible);
        } else {
            running.gate.let_through();
            running.gate.still().await;
            self.workers[at] = Some(running);
        }
    }

    fn settle(&mut self, messages: &[usize], outcomes: &[Outcome]) {
        let done = outcomes.iter().any(|outcome| outcome.verdict == Verdict::Done);
        for (n, outcome) in messages.iter().zip(outcomes) {
            let code = outcome.verdict.reason().map(|reason| reason.code.clone()).unwrap_or_default();
            self.told.claimed_by_others += u64::from(code == "claimed");
            self.told.gone += u64::from(code == "gone");
            // The rest of its batch is published.
            self.told.given_back += u64::from(done && code == "access-denied");
            let ignored = self.sabotage == Sabotage::AcknowledgeOthers && code == "claimed";
            let again = matches!(outcome.verdict, Verdict::Retry(..)) && !ignored;
            self.messages[*n].1 = if again { Message::Visible } else { Message::Gone };
        }
    }

    async fn delete_foreign(&mut self) {
        let Some(key) = self.random.choice(self.logs.keys().cloned().collect::<Vec<_>>()) else { return };
        let at = raw(&key);
        if self.store.inner().get(&at, Get::default()).await.is_ok() {
            self.store.inner().delete(&at, Delete::default()).await.unwrap();
            self.told.foreign_deletions += 1;
            self.foreign.insert(key);
        }
    }

    /// A log object that can't be read for a while, and can again.
    fn deny_or_allow(&mut self) {
        let Some(key) = self.random.choice(self.logs.keys().cloned().collect::<Vec<_>>()) else { return };
        let (at, mut denied) = (raw(&key), self.denied.lock().unwrap());
        if !denied.remove(&at) {
            denied.insert(at);
        }
    }

    /// What holds at every moment.
    async fn check(&mut self) -> Result<(), String> {
        let lines = self.table().await?;
        invariants::at_most_once(&lines)?;
        let deleted = self.deleted().await;
        if self.setting.flush == "arrival" {
            invariants::deleted_after_published(&deleted, |line| lines.contains_key(line))?;
        }
        Ok(())
    }

    /// The table's lines; that nothing published has changed; and how often batches were taken over.
    async fn table(&mut self) -> Result<invariants::Lines, String> {
        let mut now = BTreeMap::new();
        let mut lines = invariants::Lines::new();
        let bucket = BucketName::new(TABLES);
        for entry in self.store.inner().list(&bucket, List::default()).await.unwrap().objects {
            let part = (entry.key.to_string(), entry.etag.clone());
            if !self.parts.contains_key(&part) {
                let got = self.store.inner().get(&Location::new(bucket.clone(), entry.key), Get::default()).await.unwrap();
                let bytes: Vec<Bytes> = got.body.try_collect().await.unwrap();
                self.parts.insert(part.clone(), invariants::lines_of(bytes.concat().into()).unwrap());
            }
            self.parts[&part].iter().for_each(|line| *lines.entry(line.clone()).or_default() += 1);
            now.insert(part.0, part.1);
        }
        invariants::published_stays(&self.published, &now)?;
        self.published = now;
        Ok(lines)
    }

    /// Lines of log objects that the function has deleted.
    async fn deleted(&self) -> Vec<String> {
        let there = self.store.inner().list(&BucketName::new(LOGS), List::default()).await.unwrap();
        let there: BTreeSet<ObjectKey> = there.objects.into_iter().map(|entry| entry.key).collect();
        let gone = self.logs.iter().filter(|(key, _)| !there.contains(*key) && !self.foreign.contains(*key));
        gone.flat_map(|(_, lines)| lines.clone()).collect()
    }

    /// Lets the workers end, and new ones begin, until every message is acknowledged.
    async fn rest(&mut self) -> Result<(), String> {
        for _ in 0..ROUNDS {
            self.run_out().await?;
            self.clock.fetch_add(200, Ordering::Relaxed);
            let visible: Vec<usize> = (0..self.messages.len()).filter(|n| self.messages[*n].1 == Message::Visible).collect();
            if visible.is_empty() {
                return Ok(());
            }
            self.start(0, Some(visible));
        }
        Err("rest: messages come back for ever".to_owned())
    }

    /// Lets every worker end.
    async fn run_out(&mut self) -> Result<(), String> {
        while self.workers.iter().any(Option::is_some) {
            let at = self.random.usize(0..WORKERS);
            self.advance(at, false).await;
            self.check().await?;
        }
        Ok(())
    }

    /// A day later the schedule runs, a few times.
    async fn close_windows(&mut self) -> Result<(), String> {
        self.clock.fetch_add(24 * 3600, Ordering::Relaxed);
        for _ in 0..3 {
            self.note_take_overs().await;
            self.start(0, None);
            self.run_out().await?;
            self.clock.fetch_add(200, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What holds when all is quiet.
    async fn whole(&mut self) -> Result<(), String> {
        let lines = self.table().await?;
        let excused: BTreeSet<&String> = self.foreign.iter().flat_map(|key| &self.logs[key]).collect();
        let truth = self.logs.values().flatten();
        invariants::exactly_once(&lines, truth, |line| excused.iter().any(|excused| *excused == line))?;
        let left = self.store.inner().list(&BucketName::new(LOGS), List::default()).await.unwrap().objects;
        match left.len() {
            n if n > 0 && self.setting.raw == "delete" => Err(format!("rest: {n} log objects are still there")),
            _ => Ok(()),
        }
    }

    async fn note_take_overs(&mut self) {
        let timeline = self.store.timeline();
        // A part that is there already was written by who had the batch before.
        let again = |line: &&String| line.contains("PutObject s3://tables/") && line.contains("PreconditionFailed");
        self.told.take_overs += timeline.iter().filter(again).count() as u64;
    }
}

fn faults() -> Faults {
    Faults { throttle: 0.03, unavailable: 0.03, reply_lost: 0.03, resent: 0.02, late: 0.02, late_within: 60, cut: 0.03 }
}

fn raw(key: &ObjectKey) -> Location {
    Location::new(BucketName::new(LOGS), key.clone())
}

fn created(key: &ObjectKey) -> ObjectEvent {
    ObjectEvent {
        kind: EventKind::new("ObjectCreated:Put"),
        bucket: BucketName::new(LOGS),
        region: None,
        key: key.clone(),
        other_key: None,
        version_id: None,
        etag: None,
        size: Some(500),
        sequencer: None,
        time: None,
    }
}

fn log_line(request_id: &str, day: usize) -> String {
    format!(
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be photos [{day}/Nov/2026:23:59:00 +0000] 192.0.2.3 \
         arn:aws:iam::0:user/u {request_id} REST.GET.OBJECT a.jpg \"GET /photos/a.jpg HTTP/1.1\" 200 - 113 113 7 6 \"-\" \
         \"agent\" - aGlk SigV4 - AuthHeader h - - - -\n"
    )
}
