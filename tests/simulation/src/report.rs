//! What a run tells: its seed, what went wrong, and how it came to that.

use std::collections::BTreeMap;

use super::world::DERIVED;

/// How a run ended.
#[derive(Debug)]
pub struct Report {
    /// The run's seed.
    pub seed: u64,
    /// What was not as it must be; empty if all was.
    pub divergences: Vec<String>,
    /// What happened, one line each.
    pub timeline: Vec<String>,
    /// How often each kind of fault happened.
    pub fired: BTreeMap<&'static str, u64>,
    /// Changes of sources.
    pub changes: u32,
}

impl Report {
    /// Faults of all kinds together.
    pub fn faults(&self) -> u64 {
        self.fired.values().sum()
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
