//! S3's server access logs of the world: what has changed becomes lines, and lines become log objects, late and in no order.
//! And who disturbs that: somebody deletes log objects, a policy denies some for a while, old events come once more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade::event::{BucketName, EventKind, ObjectKey};
use brigade::storage::embedded::Change;
use brigade::storage::{Delete, EmbeddedStore, Head, Location, PutOptions};
use time::{Duration, OffsetDateTime};

use super::Compaction;
use crate::places::{DERIVED, LOGS, SOURCES};
use crate::timeline::Timeline;
use crate::topic::{Topic, hint};

/// Lines of one source that wait; S3 delivers at best effort, and so the oldest are never delivered.
const MOST_WAITING: usize = 8;
/// Lines of a log object at most.
const MOST_LINES: usize = 4;

/// Log objects that nobody may read at the moment: a policy that is being mended.
pub(crate) type Denied = Arc<Mutex<BTreeSet<Location>>>;

/// What happened to an object of a source.
struct Request {
    operation: String,
    key: ObjectKey,
    at: OffsetDateTime,
}

/// A log object, and what it tells.
struct Delivered {
    /// Its records by their request ids, and its other lines as they are.
    lines: Vec<String>,
    /// Somebody else has deleted it.
    taken: bool,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<&'static str, VecDeque<Request>>,
    /// Log objects in batches that are being published, by the ledger's documents.
    open: BTreeMap<Location, BTreeSet<Location>>,
    delivered: BTreeMap<Location, Delivered>,
    number: u32,
}

/// The log objects of a run.
pub(crate) struct AccessLogs {
    setting: Compaction,
    store: EmbeddedStore,
    topic: Arc<Topic>,
    timeline: Arc<Timeline>,
    denied: Denied,
    state: Mutex<State>,
}

impl AccessLogs {
    /// Begins to log what changes.
    pub(crate) fn watch(
        setting: &Compaction,
        store: &EmbeddedStore,
        topic: &Arc<Topic>,
        timeline: &Arc<Timeline>,
    ) -> Arc<Self> {
        let logs = Arc::new(Self {
            setting: setting.clone(),
            store: store.clone(),
            topic: Arc::clone(topic),
            timeline: Arc::clone(timeline),
            denied: Denied::default(),
            state: Mutex::default(),
        });
        // The store must not hold who holds the store, or neither would ever end.
        let watching = Arc::downgrade(&logs);
        store.subscribe(Arc::new(move |change| {
            if let Some(watching) = watching.upgrade() {
                watching.see(change);
            }
        }));
        logs
    }

    pub(crate) fn denied(&self) -> Denied {
        Arc::clone(&self.denied)
    }

    /// Whatever was denied is allowed again.
    pub(crate) fn allow_all(&self) {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lines of a log object; `None` where it was never delivered.
    pub(crate) fn lines(&self, at: &Location) -> Option<Vec<String>> {
        self.lock().delivered.get(at).map(|delivered| delivered.lines.clone())
    }

    /// Somebody else has deleted the log object.
    pub(crate) fn is_taken(&self, at: &Location) -> bool {
        self.lock().delivered.get(at).is_some_and(|delivered| delivered.taken)
    }

    /// All lines, each with whether its log object was deleted by somebody else.
    pub(crate) fn truth(&self) -> BTreeMap<String, bool> {
        let state = self.lock();
        let lines = |one: &Delivered| one.lines.iter().map(|line| (line.clone(), one.taken)).collect::<Vec<_>>();
        state.delivered.values().flat_map(lines).collect()
    }

    /// A document of the ledger has these log objects in open batches.
    pub(crate) fn are_open(&self, document: &Location, logs: BTreeSet<Location>) {
        self.lock().open.insert(document.clone(), logs);
    }

    /// One of the disturbances. Answers which.
    pub(crate) fn disturb(&self, random: &mut fastrand::Rng) -> Option<&'static str> {
        match random.u8(0..5) {
            0..2 => self.delete_one(random),
            2 => self.deny_or_allow(random),
            _ => self.tell_again(random),
        }
    }

