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
use brigade::storage::{EmbeddedStore, FaultyStore};
use brigade::worker::{BatchResult, Lines, Pace, Setup, Worker, run_messages, run_schedule};
use futures::FutureExt;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::function::{Function, Reach};
use super::gate::{Alarm, Gate};
use super::queue::Port;
use super::timeline::Timeline;
use super::topic::Topic;

/// The function's timeout.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Requests that the schedule can need at most.
const REQUESTS_ON_SCHEDULE: u64 = 4_000;

/// What an invocation is for.
#[derive(Clone)]
pub(super) enum Work {
    /// Messages of its queue.
    Messages(Vec<Message>),
    /// What is due without any.
    Schedule,
}

impl Work {
    pub(super) fn describe(&self) -> String {
        let one = |m: &Message| format!("{} (receive {})", m.id.as_deref().unwrap_or_default(), m.receive_count);
        match self {
            Self::Messages(messages) => format!("messages {}", messages.iter().map(one).collect::<Vec<_>>().join(", ")),
            Self::Schedule => "what is due".to_owned(),
        }
    }
}

/// What an invocation replies.
pub(super) enum Reply {
    Messages(BatchResult),
    Schedule,
}

/// What an invocation is started with.
pub(super) struct Start<'a> {
    pub(super) number: u64,
    /// The function, by its place in the world.
    pub(super) function: (usize, &'a Function),
    pub(super) generation: u32,
    pub(super) work: Work,
    pub(super) store: &'a FaultyStore<EmbeddedStore>,
    pub(super) topic: &'a Arc<Topic>,
    pub(super) timeline: &'a Arc<Timeline>,
    pub(super) seed: u64,
}

pub(super) struct Invocation {
    pub(super) name: String,
    /// The function, by its place in the world.
    pub(super) function: usize,
    pub(super) work: Work,
    pub(super) gate: Arc<Gate>,
    pub(super) dies: Instant,
    /// It makes no step before this step of the scheduler.
    pub(super) stalled_until: u64,
    pub(super) generation: u32,
    pub(super) has_generations: bool,
    /// Requests that it can need.
    most: u64,
    alarm: Arc<Alarm>,
    requests: Arc<AtomicU64>,
    future: Pin<Box<dyn Future<Output = Reply>>>,
}

impl Invocation {
    pub(super) fn begin(start: Start<'_>) -> Self {
        let (index, function) = start.function;
        let gate = Arc::new(Gate::default());
        let requests = Arc::new(AtomicU64::new(0));
        let name = format!("{} #{}", function.name(), start.number);
        let pause = pause(&gate, &requests, start.timeline, &name);
        let port = Port { queues: Arc::clone(&function.queues), gate: Arc::clone(&gate), name: name.clone() };
        let reach = Reach {
            name: name.clone(),
            gate: Arc::clone(&gate),
            generation: start.generation,
            store: start.store.clone().with_pause(pause),
            topic: Arc::clone(start.topic),
            nonces: fastrand::Rng::with_seed(start.seed ^ (start.number << 20)),
        };
        let worker = function.deployment.worker(reach);
        let lines = Noted { timeline: Arc::clone(start.timeline), name: name.clone() };
        let (common, work) = (function.deployment.common(start.generation).clone(), start.work.clone());
        let most = match &work {
            Work::Messages(messages) => function.deployment.requests_per_message() * messages.len() as u64,
            Work::Schedule => REQUESTS_ON_SCHEDULE,
        };
        let future = Box::pin(async move { invoke(worker, common, &port, lines, work).await });
        Self {
            name,
            function: index,
            work: start.work,
            gate,
            dies: Instant::now() + TIMEOUT,
            stalled_until: 0,
            generation: start.generation,
            has_generations: function.deployment.has_generations(),
            most,
            alarm: Arc::default(),
            requests,
            future,
        }
    }

    /// Lets it run until it waits at its gate, or has ended. A task on the blocking pool or a timer is waited for, so
    /// that nothing depends on how fast this machine is.
    pub(super) async fn run(&mut self) -> Option<Reply> {
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
        self.requests.load(Ordering::Relaxed) > self.most
    }
}

async fn invoke(worker: Box<dyn Worker>, common: Common, port: &Port, lines: Noted, work: Work) -> Reply {
    let pace = Pace::new();
    let setup = Setup { worker: worker.as_ref(), common: &common, queue: port, endpoint: None, pace: &pace, lines: &lines };
    let (deadline, now) = (Deadline::after(TIMEOUT), || OffsetDateTime::UNIX_EPOCH);
    match work {
        Work::Messages(messages) => Reply::Messages(run_messages(setup, &messages, deadline, now).await),
        Work::Schedule => {
            // Where it must try again, the schedule comes round again.
            let _ = run_schedule(setup, deadline, now).await;
            Reply::Schedule
        }
    }
}

/// Before each request, and between a write's effect and its reply.
fn pause(gate: &Arc<Gate>, requests: &Arc<AtomicU64>, timeline: &Arc<Timeline>, name: &str) -> Pause {
    let (gate, requests, timeline, name) = (Arc::clone(gate), Arc::clone(requests), Arc::clone(timeline), name.to_owned());
    Arc::new(move |point| {
        let is_write = !["Get", "Head", "List"].iter().any(|read| point.operation.starts_with(read));
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
            self.timeline.end(line.get("reason").and_then(Value::as_str).unwrap_or_default());
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
