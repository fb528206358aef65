//! What a run is like, drawn from its seed. Each seed has its own mixture: some faults often, some never.

use brigade::storage::faulty::Faults;

use super::compaction::Compaction;
use super::stream::Stream;

/// The functions that are deployed together; each company has those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Company {
    /// thumbnail alone, which takes every event.
    Thumbnail,
    /// And cleanup.
    Cleanup,
    /// And dedupe.
    Dedupe,
    /// And compact, with access logs of what they all do.
    Compact,
}

/// The parameters of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Everything is drawn from it.
    pub seed: u64,
    /// Which functions there are.
    pub company: Company,
    /// Only the last function of the company is there, and what concerns it.
    pub alone: bool,
    /// Keys whose sources change.
    pub keys: Vec<&'static str>,
    /// Contents in use, by index.
    pub contents: Vec<usize>,
    /// Changes of sources.
    pub changes: u32,
    /// Faults that the run has at least; where the mixture is too mild, it goes on with a harsher one.
    pub least_faults: u64,
    /// Changes at most between two rests, at each of which the world is checked.
    pub burst: u32,
    /// The source bucket keeps versions, and delete markers come and go.
    pub versioned: bool,
    /// The derived bucket keeps versions.
    pub derived_versioned: bool,
    /// Sources are encrypted with KMS: the same bytes have another etag each time.
    pub source_kms: bool,
    /// Derived objects are.
    pub derived_kms: bool,
    /// Outputs have versioned names.
    pub versioned_names: bool,
    /// Its queue is subscribed to removals too.
    pub thumbnail_takes_removals: bool,
    /// cleanup withdraws what has no source, and doesn't remove it.
    pub withdraws: bool,
    /// cleanup removes older versions too.
    pub clears_noncurrent: bool,
    /// After this many changes another configuration is deployed.
    pub deploy_after: Option<u32>,
    /// dedupe's part.
    pub stream: Stream,
    /// How compact is configured, and how its log objects come.
    pub compaction: Compaction,
    /// Invocations at a time.
    pub invocations: usize,
    /// Messages of one invocation at most.
    pub batch: usize,
    /// Of requests to the store.
    pub faults: Faults,
    /// How likely an invocation is killed at a request.
    pub kill: f64,
    /// How likely it stalls there, while others go on; before a write four times as likely.
    pub stall: f64,
    /// How likely an acknowledgement is lost.
    pub lose_acknowledgement: f64,
    /// How likely an event comes twice.
    pub duplicate: f64,
    /// Events come at most this late.
    pub delay_ms: u64,
    /// How likely a request to a queue is refused, and how likely its reply is lost.
    pub queue_fails: f64,
    /// Steps per change of a source, on average.
    pub pace: u32,
}

impl Scenario {
    /// The mixture of a seed, all faults possible.
    pub fn of_seed(seed: u64, company: Company) -> Self {
        Self::thumbnail(seed).joined_by_cleanup(company)
    }

    /// compact by itself: four invocations of it at a time, and nothing else between their requests. In such a world a guard
    /// that is missing shows after few seeds.
    pub fn of_compact_alone(seed: u64) -> Self {
        let whole = Self::of_seed(seed, Company::Compact);
        let (kill, stall) = (whole.kill.max(0.01), whole.stall.max(0.05));
        let deploy_after = whole.deploy_after.or(Some(whole.changes / 2));
        Self { alone: true, invocations: 4, kill, stall, deploy_after, ..whole }
    }

    /// cleanup's part, drawn from a sequence of its own.
    fn joined_by_cleanup(self, company: Company) -> Self {
        if company < Company::Cleanup {
            return self;
        }
        let mut random = fastrand::Rng::with_seed(self.seed ^ 0xc1ea);
        let withdraws = random.u8(0..3) == 0;
        Self {
            company,
            // What thumbnail is told of, it removes itself.
            thumbnail_takes_removals: random.u8(0..3) == 0,
            withdraws,
            // What is taken back is as an earlier configuration made it, and cleanup can't tell (its README says so).
            deploy_after: self.deploy_after.filter(|_| !withdraws),
            clears_noncurrent: !withdraws && self.derived_versioned && random.bool(),
            ..self
        }
    }

    fn thumbnail(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let random = &mut random;
        let contents = match random.u8(0..10) {
            0..1 => vec![0],
            1..3 => vec![0, 1],
            3..5 => vec![0, 1, 2],
            5..6 => vec![0, 4],
            6..7 => vec![0, 1, 3],
            _ => vec![0, 1, 2, 3, 4],
        };
        let keys = vec!["uploads/a.bmp", "uploads/b+ü c.png", "uploads/b+ü c.png/d"];
        let keys = keys.into_iter().take(random.usize(1..=3)).collect();
        let faults = Faults {
            throttle: sometimes(random, 0.04),
            unavailable: sometimes(random, 0.04),
            reply_lost: sometimes(random, 0.08),
            resent: sometimes(random, 0.08),
            late: sometimes(random, 0.08),
            late_within: 0,
            cut: sometimes(random, 0.04),
        };
        Self {
            seed,
            company: Company::Thumbnail,
            alone: false,
            keys,
            contents,
            changes: random.u32(20..=26),
            least_faults: 5,
            burst: *random.choice(&[2, 4, 8, 26]).unwrap_or(&4),
            versioned: random.bool(),
            derived_versioned: random.u8(0..4) == 0,
            source_kms: random.u8(0..5) == 0,
            derived_kms: random.u8(0..5) == 0,
            versioned_names: random.u8(0..5) == 0,
            thumbnail_takes_removals: true,
            withdraws: false,
            clears_noncurrent: false,
            deploy_after: (random.u8(0..3) == 0).then(|| random.u32(3..20)),
            stream: Stream::of_seed(seed),
            compaction: Compaction::of_seed(seed),
            invocations: random.usize(2..=3),
            batch: random.usize(1..=3),
            faults,
            kill: sometimes(random, 0.02),
            stall: sometimes(random, 0.10),
            lose_acknowledgement: sometimes(random, 0.10),
            duplicate: sometimes(random, 0.30),
            delay_ms: if random.bool() { 0 } else { random.u64(0..30_000) },
            queue_fails: sometimes(random, 0.05),
            pace: random.u32(4..40),
        }
    }

    /// The same world without any fault.
    pub fn without_faults(self) -> Self {
        Self {
            least_faults: 0,
            faults: Faults::default(),
            kill: 0.0,
            stall: 0.0,
            lose_acknowledgement: 0.0,
            duplicate: 0.0,
            queue_fails: 0.0,
            stream: self.stream.without_faults(),
            ..self
        }
    }

    /// Only crashes and duplicates.
    pub fn with_crashes_and_duplicates_only(self) -> Self {
        Self { kill: 0.02, duplicate: 0.3, ..self.without_faults() }
    }

    /// A few changes more, in harsher weather.
    pub(super) fn harsher(self) -> Self {
        let faults =
            Faults { throttle: self.faults.throttle.max(0.03), unavailable: self.faults.unavailable.max(0.03), ..self.faults };
        Self { changes: self.changes + 4, faults, kill: self.kill.max(0.02), ..self }
    }
}

/// Up to `most`, and in one of three runs never.
fn sometimes(random: &mut fastrand::Rng, most: f64) -> f64 {
    if random.u8(0..3) == 0 { 0.0 } else { random.f64() * most }
}
