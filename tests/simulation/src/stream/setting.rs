//! How dedupe is configured in a run, and what its stream and its target are like.

/// Drawn from the seed, by a sequence of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The target is FIFO.
    pub fifo: bool,
    /// The target is a topic.
    pub topic: bool,
    /// `BRIGADE_SHARDS`.
    pub shards: &'static str,
    /// Messages of one invocation at most.
    pub batch: usize,
    /// Its subscription lets cleanup's announcements through. They can't be ordered, so that whatever state is the present
    /// one may be forwarded again: only what holds all the same is asked.
    pub hears_announcements: bool,
    /// How likely each kind of failure of a request to the target is, and of each of its entries.
    pub target_fails: f64,
    /// Some changes can never be sent: the target refuses them for good.
    pub some_are_refused: bool,
    /// How likely, at each step, an old event comes again.
    pub again: f64,
    /// How likely, at each step, minutes pass in which nothing works.
    pub outage: f64,
    /// How likely, at each step, a shard is said to lose too much to contention.
    pub strain: f64,
    /// How likely, at each step, so many other keys change that the head forgets what it held.
    pub crowd: f64,
    /// The clocks of S3's servers differ by so many seconds at most.
    pub skew: i64,
}

/// A head of two thousand marks takes its time to read: one run in so many has them.
const CROWDED: u8 = 24;

impl Stream {
    /// That of a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x00de_d09e);
        let mut sometimes = |most: f64| if random.u8(0..3) == 0 { 0.0 } else { random.f64() * most };
        let (target_fails, again) = (sometimes(0.06), sometimes(0.05));
        let (outage, strain) = (sometimes(0.01), sometimes(0.01));
        let crowded = random.u8(0..CROWDED) == 0;
        Self {
            fifo: random.bool(),
            topic: random.u8(0..3) == 0,
            shards: random.choice(["1", "2", "4", "8"]).unwrap_or("1"),
            batch: random.usize(1..=12),
            hears_announcements: random.u8(0..6) == 0,
            target_fails,
            some_are_refused: random.u8(0..6) == 0,
            again,
            outage,
            strain,
            crowd: if crowded { 0.01 } else { 0.0 },
            skew: random.i64(0..=1),
        }
    }

    /// The same without any fault.
    pub(crate) fn without_faults(self) -> Self {
        Self { target_fails: 0.0, again: 0.0, outage: 0.0, skew: 0, ..self }
    }
}
