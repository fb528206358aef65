//! What a function's reply means for the messages of its batch. Pure.
//!
//! Lambda's rules for `ReportBatchItemFailures` (Lambda developer guide, "Handling errors for an SQS event source"): the
//! whole batch succeeded when the list of failures is empty or null, or when the reply itself is empty or null; the whole
//! batch failed when the reply is no JSON, when an `itemIdentifier` is empty, null, under another name, or names no message
//! of the batch. Otherwise the listed messages stay, and all others are deleted.

use std::collections::BTreeSet;

use serde_json::Value;

/// The fate of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every message is deleted.
    Success,
    /// These messages stay in the queue until their visibility timeout ends; all others are deleted.
    Partial(BTreeSet<String>),
    /// Every message stays, for this reason.
    CompleteFailure(String),
}

/// Reads the reply to a batch of these message ids.
#[must_use]
pub fn outcome(reply: &[u8], ids: &[String]) -> Outcome {
    match failures(reply, ids) {
        Ok(failed) if failed.is_empty() => Outcome::Success,
        Ok(failed) => Outcome::Partial(failed),
        Err(reason) => Outcome::CompleteFailure(reason),
    }
}

/// The listed message ids, or why the reply can't be used.
fn failures(reply: &[u8], ids: &[String]) -> Result<BTreeSet<String>, String> {
    if reply.trim_ascii().is_empty() {
        return Ok(BTreeSet::new());
    }
    let reply: Value = serde_json::from_slice(reply).map_err(|error| format!("the reply is no JSON: {error}"))?;
    let list = match &reply {
        Value::Null => return Ok(BTreeSet::new()),
        // The empty string is what a function without a return value sends in some runtimes.
        Value::String(text) if text.is_empty() => return Ok(BTreeSet::new()),
        Value::Object(fields) => match fields.get("batchItemFailures") {
            None | Some(Value::Null) => return Ok(BTreeSet::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err("batchItemFailures is no list".to_owned()),
        },
        // Not an answer in the documented form, yet one without a failure in it; Lambda's page names no such case.
        _ => return Err("the reply is no object".to_owned()),
    };
    list.iter().enumerate().map(|(at, entry)| failed_id(at, entry, ids)).collect()
}

fn failed_id(at: usize, entry: &Value, ids: &[String]) -> Result<String, String> {
    match entry.get("itemIdentifier") {
        None => Err(format!("batchItemFailures[{at}] has no itemIdentifier")),
        Some(Value::String(id)) if id.is_empty() => Err(format!("batchItemFailures[{at}].itemIdentifier is empty")),
        Some(Value::String(id)) if ids.contains(id) => Ok(id.clone()),
        Some(Value::String(id)) => Err(format!("batchItemFailures[{at}].itemIdentifier {id:?} is not in the batch")),
        Some(_) => Err(format!("batchItemFailures[{at}].itemIdentifier is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_lambdas_rules() {
        const OK: &str = "success";
        const FAIL: &str = "complete failure";
        let cases: [(&str, &str, &str); 22] = [
            ("empty reply", "", OK),
            ("blank reply", " \n", OK),
            ("null reply", "null", OK),
            ("empty string reply", r#""""#, OK),
            ("empty object", "{}", OK),
            ("empty list", r#"{"batchItemFailures":[]}"#, OK),
            ("null list", r#"{"batchItemFailures":null}"#, OK),
            ("another object altogether", r#"{"statusCode":200}"#, OK),
            ("invalid JSON", r#"{"batchItemFailures":["#, FAIL),
            ("two documents", "{} {}", FAIL),
            ("text", r#""done""#, FAIL),
            ("list instead of object", "[]", FAIL),
            ("list of the wrong type", r#"{"batchItemFailures":"a"}"#, FAIL),
            ("empty id", r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, FAIL),
            ("null id", r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, FAIL),
            ("number as id", r#"{"batchItemFailures":[{"itemIdentifier":1}]}"#, FAIL),
            ("wrong key name", r#"{"batchItemFailures":[{"messageId":"a"}]}"#, FAIL),
            ("id without its object", r#"{"batchItemFailures":["a"]}"#, FAIL),
            ("unknown id", r#"{"batchItemFailures":[{"itemIdentifier":"z"}]}"#, FAIL),
            ("known and unknown id", r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"z"}]}"#, FAIL),
            ("one of three", r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, "b"),
            (
                "twice the same, and another",
                r#"{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}"#,
                "a,c",
            ),
        ];
        let ids = ["a", "b", "c"].map(str::to_owned);
        for (situation, reply, expected) in cases {
            let seen = match outcome(reply.as_bytes(), &ids) {
                Outcome::Success => OK.to_owned(),
                Outcome::CompleteFailure(reason) => {
                    assert!(!reason.is_empty());
                    FAIL.to_owned()
                }
                Outcome::Partial(failed) => failed.into_iter().collect::<Vec<_>>().join(","),
            };
            assert_eq!(seen, expected, "{situation}");
        }
    }

    #[test]
    fn a_reply_that_lists_all_is_partial_with_all() {
        let ids = ["a".to_owned()];
        let reply = br#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#;
        assert_eq!(outcome(reply, &ids), Outcome::Partial(ids.into()));
    }
}
