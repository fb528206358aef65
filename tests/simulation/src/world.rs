//! The scheduler: who makes the next step, and whether a run ended as it must.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use brigade::config::Environment;
use brigade::event::{BucketName, EventKind, ObjectEvent, ObjectKey};
use brigade::storage::embedded::Versioning;
use brigade::storage::faulty::Faults;
use brigade::storage::{Delete, EmbeddedStore, Encryption, FaultyStore, Head, ListVersions, Location, PutOptions};
use brigade::worker::BatchResult;
use brigade_thumbnail::Config;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use super::contents::{contents, expected, of_size};
use super::invocation::{Invocation, Start};
use super::queue::{PARKED_URL, Queues};
use super::report::Report;
use super::sabotage::Sabotage;
use super::scenario::Scenario;
use super::timeline::Timeline;
use super::witness::Witness;
use crate::invariants::{Objects, derived_is_f_of_source, nothing_is_left, read_all, rejected_sources_are_parked};

const SOURCES: &str = "photos";
pub(super) const DERIVED: &str = "derived";
const KMS_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/simulated";
/// Nothing lands later than this after it was sent: S3 refuses older signatures.
const LATEST_LANDING: Duration = Duration::from_secs(890);
/// Steps of an episode; one that needs more does not come to rest.
const MAX_STEPS: u64 = 60_000;
/// How long invocations with the old configuration still begin after a deployment. Were it longer than a late look waits,
/// the old one could take that look, and leave an output that only the new one knows.
const OVERLAP: Duration = Duration::from_secs(300);
/// Steps that an invocation stalls at most.
const MAX_STALL: u64 = 150;

/// Runs a scenario to its end. The same scenario gives the same report.
pub async fn run(scenario: &Scenario, sabotage: Option<Sabotage>) -> Report {
    // Tokio's own fairness would interrupt the scheduler at places that depend on what ran before.
    tokio::task::unconstrained(async { World::new(scenario.clone(), sabotage).run().await }).await
}

struct World {
    scenario: Scenario,
    sabotage: Option<Sabotage>,
    random: fastrand::Rng,
    store: EmbeddedStore,
    faulty: FaultyStore<EmbeddedStore>,
    queues: Arc<Queues>,
    witness: Arc<Witness>,
    timeline: Arc<Timeline>,
    /// The configuration, and the one that is deployed in mid-run.
    configs: [Config; 2],
    invocations: Vec<Invocation>,
    invoked: u64,
    step: u64,
    changes: u32,
    /// The new configuration is deployed; the old one still serves some invocations until it has drained.
    deployed: bool,
    /// From then on no new invocation has the old configuration.
    overlap_ends: Instant,
    drained: bool,
    /// Faults have ceased, until all is at rest.
    quiet: bool,
    /// Changes at whose end the world comes to rest; then it is checked, and the next episode begins.
    episode_ends: u32,
    /// Write that waits to land, by when it must have.
    late: Option<Instant>,
    stop: Option<String>,
}

