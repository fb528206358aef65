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

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str =
        r#"{"Records":[{"eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":"photos"},"object":{"key":"a+b.jpg"}}}]}"#;

    fn lines(text: &str) -> Vec<String> {
        decode_document(text).iter().map(|decoded| decoded_line(decoded).to_string()).collect()
    }

    fn envelopes(text: &str) -> Vec<String> {
        let brief = |decoded: &Decoded| match &decoded.record {
            Ok(_) => decoded.envelope.to_string(),
            Err(malformed) => format!("{}! {malformed}", decoded.envelope),
        };
        decode_document(text).iter().map(brief).collect()
    }

    #[test]
    fn a_record_is_a_line_with_every_member() {
        let expected = json!({
            "envelope": "s3", "event": "ObjectCreated:Put", "bucket": "photos", "key": "a b.jpg",
            "version_id": null, "etag": null, "size": null, "sequencer": null,
        });
        assert_eq!(lines(EVENT), [expected.to_string()]);
    }

    #[test]
    fn a_test_event_is_a_line_too() {
        let expected = json!({
            "envelope": "s3", "event": "TestEvent", "bucket": "photos", "key": null,
            "version_id": null, "etag": null, "size": null, "sequencer": null,
        });
        assert_eq!(lines(r#"{"Event":"s3:TestEvent","Bucket":"photos"}"#), [expected.to_string()]);
    }

    #[test]
    fn a_task_has_no_event() {
        let text =
            r#"{"invocationSchemaVersion":"2.0","invocationId":"i","tasks":[{"taskId":"t","s3Key":"a","s3Bucket":"b"}]}"#;
        let expected = json!({
            "envelope": "s3-batch", "event": null, "bucket": "b", "key": "a",
            "version_id": null, "etag": null, "size": null, "sequencer": null,
        });
        assert_eq!(lines(text), [expected.to_string()]);
    }

    #[test]
    fn a_fault_is_a_line_with_its_place() {
        let cases = [
            ("", r#"{"envelope":null,"error":"empty"}"#),
            ("7", r#"{"envelope":null,"error":"expected an object, found a number"}"#),
            (r#"{"Records":[]}"#, r#"{"envelope":null,"error":"/Records: an empty list"}"#),
            (r#"{"Records":[{"s3":{}}]}"#, r#"{"envelope":"s3","error":"/Records/0/s3/bucket: missing"}"#),
            (r#"{"Records":[{"messageId":"m"}]}"#, r#"{"envelope":"sqs","error":"/Records/0/body: missing"}"#),
            (
                r#"{"Messages":[{"Body":"x"}]}"#,
                r#"{"envelope":"sqs","error":"/Messages/0/Body: not JSON: expected value at line 1 column 1"}"#,
            ),
        ];
        for (text, line) in cases {
            assert_eq!(lines(text), [line], "{text}");
        }
    }

    #[test]
    fn any_text_that_holds_events_is_taken() {
        let quoted = Value::from(EVENT).to_string();
        let received = format!(r#"{{"Messages":[{{"Body":{quoted}}},{{"Body":{quoted}}}]}}"#);
        let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(EVENT).unwrap()).unwrap();
        let cut = &pretty[..pretty.len() - 3];
        let cases = [
            (EVENT.to_owned(), vec!["s3"]),
            (format!("\u{feff}{EVENT}\n"), vec!["s3"]),
            (format!("{EVENT}\n\n{EVENT}\r\n"), vec!["s3", "s3"]),
            (format!("{pretty}\n{pretty}"), vec!["s3", "s3"]),
            (received, vec!["sqs/s3", "sqs/s3"]),
            (format!(r#"{{"Records":[{{"messageId":"m","body":{quoted}}}]}}"#), vec!["sqs/s3"]),
            (format!("{EVENT}\nnonsense\n{EVENT}"), vec!["s3", "! not JSON: expected ident at line 1 column 2", "s3"]),
            (" \n".to_owned(), vec!["! empty"]),
        ];
        for (text, expected) in cases {
            assert_eq!(envelopes(&text), expected, "{text}");
        }
        assert_eq!(envelopes(cut).len(), 1, "a cut document is one fault");
    }
}
