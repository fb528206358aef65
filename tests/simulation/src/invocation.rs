//! One invocation of the real function: the real batch loop, on a store and queues whose requests wait at a gate.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::config::Common;
use brigade::event::Message;
use brigade::storage::faulty::{Moment, Pause};
use brigade::storage::{EmbeddedStore, FaultyStore, OwnWrites, Store};
use brigade::worker::{BatchResult, Lines, Pace, Setup, Worker, run_messages};
use brigade_thumbnail::{Config, Thumbnail};
use futures::FutureExt;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::gate::{Alarm, Gate};
use super::queue::{Port, Queues};
use super::sabotage::{Sabotage, Sabotaged, Saboteur};
use super::timeline::Timeline;

/// The function's timeout.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Requests of one message at most: eight passes, each with at most some 40 requests, and its end.
const REQUESTS_PER_MESSAGE: u64 = 8 * 40 + 10;

/// What an invocation is started with.
pub(super) struct Start<'a> {
    pub(super) number: u64,
    pub(super) messages: Vec<Message>,
    pub(super) config: &'a Config,
    pub(super) store: &'a FaultyStore<EmbeddedStore>,
    pub(super) queues: &'a Arc<Queues>,
    pub(super) timeline: &'a Arc<Timeline>,
    pub(super) sabotage: Option<Sabotage>,
    pub(super) seed: u64,
}

pub(super) struct Invocation {
    pub(super) name: String,
    pub(super) messages: Vec<Message>,
    pub(super) gate: Arc<Gate>,
    pub(super) dies: Instant,
    /// It makes no step before this step of the scheduler.
    pub(super) stalled_until: u64,
    pub(super) generation: u32,
    alarm: Arc<Alarm>,
    requests: Arc<AtomicU64>,
    future: Pin<Box<dyn Future<Output = BatchResult>>>,
}

impl Invocation {
    pub(super) fn begin(start: Start<'_>) -> Self {
        let gate = Arc::new(Gate::default());
        let requests = Arc::new(AtomicU64::new(0));
        let name = format!("#{}", start.number);
        let pause = pause(&gate, &requests, start.timeline, &name);
        let store = start.store.clone().with_pause(pause);
        let nonces = fastrand::Rng::with_seed(start.seed ^ (start.number << 20));
        // Without the nonce, a worker meets its own first attempt as a 412.
        let store: Arc<dyn Store> = match start.sabotage {
            Some(Sabotage::RefusedIsDone) => Arc::new(store),
            _ => Arc::new(OwnWrites::new(store, nonces)),
        };
        let worker: Box<dyn Worker> = match start.sabotage {
            None => Box::new(Thumbnail::new(start.config, store)),
            Some(sabotage) => {
                let truth = start.store.inner().clone();
                let store = Arc::new(Sabotaged::new(store, truth, sabotage, start.config.template.clone()));
                Box::new(Saboteur::new(Thumbnail::new(start.config, Arc::clone(&store) as Arc<dyn Store>), store))
            }
        };
        let port = Port { queues: Arc::clone(start.queues), gate: Arc::clone(&gate), name: name.clone() };
        let lines = Noted { timeline: Arc::clone(start.timeline), name: name.clone() };
        let (common, messages) = (start.config.common.clone(), start.messages.clone());
        let future = Box::pin(async move { invoke(worker, common, port, lines, messages).await });
        Self {
            name,
            messages: start.messages,
            gate,
            dies: Instant::now() + TIMEOUT,
            stalled_until: 0,
            generation: start.config.id.generation,
            alarm: Arc::default(),
            requests,
            future,
        }
    }

    /// Lets it run until it waits at its gate, or has ended. A task on the blocking pool or a timer is waited for, so
    /// that nothing depends on how fast this machine is.
    pub(super) async fn run(&mut self) -> Option<BatchResult> {
        let waker = Waker::from(Arc::clone(&self.alarm));
        loop {
            self.alarm.take();
            match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(result) => return Some(result),
                Poll::Pending if self.gate.waiting() > 0 => return None,
                Poll::Pending => self.alarm.rings().await,
            }
        }
    }

    /// Time has passed: a timer of its own may have rung.
    pub(super) fn is_woken(&self) -> bool {
        self.alarm.take()
    }

    /// It made more requests than any right one could.
    pub(super) fn is_endless(&self) -> bool {
        self.requests.load(Ordering::Relaxed) > REQUESTS_PER_MESSAGE * self.messages.len() as u64
    }
}

async fn invoke(worker: Box<dyn Worker>, common: Common, port: Port, lines: Noted, messages: Vec<Message>) -> BatchResult {
    let pace = Pace::new();
    let setup = Setup { worker: worker.as_ref(), common: &common, queue: &port, endpoint: None, pace: &pace, lines: &lines };
    run_messages(setup, &messages, Deadline::after(TIMEOUT), || OffsetDateTime::UNIX_EPOCH).await
}

/// Before each request, and between a write's effect and its reply.
fn pause(gate: &Arc<Gate>, requests: &Arc<AtomicU64>, timeline: &Arc<Timeline>, name: &str) -> Pause {
    let (gate, requests, timeline, name) = (Arc::clone(gate), Arc::clone(requests), Arc::clone(timeline), name.to_owned());
    Arc::new(move |point| {
        let is_write = matches!(point.operation, "PutObject" | "DeleteObject");
        if point.moment == Moment::AfterEffect {
            let gate = Arc::clone(&gate);
            return if is_write { async move { gate.pass(false).await }.boxed() } else { std::future::ready(()).boxed() };
        }
        requests.fetch_add(1, Ordering::Relaxed);
        let (gate, timeline, request) = (Arc::clone(&gate), Arc::clone(&timeline), point.request);
        let text = format!("{name} {} {}", point.operation, point.place);
        async move {
            gate.pass(is_write).await;
            timeline.request(request, text);
        }
        .boxed()
    })
}

/// The worker's log lines, in the timeline.
struct Noted {
    timeline: Arc<Timeline>,
    name: String,
}

impl Lines for Noted {
    fn line(&self, line: &Value) {
        if let Some(verdict) = line.get("verdict").and_then(Value::as_str) {
            let text = |name: &str| line.get(name).map(Value::to_string).unwrap_or_default();
            self.timeline.note(format!(
                "{} message {} {}: {verdict} {} (wrote {}, removed {}, passes {})",
                self.name,
                text("message_id"),
                text("key"),
                text("reason"),
                text("wrote"),
                text("removed"),
                text("passes"),
            ));
        }
    }
}
