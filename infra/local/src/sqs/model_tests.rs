//! Random walks against a model that keeps each message's fate in the plainest way.
//!
//! The model says for each message when it is visible; the queue must agree after every step. Standard queues hand out
//! exactly what is visible. FIFO queues hand out the first messages of a group, and only while none of it is in flight.
//! No message is lost: what was sent is there, deleted, or in the dead-letter queue.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use time::OffsetDateTime;

use super::{Depth, Outgoing, Queues, Received, Settings};
use crate::clock::Clock;

const VISIBILITY: u64 = 30;
const MAX_RECEIVES: u32 = 4;

#[derive(Debug)]
struct Fate {
    group: String,
    visible_at: OffsetDateTime,
    receives: u32,
    handle: Option<String>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Steps {
    received: usize,
    timed_out: usize,
    deleted: usize,
    dead: usize,
}

struct Walk {
    rng: Rng,
    fifo: bool,
    queues: Queues,
    queue: &'static str,
    dead: &'static str,
    /// By number: message bodies are numbers, in the order of sending.
    live: BTreeMap<u32, Fate>,
    sent: u32,
    steps: Steps,
}

impl Walk {
    fn new(seed: u64, fifo: bool) -> Self {
        let queues = Queues::new(Clock::real(), Settings { seed: Some(seed), ..Settings::default() });
        let (queue, dead) = if fifo { ("q.fifo", "dead.fifo") } else { ("q", "dead") };
        let dead_arn = queues.create(dead, &BTreeMap::new()).unwrap();
        let policy = format!(r#"{{"deadLetterTargetArn":"{dead_arn}","maxReceiveCount":{MAX_RECEIVES}}}"#);
        let mut attributes = BTreeMap::from([("RedrivePolicy".to_owned(), policy)]);
        attributes.insert("VisibilityTimeout".to_owned(), VISIBILITY.to_string());
        if fifo {
            attributes.insert("ContentBasedDeduplication".to_owned(), "true".to_owned());
        }
        queues.create(queue, &attributes).unwrap();
        Self { rng: Rng::with_seed(seed), fifo, queues, queue, dead, live: BTreeMap::new(), sent: 0, steps: Steps::default() }
    }

    fn now(&self) -> OffsetDateTime {
        self.queues.clock().now()
    }

    async fn step(&mut self) {
        match self.rng.u8(0..10) {
            0..=3 => self.send(),
            4..=6 => self.receive().await,
            7 => self.delete(),
            8 => self.change_visibility(),
            _ => self.queues.clock().sleep(Duration::from_secs(self.rng.u64(1..20))).await,
        }
        self.compare();
    }

    fn send(&mut self) {
        let group = self.rng.u8(0..4).to_string();
        let delay = if self.fifo { 0 } else { self.rng.u64(0..3) * 5 };
        let outgoing =
            Outgoing { group_id: Some(group.clone()), delay: Some(Duration::from_secs(delay)), ..Outgoing::default() };
        self.queues.send(self.queue, self.sent.to_string(), outgoing).unwrap();
        let visible_at = self.now() + Duration::from_secs(delay);
        self.live.insert(self.sent, Fate { group, visible_at, receives: 0, handle: None });
        self.sent += 1;
    }

    async fn receive(&mut self) {
        let max = self.rng.usize(1..=10);
        let now = self.now();
        let open = self.open(now);
        let before = self.queues.depth(self.dead).unwrap().total();
        let received = self.queues.receive(self.queue, max, Duration::ZERO).await.unwrap();
        let dead = self.queues.depth(self.dead).unwrap().total() - before;
        assert!(
            received.len() == max || received.len() + dead == open.len(),
            "got {} and {dead} of {}",
            received.len(),
            open.len()
        );
        self.check_order(&received, &open);
        for message in received {
            let fate = self.live.get_mut(&message.body.parse().unwrap()).unwrap();
            self.steps.timed_out += usize::from(fate.handle.is_some());
            fate.receives += 1;
            assert_eq!(message.attributes["ApproximateReceiveCount"], fate.receives.to_string());
            fate.visible_at = now + Duration::from_secs(VISIBILITY);
            fate.handle = Some(message.receipt_handle);
            self.steps.received += 1;
        }
        self.bury(dead);
    }

    /// The messages that may be handed out now, in the order of sending.
    fn open(&self, now: OffsetDateTime) -> Vec<u32> {
        let blocked = |group: &str| self.fifo && self.live.values().any(|fate| fate.group == group && fate.visible_at > now);
        self.live
            .iter()
            .filter(|(_, fate)| fate.visible_at <= now && !blocked(&fate.group))
            .map(|(number, _)| *number)
            .collect()
    }

    fn check_order(&self, received: &[Received], open: &[u32]) {
        let numbers: Vec<u32> = received.iter().map(|message| message.body.parse().unwrap()).collect();
        for number in &numbers {
            assert!(open.contains(number), "{number} was not to be had; open: {open:?}");
            assert!(self.live[number].receives < MAX_RECEIVES, "{number} was exhausted");
        }
        for group in 0..4 {
            let of_group = |number: &&u32| self.fifo && self.live[*number].group == group.to_string();
            let alive = open.iter().filter(of_group).filter(|number| self.live[*number].receives < MAX_RECEIVES);
            let got: Vec<&u32> = numbers.iter().filter(of_group).collect();
            assert!(got.iter().zip(alive).all(|(got, first)| *got == first), "group {group} out of order: {got:?} of {open:?}");
        }
    }

    /// Takes the exhausted messages out of the model: those that the dead-letter queue got.
    fn bury(&mut self, dead: usize) {
        let now = self.now();
        let mut exhausted: Vec<u32> = self
            .live
            .iter()
            .filter(|(_, f)| f.receives >= MAX_RECEIVES && f.visible_at <= now)
            .map(|(number, _)| *number)
            .collect();
        assert!(dead <= exhausted.len(), "{dead} died of {exhausted:?}");
        // A receive that was full before it reached them all leaves the rest.
        if dead < exhausted.len() {
            exhausted.retain(|number| !self.still_there(*number));
        }
        for number in exhausted {
            self.live.remove(&number);
            self.steps.dead += 1;
        }
    }

    /// An exhausted message that was not reached by a receive is still in its queue: it answers to its handle. The check
    /// changes nothing, because a visible message can't have its visibility changed.
    fn still_there(&self, number: u32) -> bool {
        let handle = self.live[&number].handle.clone().unwrap();
        matches!(self.queues.change_visibility(self.queue, &handle, Duration::ZERO), Err(super::SqsError::MessageNotInflight))
    }

    fn delete(&mut self) {
        let Some((number, handle)) = self.any_handle() else { return };
        let in_flight = self.live[&number].visible_at > self.now();
        match self.queues.delete(self.queue, &handle) {
            Ok(went) => assert!(went && (in_flight || !self.fifo)),
            Err(_) => return assert!(self.fifo && !in_flight, "an expired handle of a FIFO queue"),
        }
        self.live.remove(&number);
        self.steps.deleted += 1;
    }

    fn change_visibility(&mut self) {
        let Some((number, handle)) = self.any_handle() else { return };
        let now = self.now();
        let timeout = Duration::from_secs(self.rng.u64(0..3) * 20);
        let in_flight = self.live[&number].visible_at > now;
        assert_eq!(self.queues.change_visibility(self.queue, &handle, timeout).is_ok(), in_flight);
        if in_flight {
            self.live.get_mut(&number).unwrap().visible_at = now + timeout;
        }
    }

    fn any_handle(&mut self) -> Option<(u32, String)> {
        let held: Vec<(u32, String)> =
            self.live.iter().filter_map(|(number, fate)| Some((*number, fate.handle.clone()?))).collect();
        self.rng.choice(held)
    }

    fn compare(&self) {
        let now = self.now();
        let mut expected = Depth::default();
        for fate in self.live.values() {
            match (fate.visible_at <= now, fate.handle.is_some()) {
                (true, _) => expected.visible += 1,
                (false, true) => expected.in_flight += 1,
                (false, false) => expected.delayed += 1,
            }
        }
        assert_eq!(self.queues.depth(self.queue).unwrap(), expected);
        let dead = self.queues.depth(self.dead).unwrap().total();
        assert_eq!(self.sent as usize, self.live.len() + self.steps.deleted + dead, "nothing is lost");
    }
}

async fn walk(fifo: bool) {
    let mut all = Steps::default();
    for seed in 0..40 {
        // Shown when the walk fails: the same seed walks the same way.
        println!("seed {seed}");
        let mut walk = Walk::new(seed, fifo);
        for _ in 0..300 {
            walk.step().await;
        }
        let Steps { received, timed_out, deleted, dead } = walk.steps;
        all = Steps {
            received: all.received + received,
            timed_out: all.timed_out + timed_out,
            deleted: all.deleted + deleted,
            dead: all.dead + dead,
        };
    }
    assert!(
        all.received > 1000 && all.timed_out > 100 && all.deleted > 100 && all.dead > 10,
        "the walks met everything: {all:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn standard_queues_agree_with_the_model() {
    walk(false).await;
}

#[tokio::test(start_paused = true)]
async fn fifo_queues_agree_with_the_model() {
    walk(true).await;
}
