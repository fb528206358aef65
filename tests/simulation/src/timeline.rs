//! What happened in a run, one line each.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

struct Line {
    at: Duration,
    /// The number of the request to the store, whose outcome is known only later.
    request: Option<u64>,
    text: String,
}

/// The lines of a run, in the order in which things happened.
pub(super) struct Timeline {
    begun: Instant,
    lines: Mutex<Vec<Line>>,
    ends: Mutex<BTreeMap<&'static str, u64>>,
}

/// Reasons with which records end, worth to be counted.
const REASONS: &[&str] = &["access-denied", "claimed", "duplicate", "gone"];

impl Timeline {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default(), ends: Mutex::default() }
    }

    /// Simulated time since the run began.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn note(&self, text: String) {
        self.push(None, text);
    }

    pub(super) fn request(&self, request: u64, text: String) {
        self.push(Some(request), text);
    }

    /// A record has ended with this reason.
    pub(super) fn end(&self, reason: &str) {
        if let Some(known) = REASONS.iter().find(|known| **known == reason) {
            *self.ends.lock().unwrap_or_else(PoisonError::into_inner).entry(known).or_default() += 1;
        }
    }

    /// How often each of them was one.
    pub(super) fn ends(&self) -> BTreeMap<&'static str, u64> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, request: Option<u64>, text: String) {
        let line = Line { at: self.now(), request, text };
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// As text, with the outcomes of requests that a faulty store has noted as `NUMBER OPERATION PLACE: OUTCOME`.
    pub(super) fn render(&self, outcomes: &[String]) -> Vec<String> {
        let outcomes: BTreeMap<u64, &str> = outcomes
            .iter()
            .filter_map(|line| Some((line.split(' ').next()?.parse().ok()?, line.rsplit_once(": ")?.1)))
            .collect();
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let render = |line: &Line| {
            let outcome = line.request.and_then(|n| outcomes.get(&n)).map(|o| format!(": {o}")).unwrap_or_default();
            format!("{:9.3} {}{outcome}", line.at.as_secs_f64(), line.text)
        };
        lines.iter().map(render).collect()
    }
}