impl World {
    fn new(scenario: Scenario, sabotage: Option<Sabotage>) -> Self {
        let seed = scenario.seed;
        let timeline = Arc::new(Timeline::new());
        let clock = Arc::clone(&timeline);
        let now = move || OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + clock.now();
        let store = EmbeddedStore::new().with_clock(Arc::new(now)).with_seed(seed);
        for (name, versioned) in [(SOURCES, scenario.versioned), (DERIVED, scenario.derived_versioned)] {
            let bucket = BucketName::new(name);
            store.create_bucket(&bucket, "us-east-1").expect("a bucket is made");
            if versioned {
                store.set_versioning(&bucket, Versioning::Enabled).expect("versioning is set");
            }
        }
        let configs = [config(&scenario, "2,1", "1"), config(&scenario, "3,1", "2")];
        let lose_late_looks = sabotage == Some(Sabotage::NoLateLook);
        let queues = Arc::new(Queues::new(&scenario, lose_late_looks, Arc::clone(&timeline)));
        let sources = BucketName::new(SOURCES);
        let witness = Witness::watch(&store, &sources, &configs[0].template, &queues, &timeline);
        let faulty = FaultyStore::new(store.clone(), scenario.faults, seed);
        Self {
            random: fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9).wrapping_add(1)),
            drained: scenario.deploy_after.is_none(),
            deployed: false,
            overlap_ends: Instant::now(),
            scenario,
            sabotage,
            store,
            faulty,
            queues,
            witness,
            timeline,
            configs,
            invocations: Vec::new(),
            invoked: 0,
            step: 0,
            changes: 0,
            quiet: false,
            episode_ends: 0,
            late: None,
            stop: None,
        }
    }

    async fn run(mut self) -> Report {
        let mut divergences = Vec::new();
        while divergences.is_empty() && self.changes < self.scenario.changes {
            self.begin_episode();
            self.run_episode().await;
            divergences = match self.stop.take() {
                Some(stop) => vec![stop],
                None => self.check().await,
            };
        }
        let timeline = self.timeline.render(&self.faulty.timeline());
        Report { seed: self.scenario.seed, divergences, timeline, fired: self.fired(), changes: self.changes }
    }

    fn begin_episode(&mut self) {
        self.episode_ends = (self.changes + self.random.u32(1..=self.scenario.burst)).min(self.scenario.changes);
        self.timeline.note(format!("changes {} to {}, faults begin", self.changes + 1, self.episode_ends));
        self.quiet = false;
        self.faulty.set_faults(self.scenario.faults);
        self.queues.set_faults(true);
    }

    async fn run_episode(&mut self) {
        let begun = self.step;
        while self.stop.is_none() && self.make_step().await {
            self.step += 1;
            if let Some(violation) = self.witness.violation() {
                self.stop = Some(violation);
            } else if self.step - begun == MAX_STEPS {
                self.stop = Some(format!("no rest after {MAX_STEPS} steps"));
            }
        }
    }

    fn fired(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.faulty.fired();
        let mut fired = self.queues.fired();
        fired.extend([
            ("throttled", counts.throttled),
            ("unavailable", counts.unavailable),
            ("reply lost", counts.reply_lost),
            ("re-sent", counts.resent),
            ("late landing", counts.landed_late),
            ("body cut", counts.cut),
        ]);
        fired
    }

    /// One step. False: nothing is left to do.
    async fn make_step(&mut self) -> bool {
        if self.changes < self.episode_ends {
            if self.random.u32(0..self.scenario.pace) == 0 {
                self.change_a_source();
                self.deploy();
                return true;
            }
        } else if !self.quiet && self.random.u8(0..100) == 0 {
            self.fall_quiet();
        }
        if !self.quiet && self.faulty.waiting() > 0 && self.random.u8(0..60) == 0 {
            self.land_late().await;
        }
        if !self.quiet && self.random.u8(0..25) == 0 {
            let millis = if self.random.u8(0..40) == 0 { 40_000 } else { 300 };
            let time = Duration::from_millis(self.random.u64(1..millis));
            self.pass_time(time).await;
        }
        let free = self.invocations.len() < self.scenario.invocations;
        if free && self.random.u8(0..4) == 0 && self.queues.has_visible() {
            self.invoke().await;
            return true;
        }
        let ready: Vec<usize> = (0..self.invocations.len()).filter(|i| self.is_ready(*i)).collect();
        match self.random.choice(ready) {
            Some(index) => self.let_go(index).await,
            None if !self.invocations.is_empty() => {} // all of them stall
            None if self.queues.has_visible() => self.invoke().await,
            None => return self.wait_for_work().await,
        }
        true
    }

    fn is_ready(&self, index: usize) -> bool {
        self.invocations.get(index).is_some_and(|one| self.quiet || one.stalled_until <= self.step)
    }

    /// One invocation makes one request, stalls, or dies.
    async fn let_go(&mut self, index: usize) {
        let luck = if self.quiet { 1.0 } else { self.random.f64() };
        let Some(one) = self.invocations.get_mut(index) else { return };
        if luck < self.scenario.kill {
            let one = self.invocations.swap_remove(index);
            self.timeline.note(format!("{} is killed", one.name));
            self.queues.fire("crash");
            return;
        }
        // Between what was seen and what is written is where a stall is worst.
        let stall = if one.gate.holds_write() { 4.0 * self.scenario.stall } else { self.scenario.stall };
        if luck < self.scenario.kill + stall {
            one.stalled_until = self.step + self.random.u64(1..MAX_STALL);
            return;
        }
        let waiting = one.gate.waiting();
        if waiting > 0 {
            one.gate.grant(self.random.usize(0..waiting));
        }
        self.continue_at(index).await;
    }

    /// Runs an invocation to its next request, or to its end.
    async fn continue_at(&mut self, index: usize) {
        let Some(one) = self.invocations.get_mut(index) else { return };
        let result = one.run().await;
        if one.is_endless() {
            self.stop = Some(format!("{} makes more requests than {} messages can need", one.name, one.messages.len()));
        }
        if self.faulty.waiting() > 0 && self.late.is_none() {
            self.late = Some(Instant::now() + LATEST_LANDING);
        }
        if let Some(result) = result {
            let one = self.invocations.swap_remove(index);
            self.answer(&one, result);
        }
    }

    /// What the event source mapping does with a reply.
    fn answer(&mut self, one: &Invocation, result: BatchResult) {
        let Ok(failures) = result.failures else { return };
        for message in &one.messages {
            let failed = message.id.as_ref().is_some_and(|id| failures.contains(id));
            if failed {
                continue;
            }
            if !self.quiet && self.random.f64() < self.scenario.lose_acknowledgement {
                self.queues.fire("acknowledgement lost");
                self.timeline.note(format!("message {} stays", message.id.as_deref().unwrap_or_default()));
            } else {
                self.queues.acknowledge(message);
            }
        }
    }

    async fn invoke(&mut self) {
        let number = self.random.usize(1..=self.scenario.batch);
        let messages = self.queues.receive(number);
        if messages.is_empty() {
            return;
        }
        self.invoked += 1;
        let old = !self.deployed || (!self.drained && Instant::now() < self.overlap_ends && self.random.bool());
        let config = if old { &self.configs[0] } else { &self.configs[1] };
        let ids: Vec<String> =
            messages.iter().map(|m| format!("{} (receive {})", m.id.as_deref().unwrap_or_default(), m.receive_count)).collect();
        let number = self.invoked;
        self.timeline.note(format!("#{number} starts with generation {}, messages {}", config.id.generation, ids.join(", ")));
        let start = Start {
            number,
            messages,
            config,
            store: &self.faulty,
            queues: &self.queues,
            timeline: &self.timeline,
            sabotage: self.sabotage,
            seed: self.scenario.seed,
        };
        self.invocations.push(Invocation::begin(start));
        self.continue_at(self.invocations.len() - 1).await;
    }

    /// Nobody has anything to do now. False: nor later.
    async fn wait_for_work(&mut self) -> bool {
        if let Some(next) = self.queues.next_visible() {
            let due = self.late.map_or(next, |late| late.min(next));
            self.pass_time(due.saturating_duration_since(Instant::now())).await;
            return true;
        }
        if self.changes < self.episode_ends {
            return true;
        }
        if !self.quiet {
            self.fall_quiet();
            return true;
        }
        if self.faulty.waiting() > 0 {
            self.land_late().await;
            return true;
        }
        if self.deployed && !self.drained {
            self.drained = true;
            self.backfill();
            return true;
        }
        self.queues.redrive() > 0
    }

    /// The actor pauses; from here on everything works, until all is at rest.
    fn fall_quiet(&mut self) {
        self.timeline.note("faults cease".to_owned());
        self.quiet = true;
        self.faulty.set_faults(Faults::default());
        self.queues.set_faults(false);
        self.drain();
    }

    async fn land_late(&mut self) {
        let landed = self.faulty.land_late().await;
        self.timeline.note(format!("{landed} late writes land"));
        self.late = None;
    }

    /// Time passes, never beyond the moment at which a late write must have landed.
    async fn pass_time(&mut self, time: Duration) {
        sleep(time.max(Duration::from_millis(1))).await;
        let now = Instant::now();
        if self.late.is_some_and(|late| late <= now) {
            self.land_late().await;
        }
        let mut index = 0;
        while let Some(one) = self.invocations.get(index) {
            if one.dies <= now {
                self.timeline.note(format!("{} runs into its timeout", one.name));
                self.queues.fire("timeout");
                drop(self.invocations.swap_remove(index));
                continue;
            }
            if one.is_woken() {
                let before = self.invocations.len();
                self.continue_at(index).await;
                if self.invocations.len() < before {
                    continue;
                }
            }
            index += 1;
        }
    }

    fn deploy(&mut self) {
        if Some(self.changes) == self.scenario.deploy_after {
            self.timeline.note("another configuration is deployed".to_owned());
            self.queues.fire("deployment");
            self.deployed = true;
            self.overlap_ends = Instant::now() + OVERLAP;
        }
    }

    /// From now on no new invocation has the old configuration.
    fn drain(&mut self) {
        if self.deployed && !self.drained && self.invocations.iter().all(|one| one.generation > 1) {
            self.drained = true;
            self.backfill();
        }
    }

    /// What `brigade backfill` does after the old version has drained: announces every live source.
    fn backfill(&self) {
        self.timeline.note("backfill".to_owned());
        for source in self.sources() {
            if self.store.head_object(&source, &Head::default()).is_ok() {
                self.queues.announce(&hint(&source));
            }
        }
    }

    fn sources(&self) -> Vec<Location> {
        let at = |key: &&str| Location::new(BucketName::new(SOURCES), ObjectKey::new(*key).expect("a key"));
        self.scenario.keys.iter().map(at).collect()
    }

    fn change_a_source(&mut self) {
        self.changes += 1;
        let sources = self.sources();
        let source = self.random.choice(&sources).expect("a source");
        self.witness.acting(true);
        match self.random.u8(0..12) {
            0..6 => {
                let index = *self.random.choice(&self.scenario.contents).expect("a content");
                let bytes = contents().get(index).expect("a content").bytes.clone();
                let encryption =
                    if self.scenario.source_kms { Encryption::Kms(KMS_KEY.to_owned()) } else { Encryption::Bucket };
                let options = PutOptions { encryption, ..PutOptions::default() };
                let put = EventKind::new("ObjectCreated:Put");
                self.store.put_object(source, bytes, options, put).expect("a source is put");
            }
            6..9 if self.scenario.versioned => self.remove_newest_version(source),
            _ => drop(self.store.delete_object(source, &Delete::default()).expect("a source is deleted")),
        }
        self.witness.acting(false);
    }

    /// A delete marker goes and the object is back, or a version goes and an older one is current again.
    fn remove_newest_version(&self, source: &Location) {
        let options = ListVersions { prefix: source.key.to_string(), ..ListVersions::default() };
        let versions = self.store.list_object_versions(&source.bucket, &options).expect("versions are listed").versions;
        let Some(newest) = versions.into_iter().find(|v| v.key == source.key && v.is_latest) else { return };
        self.queues.fire(if newest.object.is_none() { "delete marker removed" } else { "version removed" });
        let options = Delete { version_id: Some(newest.version_id), ..Delete::default() };
        self.store.delete_object(source, &options).expect("a version is removed");
    }

    /// What must hold at the end.
    async fn check(&self) -> Vec<String> {
        let config = if self.deployed { &self.configs[1] } else { &self.configs[0] };
        let mut wanted = Objects::new();
        let mut divergences = Vec::new();
        for source in self.sources() {
            let Ok(meta) = self.store.head_object(&source, &Head::default()) else { continue };
            let content = of_size(meta.size).expect("a known content");
            let expected = expected(config, &source, content).await;
            wanted.extend(expected.objects.clone());
            if expected.rejected {
                let parked = self.witness.changed_at(&source).map(|at| self.queues.parked_since(at)).unwrap_or_default();
                let rejected = BTreeSet::from([source]);
                divergences.extend(rejected_sources_are_parked(&rejected, parked.iter().map(String::as_str)));
            }
        }
        let found = read_all(&self.store, &BucketName::new(DERIVED), "").await.expect("an embedded store is read");
        divergences.extend(derived_is_f_of_source(&wanted, &found));
        let (waiting, dead) = self.queues.left();
        divergences.extend(nothing_is_left(waiting, dead));
        divergences
    }
}

