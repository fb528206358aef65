//! Any text decodes to at least one item, and whatever decodes to an event survives S3's own notation.

#![no_main]

use brigade::event::{Decoded, Invocation, ObjectEvent, Record, decode, decode_document, decode_value, decoded_line, to_notification};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    check(&decode(text));
    check(&decode_document(text));
    if let Ok(payload) = serde_json::from_str(text) {
        match Invocation::from_value(&payload) {
            Invocation::Messages(messages) => messages.iter().for_each(|message| check(&message.decode())),
            Invocation::Direct(decoded) => check(&decoded),
            Invocation::Batch(job) => assert!(!job.tasks.is_empty()),
            Invocation::Scheduled => {}
            Invocation::Refused(malformed) => assert!(!malformed.reason.is_empty()),
        }
    }
});

fn check(decoded: &[Decoded]) {
    assert!(!decoded.is_empty());
    for item in decoded {
        decoded_line(item);
        if let Ok(Record::Object(event)) = &item.record {
            check_round_trip(event);
        }
    }
}

/// The bucket, the key and the name are what workers go by; the time loses what is below a millisecond.
fn check_round_trip(event: &ObjectEvent) {
    let again = decode_value(&to_notification(event));
    let [Decoded { record: Ok(Record::Object(back)), .. }] = &again[..] else { panic!("{event:?} became {again:?}") };
    assert_eq!((&back.bucket, &back.key, &back.kind), (&event.bucket, &event.key, &event.kind));
    assert_eq!((&back.version_id, back.size, &back.sequencer), (&event.version_id, event.size, &event.sequencer));
}
