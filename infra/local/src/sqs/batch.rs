//! Batches: up to ten entries with ids, each of which succeeds or fails alone.

use serde_json::{Map, Value, json};

use super::attributes::MAX_MESSAGE_BYTES;
use super::error::SqsError;
use super::wire;

/// One entry of a batch: its id, and its parameters.
pub(super) struct Entry {
    id: String,
    parameters: Value,
}

/// Checks what makes the whole batch invalid.
pub(super) fn check(entries: Vec<Value>, element: &'static str) -> Result<Vec<Entry>, SqsError> {
    if entries.is_empty() {
        return Err(SqsError::EmptyBatchRequest(element));
    }
    if entries.len() > 10 {
        return Err(SqsError::TooManyEntriesInBatchRequest(entries.len()));
    }
    let mut checked: Vec<Entry> = Vec::new();
    for parameters in entries {
        let id = parameters.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let fine = (1..=80).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !fine {
            return Err(SqsError::InvalidBatchEntryId);
        }
        if checked.iter().any(|other| other.id == id) {
            return Err(SqsError::BatchEntryIdsNotDistinct(id));
        }
        checked.push(Entry { id, parameters });
    }
    Ok(checked)
}

/// The messages of a batch together are at most 1 MiB.
pub(super) fn check_size(entries: &[Entry]) -> Result<(), SqsError> {
    let sent = entries.iter().map(|entry| wire::size_of(&entry.parameters)).sum();
    if sent > MAX_MESSAGE_BYTES {
        return Err(SqsError::BatchRequestTooLong { limit: MAX_MESSAGE_BYTES, sent });
    }
    Ok(())
}

/// Runs each entry and sorts the results.
pub(super) fn run(entries: Vec<Entry>, mut each: impl FnMut(Value) -> Result<Value, SqsError>) -> Result<Value, SqsError> {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for Entry { id, parameters } in entries {
        match each(parameters) {
            Ok(Value::Object(result)) => {
                let with_id: Map<String, Value> = [("Id".to_owned(), json!(id))].into_iter().chain(result).collect();
                successful.push(Value::Object(with_id));
            }
            Ok(_) => successful.push(json!({ "Id": id })),
            Err(error) => {
                failed.push(json!({ "Id": id, "SenderFault": true, "Code": error.query_code(), "Message": error.to_string() }));
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}