fn hint(source: &Location) -> ObjectEvent {
    ObjectEvent {
        kind: EventKind::new("ObjectCreated:Put"),
        bucket: source.bucket.clone(),
        region: None,
        key: source.key.clone(),
        other_key: None,
        version_id: None,
        etag: None,
        size: None,
        sequencer: None,
        time: None,
    }
}

fn config(scenario: &Scenario, sizes: &str, generation: &str) -> Config {
    let version = if scenario.versioned_names { "-{version}" } else { "" };
    let output = format!("s3://{DERIVED}/thumbnails/{{bucket}}/{{key}}/{{size}}{version}.{{ext}}");
    let input = format!("s3://{SOURCES}/uploads/*");
    let environment: Environment = [
        ("BRIGADE_INPUT", input.as_str()),
        ("BRIGADE_OUTPUT", output.as_str()),
        ("BRIGADE_SIZES", sizes),
        ("BRIGADE_GENERATION", generation),
        ("BRIGADE_PARKED", PARKED_URL),
        // One record at a time: with two, it would depend on this machine whose rendering ends first.
        ("BRIGADE_CONCURRENCY", "1"),
        ("BRIGADE_LOG", "all"),
        ("BRIGADE_ENCRYPTION", if scenario.derived_kms { KMS_KEY } else { "bucket" }),
    ]
    .into_iter()
    .collect();
    Config::read(&environment).expect("the configuration is right")
}