    /// A log object is delivered.
    pub(crate) fn deliver(&self, random: &mut fastrand::Rng) -> Option<&'static str> {
        let source = if self.setting.one_shard || random.bool() { SOURCES } else { DERIVED };
        let (at, day) = self.name(source, random)?;
        let mut lines = Vec::new();
        let mut body = String::new();
        for _ in 0..random.usize(0..=MOST_LINES) {
            self.write_line(source, day, random, &mut body, &mut lines);
        }
        self.timeline.note(format!("log object {} tells of {}", at.key, lines.join(", ")));
        self.lock().delivered.insert(at.clone(), Delivered { lines, taken: false });
        let kind = EventKind::new("ObjectCreated:Put");
        self.store.put_object(&at, body.into(), PutOptions::default(), kind).expect("a log object is put");
        Some("log object delivered")
    }

    /// Where the next log object of a source goes. S3 names it when it delivers it; its events come later, some much later,
    /// so that the hour may have closed. Where a log object holds one day's events, that day is answered too.
    fn name(&self, source: &str, random: &mut fastrand::Rng) -> Option<(Location, Option<OffsetDateTime>)> {
        let unique = format!("{:016X}", random.u64(..));
        let now = self.store.date()?;
        let (date, hour, seconds) = ("[year]-[month]-[day]", "[hour]", "[minute]-[second]");
        let text = |at: OffsetDateTime, form: &str| {
            time::format_description::parse_borrowed::<2>(form).ok().and_then(|form| at.format(&form).ok())
        };
        let (key, day) = if self.setting.one_shard {
            // The hour before the run began.
            (format!("{source}/2027-01-15-07-{}-{unique}", text(now, seconds)?), None)
        } else if source == SOURCES {
            let before = [Duration::ZERO, Duration::ZERO, Duration::HOUR, Duration::DAY];
            let at = now - *random.choice(&before)?;
            (format!("{source}/{}-{unique}", text(at, &format!("{date}-{hour}-{seconds}"))?), None)
        } else {
            let at = now - *random.choice(&[Duration::ZERO, Duration::DAY])?;
            let folder = text(at, "[year]/[month]/[day]")?;
            let day = text(at, date)?;
            (format!("{source}/000000000000/us-east-1/{source}/{folder}/{day}-00-00-00-{unique}"), Some(at))
        };
        Some((Location::new(BucketName::new(LOGS), ObjectKey::new(key).ok()?), day))
    }

    /// A record, a line that is none, or a blank one.
    fn write_line(
        &self,
        source: &'static str,
        day: Option<OffsetDateTime>,
        random: &mut fastrand::Rng,
        body: &mut String,
        lines: &mut Vec<String>,
    ) {
        let mut state = self.lock();
        state.number += 1;
        let number = state.number;
        match random.u8(0..8) {
            0 => body.push('\n'),
            1 => {
                let line = format!("no record {number}");
                let _ = writeln!(body, "{line}");
                lines.push(line);
            }
            luck => {
                let waiting = state.waiting.get_mut(source).and_then(VecDeque::pop_front);
                let request = waiting.or_else(|| self.read_of(source)).expect("a request");
                // Some lines are late by a day.
                let late = if luck < 4 { Duration::DAY } else { Duration::ZERO };
                let at = day.map_or(request.at - late, |day| request.at.replace_date(day.date()));
                let _ = writeln!(body, "{}", record(number, source, &request, at));
                lines.push(format!("R{number}"));
            }
        }
    }

    /// Most of what a log tells changes nothing.
    fn read_of(&self, source: &str) -> Option<Request> {
        let key = ObjectKey::new(format!("{source}.html")).ok()?;
        Some(Request { operation: "REST.GET.OBJECT".to_owned(), key, at: self.store.date()? })
    }

    /// One that there is, of those that are being published where there are any: there a disturbance is worst.
    fn choose(&self, random: &mut fastrand::Rng) -> Option<Location> {
        let state = self.lock();
        let exists = |at: &&Location| self.store.head_object(at, &Head::default()).is_ok();
        let open: Vec<&Location> = state.open.values().flatten().filter(exists).collect();
        let from = if open.is_empty() { state.delivered.keys().filter(exists).collect() } else { open };
        random.choice(from).cloned()
    }

    fn delete_one(&self, random: &mut fastrand::Rng) -> Option<&'static str> {
        let at = self.choose(random)?;
        // What is gone before anybody has looked at it shows little.
        let is_open = self.lock().open.values().any(|open| open.contains(&at));
        if !is_open && random.u8(0..6) > 0 {
            return None;
        }
        self.timeline.note(format!("somebody deletes log object {}", at.key));
        if let Some(delivered) = self.lock().delivered.get_mut(&at) {
            delivered.taken = true;
        }
        self.store.delete_object(&at, &Delete::default()).expect("a log object is deleted");
        Some("log object deleted by somebody")
    }

    fn deny_or_allow(&self, random: &mut fastrand::Rng) -> Option<&'static str> {
        let at = self.choose(random)?;
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.remove(&at) {
            self.timeline.note(format!("log object {} may be read", at.key));
            return None;
        }
        self.timeline.note(format!("log object {} may not be read", at.key));
        denied.insert(at);
        Some("log object denied")
    }

    /// An event that was delivered long ago comes once more, or somebody runs a backfill.
    fn tell_again(&self, random: &mut fastrand::Rng) -> Option<&'static str> {
        let at = random.choice(self.lock().delivered.keys().cloned().collect::<Vec<_>>())?;
        self.timeline.note(format!("log object {} is announced again", at.key));
        self.topic.announce(&hint(&at));
        Some("log object announced again")
    }

    fn see(&self, change: &Change) {
        if change.bucket.as_str() == LOGS {
            self.topic.announce(&change.event());
            return;
        }
        let source = [SOURCES, DERIVED].into_iter().find(|source| change.bucket.as_str() == *source);
        if let Some(source) = source {
            let verb = if change.kind.is_created() { "PUT" } else { "DELETE" };
            let request = Request { operation: format!("REST.{verb}.OBJECT"), key: change.key.clone(), at: change.time };
            let mut state = self.lock();
            let waiting = state.waiting.entry(source).or_default();
            waiting.push_back(request);
            if waiting.len() > MOST_WAITING {
                waiting.pop_front();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record(number: u32, bucket: &str, request: &Request, at: OffsetDateTime) -> String {
    let month = at.month().to_string();
    let (month, (hour, minute, second)) = (month.get(..3).unwrap_or_default(), at.to_hms());
    let time = format!("{:02}/{month}/{}:{hour:02}:{minute:02}:{second:02} +0000", at.day(), at.year());
    let Request { operation, key, .. } = request;
    let key = key.to_form_encoded();
    format!(
        "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be {bucket} [{time}] 192.0.2.3 \
         arn:aws:iam::000000000000:user/u R{number} {operation} {key} \"GET /{key} HTTP/1.1\" 200 - 113 113 7 6 \"-\" \
         \"agent\" - aGlk SigV4 - AuthHeader h TLSv1.2 - - us-east-1"
    )
}
