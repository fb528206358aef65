//! For people at a terminal: any text that holds S3 events, and each record as one line of JSON.

use serde_json::{Value, json};

use super::{Decoded, Envelope, Layer, Malformed, Record, Sequencer, decode_value};

/// Decodes a file's text: a Lambda payload, what SQS's ReceiveMessage answers, a bare message body, or several of
/// these one after the other or line by line. Never empty.
pub fn decode_document(text: &str) -> Vec<Decoded> {
    let text = text.trim_start_matches('\u{feff}');
    let stream = serde_json::Deserializer::from_str(text).into_iter::<Value>().collect::<Result<Vec<_>, _>>();
    match stream {
        Ok(documents) if documents.is_empty() => vec![unreadable("empty".into())],
        Ok(documents) => documents.iter().flat_map(decode_value).collect(),
        // A bad line must not hide the others, but a cut document that is spread over lines is one fault, not many.
        Err(_) if is_lines(text) => text.lines().filter(|line| !line.trim().is_empty()).flat_map(decode_line).collect(),
        Err(error) => vec![unreadable(format!("not JSON: {error}"))],
    }
}

/// A record as `brigade decode` prints it: `envelope`, `event`, `bucket`, `key`, `version_id`, `etag`, `size` and
/// `sequencer`, null where absent; or `envelope` and `error`.
///
/// An S3 Batch Operations task has no event: its `event` is null. So is the `envelope` where none was recognised.
pub fn decoded_line(decoded: &Decoded) -> Value {
    let envelope = Some(decoded.envelope.to_string()).filter(|text| !text.is_empty());
    match &decoded.record {
        Err(malformed) => json!({"envelope": envelope, "error": malformed.to_string()}),
        Ok(Record::Test(test)) => {
            line(envelope, json!({"event": "TestEvent", "bucket": test.bucket.as_ref().map(|bucket| bucket.as_str())}))
        }
        Ok(Record::Object(event)) => {
            let named = !decoded.envelope.layers().contains(&Layer::S3Batch);
            line(
                envelope,
                json!({
                    "event": named.then(|| event.kind.as_str()),
                    "bucket": event.bucket.as_str(),
                    "key": event.key.as_str(),
                    "version_id": event.version_id,
                    "etag": event.etag,
                    "size": event.size,
                    "sequencer": event.sequencer.as_ref().map(Sequencer::as_str),
                }),
            )
        }
    }
}

/// Every line of a record has the same members.
fn line(envelope: Option<String>, known: Value) -> Value {
    let mut line = json!({
        "envelope": envelope, "event": null, "bucket": null, "key": null,
        "version_id": null, "etag": null, "size": null, "sequencer": null,
    });
    if let (Some(line), Value::Object(known)) = (line.as_object_mut(), known) {
        line.extend(known);
    }
    line
}

fn is_lines(text: &str) -> bool {
    text.lines().any(|line| serde_json::from_str::<serde_json::Map<String, Value>>(line).is_ok())
}

fn decode_line(line: &str) -> Vec<Decoded> {
    match serde_json::from_str::<Value>(line) {
        Ok(document) => decode_value(&document),
        Err(error) => vec![unreadable(format!("not JSON: {error}"))],
    }
}

fn unreadable(reason: String) -> Decoded {
    Decoded { envelope: Envelope::default(), record: Err(Malformed::document(reason)) }
}
