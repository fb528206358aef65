//! compact's part of the world: log objects that are delivered and disturbed, and a reader who looks at the table whenever
//! it changes.

mod access_logs;
mod reader;
mod setting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::functions::CompactDeployed;
use crate::part::{Ground, Part};
use crate::places::{LOGS, STATE, TABLES};
use crate::queue::Queues;

use access_logs::AccessLogs;
pub(crate) use access_logs::Denied;
use reader::Reader;
pub use setting::Compaction;

/// Rounds of the schedule after which it is said that something does not come to rest.
const MOST_ROUNDS: u32 = 8;
/// Steps between two disturbances, on average; and where compact is alone, so that all steps are its own.
const DISTURBANCE: u16 = 200;
const DISTURBANCE_ALONE: u16 = 25;
/// A disturbance comes once in so many waits that are long.
const DISTURBANCE_OF_A_WAIT: u16 = 2;
const LONG: Duration = Duration::from_secs(60);
/// How often the schedule comes round.
const ROUND: Duration = Duration::from_secs(15 * 60);

pub(crate) struct Compacted {
    setting: Compaction,
    logs: Arc<AccessLogs>,
    reader: Arc<Reader>,
    queues: Arc<Queues>,
    /// Of the schedule, since all else is at rest.
    rounds: u32,
    begun: Instant,
    /// When the last step was.
    seen: Instant,
    /// Of the disturbances.
    random: fastrand::Rng,
    faults: bool,
    /// Steps between two of them, on average.
    disturbance: u16,
    disturbed: BTreeMap<&'static str, u64>,
}

impl Compacted {
    /// Logs, the table, the state, and compact.
    pub(crate) fn lay(ground: &mut Ground) -> Self {
        let setting = ground.scenario.compaction.clone();
        [LOGS, TABLES, STATE].iter().for_each(|name| drop(ground.bucket(name, false)));
        let logs = AccessLogs::watch(&setting, &ground.store, &ground.topic, &ground.timeline);
        let reader = Reader::watch(&setting, &ground.store, &logs);
        let queues = ground.deploy(Arc::new(CompactDeployed::new(&setting, logs.denied(), ground.sabotage)));
        let random = fastrand::Rng::with_seed(ground.scenario.seed ^ 0xd157);
        let begun = Instant::now();
        let disturbance = if ground.scenario.alone { DISTURBANCE_ALONE } else { DISTURBANCE };
        Self {
            setting,
            logs,
            reader,
            queues,
            rounds: 0,
            begun,
            seen: begun,
            random,
            faults: false,
            disturbance,
            disturbed: BTreeMap::new(),
        }
    }
}

#[async_trait(?Send)]
impl Part for Compacted {
    fn change(&mut self, random: &mut fastrand::Rng) -> Option<&'static str> {
        if random.u8(0..3) == 0 { None } else { self.logs.deliver(random) }
    }

    async fn step(&mut self) {
        // A batch whose owner died waits for its lease: much may happen meanwhile.
        let waited = self.seen.elapsed() > LONG;
        self.seen = Instant::now();
        let disturbance = if waited { DISTURBANCE_OF_A_WAIT } else { self.disturbance };
        if self.faults
            && self.random.u16(0..disturbance) == 0
            && let Some(what) = self.logs.disturb(&mut self.random)
        {
            *self.disturbed.entry(what).or_default() += 1;
        }
    }

    fn set_faults(&mut self, faults: bool) {
        self.faults = faults;
        self.rounds = 0;
        if !faults {
            self.logs.allow_all();
        }
    }

    fn next_round(&mut self) -> Option<Duration> {
        let waits = self.reader.is_anything_collected();
        if self.rounds == MOST_ROUNDS || (self.rounds > 0 && !waits) {
            return None;
        }
        self.rounds += 1;
        Some(if waits { self.setting.window() } else { ROUND })
    }

    fn violation(&self) -> Option<String> {
        self.reader.violation()
    }

    async fn check(&self) -> Vec<String> {
        let parked = self.queues.parked_since(self.begun).into_iter().map(|body| format!("nothing-is-parked: {body}"));
        self.reader.check().into_iter().chain(parked).collect()
    }

    fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.reader.fired().into_iter().chain(self.disturbed.clone()).collect()
    }
}
