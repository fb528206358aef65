//! What the functions do, as lines: one for each event and its verdict, and errors in the open.

use brigade_local::lambda::HostEvent;
use serde::Deserialize;
use serde_json::{Value, json};

/// A function's own log line about one record.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Verdict {
    /// The function's short name.
    pub(crate) function: String,
    /// `done`, `skip`, `retry` or `park`.
    pub(crate) verdict: String,
    /// How long the record took, in milliseconds.
    #[serde(default)]
    pub(crate) ms: u64,
    /// Such as `ObjectCreated:Put`.
    #[serde(default)]
    pub(crate) event: Option<String>,
    /// Of the object; absent for what could not be decoded, and for test events.
    #[serde(default)]
    pub(crate) bucket: Option<String>,
    /// Of the object, decoded.
    #[serde(default)]
    pub(crate) key: Option<String>,
    /// A stable word.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// The figures.
    #[serde(default)]
    pub(crate) detail: Option<String>,
    /// What compact has set aside: an alarm looks at it, and so should who looks at the line.
    #[serde(default)]
    pub(crate) set_aside: u64,
}

impl Verdict {
    /// The verdict in a line of a function's output, where it is one.
    pub(crate) fn of(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// One line for people.
    pub(crate) fn text(&self) -> String {
        let object = match (&self.bucket, &self.key) {
            (Some(bucket), Some(key)) => format!("s3://{bucket}/{key}"),
            _ => "-".to_owned(),
        };
        let reason = match (self.reason.as_deref(), self.detail.as_deref().filter(|detail| !detail.is_empty())) {
            (Some(reason), Some(detail)) => format!("  {reason}: {detail}"),
            (Some(reason), None) => format!("  {reason}"),
            (None, _) => String::new(),
        };
        let aside = if self.set_aside > 0 { format!("  set_aside {}", self.set_aside) } else { String::new() };
        let event = self.event.as_deref().unwrap_or("-");
        let told = format!("{:<9}  {:<5}  {:>6} ms", self.function, self.verdict, self.ms);
        printable(&format!("{told}  {event:<20}  {object}{reason}{aside}"))
    }
}

/// A line for people; `None` where there is nothing to tell.
pub(crate) fn text(event: &HostEvent) -> Option<String> {
    let text = match event {
        HostEvent::Log { function, line, .. } => match Verdict::of(line) {
            Some(verdict) => return Some(verdict.text()),
            None if is_metric(line) || line.trim().is_empty() => return None,
            None => format!("{function} | {line}"),
        },
        HostEvent::Started { function, .. } => format!("{function} is ready"),
        HostEvent::Failed { function, cause, messages, .. } => {
            format!("{function} FAILED ({messages} messages come back): {cause}")
        }
        HostEvent::Restarted { function, cause, .. } => format!("{function} ended ({cause}) and is started again"),
        HostEvent::Broken { function, message } => format!("{function} DOES NOT START: {message}"),
        HostEvent::Warning { function, message } => format!("{function} warning: {message}"),
        HostEvent::Missed { count } => format!("({count} lines were dropped: too many at once)"),
        _ => return None,
    };
    Some(printable(&text))
}

/// The same as one JSON object, which leaves out nothing.
pub(crate) fn json(event: &HostEvent) -> Option<Value> {
    let ms = |duration: &std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Some(match event {
        HostEvent::Log { function, line, .. } => {
            let value = serde_json::from_str(line).ok().filter(Value::is_object);
            match value {
                Some(value) if value.get("verdict").is_some() => {
                    json!({"type": "record", "function": function, "record": value})
                }
                Some(value) => json!({"type": "log", "function": function, "log": value}),
                None => json!({"type": "log", "function": function, "log": line}),
            }
        }
        HostEvent::Started { function, .. } => json!({"type": "started", "function": function}),
        HostEvent::Invoked { function, request_id, messages } => {
            json!({"type": "invoked", "function": function, "request_id": request_id, "messages": messages})
        }
        HostEvent::Replied { function, request_id, failures, duration } => json!({
            "type": "replied", "function": function, "request_id": request_id, "failures": failures, "ms": ms(duration),
        }),
        HostEvent::Failed { function, request_id, messages, cause } => json!({
            "type": "failed", "function": function, "request_id": request_id, "messages": messages, "cause": cause,
        }),
        HostEvent::Restarted { function, cause, .. } => json!({"type": "restarted", "function": function, "cause": cause}),
        HostEvent::Broken { function, message } => json!({"type": "broken", "function": function, "message": message}),
        HostEvent::Warning { function, message } => json!({"type": "warning", "function": function, "message": message}),
        HostEvent::Missed { count } => json!({"type": "missed", "count": count}),
        _ => return None,
    })
}

/// The line that ends a batch's output: metrics in CloudWatch's embedded format.
pub(crate) fn is_metric(line: &str) -> bool {
    line.starts_with('{') && line.contains("\"_aws\"")
}

/// Keys and messages come from outside; control characters in them must not reach a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(line: &str) -> HostEvent {
        HostEvent::Log { function: "brigade-thumbnail".into(), sandbox: "0-1".into(), line: line.into() }
    }

    #[test]
    fn a_record_is_one_line() {
        let line = r#"{"function":"thumbnail","verdict":"park","ms":7,"bucket":"photos","key":"a\u001b[2J.jpg","event":"ObjectCreated:Put","reason":"corrupt","detail":"cut"}"#;
        let shown = text(&log(line)).unwrap();
        assert_eq!(shown, "thumbnail  park        7 ms  ObjectCreated:Put     s3://photos/a\u{fffd}[2J.jpg  corrupt: cut");
        assert_eq!(json(&log(line)).unwrap()["record"]["reason"], "corrupt");
    }

    #[test]
    fn what_is_set_aside_is_seen_as_long_as_it_lies_there() {
        let line = r#"{"function":"compact","verdict":"done","ms":1,"event":"Scheduled","set_aside":3}"#;
        assert_eq!(text(&log(line)).unwrap(), "compact    done        1 ms  Scheduled             -  set_aside 3");
    }

    #[test]
    fn metrics_are_left_to_machines_and_errors_are_shown() {
        let metric = r#"{"_aws":{"Timestamp":1},"function":"thumbnail"}"#;
        assert_eq!(text(&log(metric)), None);
        assert_eq!(json(&log(metric)).unwrap()["type"], "log");
        assert_eq!(text(&log("thread 'main' panicked")).unwrap(), "brigade-thumbnail | thread 'main' panicked");
        let broken = HostEvent::Broken { function: "f".into(), message: "exit status: 1".into() };
        assert!(text(&broken).unwrap().contains("exit status: 1"));
    }
}
