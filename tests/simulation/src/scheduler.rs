//! Who makes the next step: drawn from the seed, one request of one invocation at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::invocation::{Invocation, Reply, Start, Work};
use super::world::World;

/// Nothing lands later than this after it was sent: S3 refuses older signatures.
const LATEST_LANDING: Duration = Duration::from_secs(890);
/// Invocations on the schedule at once: one that runs late, and the next.
const SCHEDULED_AT_ONCE: usize = 2;
/// Steps that an invocation stalls at most.
const MAX_STALL: u64 = 150;

impl World {
    /// One step. False: nothing is left to do.
    pub(super) async fn make_step(&mut self) -> bool {
        // An invocation may have paused in its last step.
        if Instant::now() > self.caught_up {
            self.catch_up().await;
        }
        if self.changes < self.episode_ends {
            if self.random.u32(0..self.scenario.pace) == 0 {
                self.change();
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
        if !self.quiet
            && let Some(function) = self.scheduled()
            && self.random.u8(0..40) == 0
        {
            self.invoke_on_schedule(function).await;
            return true;
        }
        if self.random.u8(0..4) == 0
            && let Some(function) = self.random.choice(self.callable())
        {
            self.invoke(function).await;
            return true;
        }
        let ready: Vec<usize> = (0..self.invocations.len()).filter(|i| self.is_ready(*i)).collect();
        match self.random.choice(ready) {
            Some(index) => self.let_go(index).await,
            None if !self.invocations.is_empty() => {} // all of them stall
            None => match self.random.choice(self.callable()) {
                Some(function) => self.invoke(function).await,
                None => return self.wait_for_work().await,
            },
        }
        true
    }

    /// The functions that have messages waiting, and may begin one more invocation.
    fn callable(&self) -> Vec<usize> {
        let functions = self.functions.iter().enumerate();
        let callable = functions.filter(|(index, one)| self.may_begin(*index) && one.queues.has_visible());
        callable.map(|(index, _)| index).collect()
    }

    /// The function that the schedule invokes, where that may begin: beside what the queue's mapping does.
    fn scheduled(&self) -> Option<usize> {
        let index = self.functions.iter().position(|one| one.deployment.is_scheduled())?;
        let running = self.invocations.iter().filter(|one| matches!(one.work, Work::Schedule)).count();
        (running < SCHEDULED_AT_ONCE).then_some(index)
    }

    fn may_begin(&self, function: usize) -> bool {
        let is_its = |one: &&Invocation| one.function == function && matches!(one.work, Work::Messages(_));
        self.invocations.iter().filter(is_its).count() < self.scenario.invocations
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
            self.fire("crash");
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
            self.stop = Some(format!("{} makes more requests than its work can need", one.name));
        }
        if self.faulty.waiting() > 0 && self.late.is_none() {
            self.late = Some(Instant::now() + LATEST_LANDING);
        }
        if let Some(reply) = result {
            let one = self.invocations.swap_remove(index);
            self.answer(&one, reply);
        }
    }

    /// What the event source mapping does with a reply.
    fn answer(&mut self, one: &Invocation, reply: Reply) {
        let (Work::Messages(messages), Reply::Messages(result)) = (&one.work, reply) else { return };
        let Ok(failures) = result.failures else { return };
        let Some(queues) = self.functions.get(one.function).map(|function| Arc::clone(&function.queues)) else { return };
        for message in messages {
            let failed = message.id.as_ref().is_some_and(|id| failures.contains(id));
            if failed {
                continue;
            }
            if !self.quiet && self.random.f64() < self.scenario.lose_acknowledgement {
                self.fire("acknowledgement lost");
                self.timeline.note(format!("{} message {} stays", one.name, message.id.as_deref().unwrap_or_default()));
            } else {
                queues.acknowledge(message);
            }
        }
    }

    async fn invoke(&mut self, index: usize) {
        let Some(most) = self.functions.get(index).map(|one| one.deployment.batch(self.scenario.batch)) else { return };
        let number = self.random.usize(1..=most);
        let generation = self.generation();
        let Some(function) = self.functions.get(index) else { return };
        let messages = function.queues.receive(number);
        if messages.is_empty() {
            return;
        }
        self.begin(index, generation, Work::Messages(messages)).await;
    }

    async fn invoke_on_schedule(&mut self, index: usize) {
        let generation = self.generation();
        self.begin(index, generation, Work::Schedule).await;
    }

    /// Of the next invocation's configuration.
    fn generation(&mut self) -> u32 {
        let old = !self.deployed || (!self.drained && Instant::now() < self.overlap_ends && self.random.bool());
        if old { 1 } else { 2 }
    }

    async fn begin(&mut self, index: usize, generation: u32, work: Work) {
        let Some(function) = self.functions.get(index) else { return };
        self.invoked += 1;
        let number = self.invoked;
        let with = if function.deployment.has_generations() { format!("generation {generation}, ") } else { String::new() };
        self.timeline.note(format!("{} #{number} starts with {with}{}", function.name(), work.describe()));
        let start = Start {
            number,
            function: (index, function),
            generation,
            work,
            store: &self.faulty,
            topic: &self.topic,
            timeline: &self.timeline,
            seed: self.scenario.seed,
        };
        self.invocations.push(Invocation::begin(start));
        self.continue_at(self.invocations.len() - 1).await;
    }

    /// Nobody has anything to do now. False: nor later.
    async fn wait_for_work(&mut self) -> bool {
        let visible = self.functions.iter().filter_map(|one| one.queues.next_visible());
        if let Some(next) = visible.chain(self.parts.iter().filter_map(|part| part.due())).min() {
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
            self.end_overlap();
            return true;
        }
        if self.functions.iter().map(|one| one.queues.redrive()).sum::<usize>() > 0 {
            return true;
        }
        let round = self.parts.iter_mut().find_map(|part| part.next_round());
        let (Some(time), Some(function)) = (round, self.scheduled()) else { return false };
        self.pass_time(time).await;
        self.invoke_on_schedule(function).await;
        true
    }

    /// The actor pauses; from here on everything works, until all is at rest.
    fn fall_quiet(&mut self) {
        self.timeline.note("faults cease".to_owned());
        self.set_faults(false);
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
        self.catch_up().await;
    }

    /// What the time that has passed brings: late writes land, timeouts strike, pauses end.
    async fn catch_up(&mut self) {
        let now = Instant::now();
        self.caught_up = now;
        if self.late.is_some_and(|late| late <= now) {
            self.land_late().await;
        }
        let mut index = 0;
        while let Some(one) = self.invocations.get(index) {
            if one.dies <= now {
                self.timeline.note(format!("{} runs into its timeout", one.name));
                self.fire("timeout");
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
}
