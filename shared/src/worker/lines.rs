//! Log lines: one JSON object each, to standard output, where CloudWatch Logs takes them.

use std::io::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Setup;
use super::settle::Settled;
use crate::config::LogLevel;
use crate::event::{Decoded, Message, ObjectEvent};
use crate::hex;
use crate::verdict::Verdict;

/// One record in this many gets a line under `BRIGADE_LOG=sample`.
const SAMPLE: u64 = 1000;

/// Where lines go.
pub trait Lines: Send + Sync {
    /// Writes one line. A line that can't be written is lost; no record fails for it.
    fn line(&self, line: &Value);
}

/// Lambda's way: what is written to standard output is logged.
#[derive(Clone, Copy, Debug, Default)]
pub struct StandardOutput;

impl Lines for StandardOutput {
    fn line(&self, line: &Value) {
        // One write per line, so that concurrent records don't interleave. A closed pipe must not fail a record.
        let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
    }
}

/// The same for all lines of one change: a digest of bucket, key and sequencer, 16 hex digits.
pub(super) fn correlation_id(event: &ObjectEvent) -> String {
    let sequencer = event.sequencer.as_ref().map(|s| s.as_str()).unwrap_or_default();
    let parts = [event.bucket.as_str(), event.key.as_str(), sequencer];
    let digest = parts.iter().fold(Sha256::new(), |digest, part| digest.chain_update(part).chain_update([0])).finalize();
    hex(digest.iter().take(8))
}

/// The record's line, where `BRIGADE_LOG` wants one.
pub(super) fn record_line(setup: Setup<'_>, message: Option<&Message>, record: &Decoded, settled: &Settled) -> Option<Value> {
    let event = super::settle::event_of(record);
    let id = event.map(correlation_id).unwrap_or_default();
    let verdict = &settled.outcome.verdict;
    let problem = matches!(verdict, Verdict::Retry(..) | Verdict::Park(_));
    let sampled = u64::from_str_radix(&id, 16).is_ok_and(|n| n % SAMPLE == 0);
    let wanted = match setup.common.log {
        LogLevel::Problems => problem,
        LogLevel::Sample => problem || sampled,
        LogLevel::All => true,
    };
    wanted.then(|| {
        let mut line = json!({
            "level": if problem { "warn" } else { "info" },
            "function": setup.worker.name(),
            "verdict": verdict.name(),
            "ms": u64::try_from(settled.took.as_millis()).unwrap_or(u64::MAX),
            "envelope": record.envelope.to_string(),
        });
        let mut put = |name: &str, value: Value| {
            if let (Some(object), false) = (line.as_object_mut(), value.is_null()) {
                object.insert(name.to_owned(), value);
            }
        };
        if let Some(reason) = verdict.reason() {
            put("reason", json!(reason.code));
            put("detail", json!(reason.detail));
        }
        if let Some(event) = event {
            put("id", json!(id));
            put("event", json!(event.kind.as_str()));
            put("bucket", json!(event.bucket.as_str()));
            put("key", json!(event.key.as_str()));
            put("version_id", json!(event.version_id));
            put("sequencer", json!(event.sequencer.as_ref().map(|s| s.as_str())));
        }
        if let Some(message) = message {
            put("message_id", json!(message.id));
            put("receive_count", json!(message.receive_count));
        }
        settled.outcome.figures.iter().for_each(|(name, figure)| put(name, json!(figure)));
        line
    })
}
