//! One execution environment of a function: a process, its replacements, and the invocation it works on.
//!
//! Lambda's rules: one invocation at a time; a process that overstays its timeout is killed and a fresh one started; an
//! invocation whose process dies has failed; nothing that a replaced process still says counts.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::events::{Announcer, HostEvent};
use super::faults::FaultDraw;
use super::function::{Function, FunctionState};
use super::invocation::{Failure, Invocation, MAX_PAYLOAD, trace};
use super::logs::{LogSink, Tail};
use super::process::Process;
use super::restart::{Deaths, Next};
use super::runtime_api::{CALLS, Call, Handed, Registry};
use super::spec::Surroundings;

/// From process start to its first `next`. Lambda gives 10 s; an unoptimised binary on a busy laptop gets more.
const INIT_LIMIT: Duration = Duration::from_secs(30);

/// For the last lines of an invocation to come through their pipe, where its caller wants to read them.
const LAST_LINES: Duration = Duration::from_millis(20);

/// What all sandboxes of a host share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) around: Surroundings,
    pub(super) announcer: Announcer,
    pub(super) faults: FaultDraw,
    pub(super) registry: Registry,
    pub(super) stop: watch::Sender<bool>,
}

/// Keeps one process of the function running until the host stops.
pub(super) async fn run(shared: Arc<Shared>, function: Arc<Function>, index: usize) {
    let mut stop = shared.stop.subscribe();
    let mut deaths = Deaths::default();
    let mut carried = None;
    let mut generation: u64 = 0;
    loop {
        generation = generation.saturating_add(1);
        let name = format!("{index}-{generation}");
        let life = Life { shared: &shared, function: &function, name: &name, deaths: &mut deaths, carried: &mut carried };
        let (cause, last_words, next) = match life.live().await {
            None => return,
            Some(death) => death,
        };
        let pause = match next {
            Next::Restart(wait) => {
                let (function, sandbox) = (function.spec.name.clone(), name);
                shared.announcer.tell(HostEvent::Restarted { function, sandbox, cause });
                wait
            }
            Next::GiveUp => {
                let message = if last_words.is_empty() { cause } else { format!("{cause}\n{last_words}") };
                shared.announcer.tell(HostEvent::Broken { function: function.spec.name.clone(), message: message.clone() });
                let mut kills = function.kills.subscribe();
                function.state.send_replace(FunctionState::Failed(message));
                tokio::select! {
                    () = stopped(&mut stop) => return,
                    _ = kills.changed() => {}
                }
                function.state.send_replace(FunctionState::Starting);
                deaths = Deaths::default();
                Duration::ZERO
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One process from its start to its end.
struct Life<'a> {
    shared: &'a Shared,
    function: &'a Function,
    name: &'a str,
    deaths: &'a mut Deaths,
    /// An invocation that was taken for a process that had gone before it could be handed over.
    carried: &'a mut Option<Invocation>,
}

/// Why a process's life is over.
#[derive(Debug)]
enum End {
    Stopped,
    Exited(String),
    TimedOut(Duration),
    Killed,
    InitTimeout,
    InitError(String),
}

impl Life<'_> {
    /// How it ended, its last words, and what to do next; `None` when the host stops.
    async fn live(mut self) -> Option<(String, String, Next)> {
        let (function, announcer) = (self.function.spec.name.clone(), self.shared.announcer.clone());
        let sink = LogSink { function, sandbox: self.name.to_owned(), announcer, tail: Tail::default() };
        let (door, calls) = mpsc::channel(CALLS);
        let _open = self.shared.registry.open(&self.function.spec.name, self.name, door);
        let kills = self.function.kills.subscribe();
        let process = match Process::start(&self.function.spec, &self.shared.around, self.name, sink) {
            Ok(process) => process,
            Err(error) => {
                let program = self.function.spec.program.display();
                return Some((format!("{program}: {error}"), String::new(), self.deaths.died_at_init()));
            }
        };
        let mut session =
            Session { life: &mut self, process, calls, kills, phase: Phase::Initialising { since: Instant::now() } };
        let end = session.serve().await;
        let Session { process, phase, .. } = session;
        // The process is dead before anybody hears of the end: nothing survives its invocation.
        let last_words = process.end().await.text();
        let initialised = !matches!(phase, Phase::Initialising { .. });
        if let Phase::Busy(busy) = phase {
            busy.invocation.finish(Err(end.failure()), last_words.clone(), busy.started.elapsed());
        }
        let cause = end.to_string();
        let next = match end {
            End::Stopped => return None,
            End::Killed if !initialised => Next::Restart(Duration::ZERO),
            _ if initialised => self.deaths.died_at_work(),
            _ => self.deaths.died_at_init(),
        };
        Some((cause, last_words, next))
    }
}

impl End {
    /// What the invocation in progress, if any, failed of.
    fn failure(&self) -> Failure {
        match self {
            End::Stopped => Failure::ShutDown,
            End::TimedOut(limit) => Failure::TimedOut(*limit),
            End::Killed => Failure::Exited("signal: 9 (SIGKILL)".to_owned()),
            End::Exited(status) => Failure::Exited(status.clone()),
            End::InitTimeout | End::InitError(_) => Failure::Broken(self.to_string()),
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            End::Stopped => f.write_str("stopped"),
            End::Exited(status) => f.write_str(status),
            End::TimedOut(limit) => write!(f, "killed: an invocation took more than {:.2} s", limit.as_secs_f64()),
            End::Killed => f.write_str("killed"),
            End::InitTimeout => write!(f, "it did not ask for work within {} s", INIT_LIMIT.as_secs()),
            End::InitError(reported) => write!(f, "it reported an error of its initialisation: {reported}"),
        }
    }
}

/// What a process is doing.
enum Phase {
    Initialising {
        since: Instant,
    },
    /// Between an answer and the next `next`.
    Between,
    /// It asked for work.
    Waiting(oneshot::Sender<Handed>),
    Busy(Busy),
}

struct Busy {
    invocation: Invocation,
    started: Instant,
    /// When a fault kills the process.
    kill_at: Option<Instant>,
}

/// A running process and its conversation.
struct Session<'a, 'b> {
    life: &'a mut Life<'b>,
    process: Process,
    calls: mpsc::Receiver<Call>,
    kills: watch::Receiver<u64>,
    phase: Phase,
}

impl Session<'_, '_> {
    async fn serve(&mut self) -> End {
        let mut stop = self.life.shared.stop.subscribe();
        loop {
            let function = self.life.function;
            let alarm = self.alarm();
            let waiting = matches!(self.phase, Phase::Waiting(_));
            // In order: an answer that arrived counts even if the process has died since.
            let end = tokio::select! {
                biased;
                () = stopped(&mut stop) => Some(End::Stopped),
                Some(call) = self.calls.recv() => self.hear(call).await,
                status = self.process.exited() => Some(End::Exited(status)),
                _ = self.kills.changed() => Some(End::Killed),
                invocation = take(function, self.life.carried), if waiting => { self.hand(invocation); None }
                () = until(alarm) => self.alarmed(),
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// When something is due: the initialisation's or invocation's limit, or a fault.
    fn alarm(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Initialising { since } => since.checked_add(INIT_LIMIT),
            Phase::Between | Phase::Waiting(_) => None,
            Phase::Busy(busy) => {
                let deadline = busy.started.checked_add(self.life.function.spec.timeout);
                [deadline, busy.kill_at].into_iter().flatten().min()
            }
        }
    }

    fn alarmed(&mut self) -> Option<End> {
        match &self.phase {
            Phase::Initialising { .. } => Some(End::InitTimeout),
            Phase::Between | Phase::Waiting(_) => None,
            Phase::Busy(busy) if busy.kill_at.is_some_and(|at| at <= Instant::now()) => {
                self.life.shared.faults.killed();
                Some(End::Killed)
            }
            Phase::Busy(_) => Some(End::TimedOut(self.life.function.spec.timeout)),
        }
    }

    async fn hear(&mut self, call: Call) -> Option<End> {
        match call {
            Call::Next(give) => {
                self.asked(give);
                None
            }
            Call::Answer { request_id, answer, accepted } => {
                if matches!(&self.phase, Phase::Busy(busy) if busy.invocation.work.tail) {
                    tokio::time::sleep(LAST_LINES).await;
                }
                // The process may have gone; then nobody waits for the receipt.
                let _ = accepted.send(self.answered(&request_id, answer));
                None
            }
            Call::InitError(document) => matches!(self.phase, Phase::Initialising { .. })
                .then(|| End::InitError(Failure::Reported(document).to_string())),
        }
    }

    /// The process asks for work: its first time means that it has started; while busy it has dropped its work.
    fn asked(&mut self, give: oneshot::Sender<Handed>) {
        match std::mem::replace(&mut self.phase, Phase::Waiting(give)) {
            Phase::Initialising { .. } => {
                self.life.deaths.initialised();
                self.life.function.state.send_replace(FunctionState::Ready);
                let (function, sandbox) = (self.life.function.spec.name.clone(), self.life.name.to_owned());
                self.life.shared.announcer.tell(HostEvent::Started { function, sandbox });
            }
            Phase::Busy(busy) => {
                busy.invocation.finish(Err(Failure::Unanswered), self.process.tail.text(), busy.started.elapsed());
            }
            Phase::Between | Phase::Waiting(_) => {}
        }
    }

    /// Takes an answer if it is the one that is due.
    fn answered(&mut self, request_id: &str, answer: Result<bytes::Bytes, bytes::Bytes>) -> bool {
        match std::mem::replace(&mut self.phase, Phase::Between) {
            Phase::Busy(busy) if busy.invocation.request_id == request_id => {
                let duration = busy.started.elapsed();
                self.life.deaths.worked();
                self.life.function.took(duration);
                let answer = match answer {
                    Ok(payload) if payload.len() > MAX_PAYLOAD => Err(Failure::AnswerTooLarge(payload.len())),
                    Ok(payload) => Ok(payload),
                    Err(document) => Err(Failure::Reported(document)),
                };
                busy.invocation.finish(answer, self.process.tail.text(), duration);
                true
            }
            other => {
                self.phase = other;
                false
            }
        }
    }

    /// Hands an invocation to the waiting process.
    fn hand(&mut self, invocation: Invocation) {
        let Phase::Waiting(give) = std::mem::replace(&mut self.phase, Phase::Between) else {
            *self.life.carried = Some(invocation);
            return;
        };
        let (function, faults) = (self.life.function, &self.life.shared.faults);
        let deadline = SystemTime::now().checked_add(function.spec.timeout).unwrap_or_else(SystemTime::now);
        let handed = Handed {
            request_id: invocation.request_id.clone(),
            deadline_ms: deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis(),
            arn: function.arn.clone(),
            trace: invocation.work.trace.clone().unwrap_or_else(trace),
            client_context: invocation.work.client_context.clone(),
            payload: invocation.work.payload.clone(),
        };
        self.process.tail.clear();
        if give.send(handed).is_err() {
            *self.life.carried = Some(invocation);
            return;
        }
        self.life.shared.announcer.tell(HostEvent::Invoked {
            function: function.spec.name.clone(),
            request_id: invocation.request_id.clone(),
            messages: invocation.work.messages,
        });
        let started = Instant::now();
        let kill_at = faults.kill_after(function.usual()).and_then(|after| started.checked_add(after));
        self.phase = Phase::Busy(Busy { invocation, started, kill_at });
    }
}

/// The next invocation, first the carried one.
async fn take(function: &Function, carried: &mut Option<Invocation>) -> Invocation {
    match carried.take() {
        Some(invocation) => invocation,
        None => function.take().await,
    }
}

/// Returns once the host stops, or is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn until(alarm: Option<Instant>) {
    match alarm {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
