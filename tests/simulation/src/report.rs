//! What a run tells: its seed, what went wrong, and how it came to that.

use std::collections::BTreeMap;

use super::places::DERIVED;

/// How a run ended.
#[derive(Debug)]
pub struct Report {
    /// The run's seed.
    pub seed: u64,
    /// What was not as it must be; empty if all was.
    pub divergences: Vec<String>,
    /// What happened, one line each.
    pub timeline: Vec<String>,
    /// How often each kind of fault happened, and of what else not every run has.
    pub fired: BTreeMap<&'static str, u64>,
    /// Changes of sources.
    pub changes: u32,
}

/// What the world does to the functions. Everything else in [`Report::fired`] is what the actor does, or what follows.
const FAULTS: &[&str] = &[
    "acknowledgement lost",
    "body cut",
    "crash",
    "entry refused",
    "event duplicated",
    "event reordered",
    "late landing",
    "old event told again",
    "outage",
    "publication refused",
    "publication's reply lost",
    "re-sent",
    "reply lost",
    "request to the target late",
    "request to the target lost",
    "request to the target refused",
    "send refused",
    "send reply lost",
    "target's reply lost",
    "throttled",
    "timeout",
    "unavailable",
    "visibility refused",
];

impl Report {
    /// Faults of all kinds together.
    pub fn faults(&self) -> u64 {
        Self::count_faults(&self.fired)
    }

    pub(super) fn count_faults(fired: &BTreeMap<&'static str, u64>) -> u64 {
        FAULTS.iter().filter_map(|fault| fired.get(fault)).sum()
    }

    /// The seed, what is wrong, and the last part of the timeline, without looks at derived objects.
    pub fn explain(&self) -> String {
        const LAST: usize = 150;
        let is_look =
            |line: &str| ["HeadObject", "GetObject"].iter().any(|name| line.contains(&format!("{name} s3://{DERIVED}")));
        let lines: Vec<&str> = self.timeline.iter().map(String::as_str).filter(|line| !is_look(line)).collect();
        let last = lines.get(lines.len().saturating_sub(LAST)..).unwrap_or_default();
        let what = self.divergences.join("\n  ");
        format!("seed {}:\n  {what}\nthe end of its timeline:\n{}", self.seed, last.join("\n"))
    }
}
