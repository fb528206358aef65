//! The corpus of sample events: each file decodes to its snapshot, and no damage to a file panics or spreads.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise; clippy.toml lets only functions marked as tests do so"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use brigade::event::{
    Decoded, Invocation, Message, ObjectEvent, ObjectKey, Record, decode, decode_document, decode_value, decoded_line,
    to_notification,
};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

/// Mutations of each file as a whole, and of each file's messages.
const MUTATIONS_PER_FILE: u64 = 300;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files' names without `.json`, and their texts.
fn corpus() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for entry in root().join("events").read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    assert!(files.len() >= 32, "the corpus has shrunk to {} files", files.len());
    files
}

fn names(files: &[(String, String)]) -> BTreeSet<&str> {
    files.iter().map(|(name, _)| name.as_str()).collect()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_file_decodes_to_its_snapshot() {
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        for (name, text) in corpus() {
            insta::assert_snapshot!(format!("event-{name}"), render(&Invocation::from_value(&parse(&text))));
        }
    });
}

#[test]
fn no_snapshot_is_left_over() {
    let files = corpus();
    for entry in root().join("tests/tests/snapshots").read_dir().unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = file.strip_prefix("event-").and_then(|rest| rest.strip_suffix(".snap")) {
            assert!(names(&files).contains(name), "tests/tests/snapshots/{file} has no events/{name}.json: delete it");
        }
    }
}

#[test]
fn every_file_is_described() {
    let files = corpus();
    let readme = std::fs::read_to_string(root().join("events/README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(".json` | "));
    let described = rows.map(|(name, _)| name).collect::<BTreeSet<_>>();
    let undescribed = names(&files).difference(&described).copied().collect::<Vec<_>>();
    assert!(undescribed.is_empty(), "add a line to events/README.md for {undescribed:?}");
    let absent = described.difference(&names(&files)).copied().collect::<Vec<_>>();
    assert!(absent.is_empty(), "events/README.md describes {absent:?}, which do not exist");
}

#[test]
fn the_command_line_sees_what_the_function_sees() {
    for (name, text) in corpus() {
        let seen = match Invocation::from_value(&parse(&text)) {
            Invocation::Messages(messages) => messages.iter().flat_map(Message::decode).collect(),
            Invocation::Direct(decoded) => decoded,
            // The reply's own fields are no records; `brigade decode` shows the tasks.
            Invocation::Batch(_) | Invocation::Refused(_) | Invocation::Scheduled => continue,
        };
        let sound = |decoded: &[Decoded]| decoded.iter().filter(|item| item.record.is_ok()).cloned().collect::<Vec<_>>();
        let printed = decode_document(&text);
        // A damaged envelope of SQS is a fault for the function, while its body may still be readable to a person.
        if name != "sqs-damaged-records" {
            assert_eq!(printed.len(), seen.len(), "{name}");
            assert_eq!(sound(&printed), sound(&seen), "{name}");
        }
    }
}

#[test]
fn damage_to_a_payload_never_panics() {
    for (name, text) in corpus() {
        for seed in 0..MUTATIONS_PER_FILE {
            let damaged = mutate(&text, seed);
            assert!(!decode(&damaged).is_empty(), "{name}, seed {seed}");
            let printed = decode_document(&damaged);
            assert!(!printed.is_empty(), "{name}, seed {seed}");
            check_items(&printed);
            if let Ok(payload) = serde_json::from_str::<Value>(&damaged) {
                check_invocation(&payload, &format!("{name}, seed {seed}"));
            }
        }
    }
}

#[test]
fn damage_to_one_message_leaves_its_siblings_alone() {
    let mut tried = 0;
    for (name, text) in corpus() {
        let payload = parse(&text);
        let Invocation::Messages(sound) = Invocation::from_value(&payload) else { continue };
        // A message alone in its batch gets two siblings.
        let sibling = json!({"messageId": "sibling", "body": r#"{"Event":"s3:TestEvent"}"#, "eventSource": "aws:sqs"});
        let mut records = payload["Records"].as_array().unwrap().clone();
        records.insert(0, sibling.clone());
        records.push(sibling);
        for seed in 0..MUTATIONS_PER_FILE {
            let mut rng = fastrand::Rng::with_seed(seed);
            let hit = rng.usize(1..=sound.len());
            let mut damaged = records.clone();
            // Half of the time the body suffers, half of the time the record around it.
            match (damaged[hit]["body"].as_str().map(str::to_owned), rng.bool()) {
                (Some(body), true) => damaged[hit]["body"] = Value::from(mutate(&body, seed)),
                _ => match serde_json::from_str(&mutate(&damaged[hit].to_string(), seed)) {
                    Ok(record) => damaged[hit] = record,
                    Err(_) => continue,
                },
            }
            tried += 1;
            let context = format!("{name}, seed {seed}, record {hit}");
            let Invocation::Messages(read) = Invocation::from_value(&json!({"Records": damaged})) else {
                panic!("{context}: no longer a batch");
            };
            assert_eq!(read.len(), sound.len() + 2, "{context}");
            for (at, before) in sound.iter().enumerate().filter(|(at, _)| at + 1 != hit) {
                assert_eq!(read[at + 1].id, before.id, "{context}");
                assert_eq!(read[at + 1].decode(), before.decode(), "{context}");
            }
            assert!(matches!(&read[0].decode()[..], [Decoded { record: Ok(Record::Test(_)), .. }]), "{context}");
            check_items(&read[hit].decode());
        }
    }
    assert!(tried > 5_000, "only {tried} mutations were applied");
}

#[test]
fn damage_to_one_record_leaves_its_siblings_alone() {
    let records = corpus().iter().flat_map(|(_, text)| s3_records(&parse(text))).collect::<Vec<_>>();
    let mut tried = 0;
    for seed in 0..10_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut three = [(); 3].map(|()| records[rng.usize(..records.len())].clone());
        let before = decode_value(&json!({"Records": three}));
        assert_eq!(before.len(), 3);
        let Ok(damaged) = serde_json::from_str(&mutate(&three[1].to_string(), seed)) else { continue };
        three[1] = damaged;
        tried += 1;
        let after = decode_value(&json!({"Records": three}));
        assert_eq!(after.first(), before.first(), "seed {seed}");
        assert_eq!(after.last(), before.last(), "seed {seed}");
    }
    assert!(tried > 1_000, "only {tried} mutations left JSON");
}

/// S3's own records of a payload that came directly.
fn s3_records(payload: &Value) -> Vec<Value> {
    let records = payload.get("Records").and_then(Value::as_array).into_iter().flatten();
    records.filter(|record| record.get("s3").is_some()).cloned().collect()
}

fn check_invocation(payload: &Value, context: &str) {
    match Invocation::from_value(payload) {
        Invocation::Messages(messages) => {
            assert_eq!(messages.len(), payload["Records"].as_array().unwrap().len(), "{context}");
            messages.iter().for_each(|message| check_items(&message.decode()));
        }
        Invocation::Batch(job) => {
            assert!(!job.tasks.is_empty() && !job.invocation_id.is_empty(), "{context}");
            assert!(job.tasks.iter().all(|task| !task.task_id.is_empty()), "{context}");
        }
        Invocation::Direct(decoded) => check_items(&decoded),
        Invocation::Scheduled => {}
        Invocation::Refused(malformed) => assert!(!malformed.reason.is_empty(), "{context}"),
    }
}

/// What holds for every decoding: something came out, and each fault says why.
fn check_items(decoded: &[Decoded]) {
    assert!(!decoded.is_empty());
    for item in decoded {
        let line = decoded_line(item);
        match &item.record {
            Err(malformed) => assert!(!malformed.reason.is_empty() && line["error"].is_string(), "{line}"),
            Ok(_) => assert!(line["event"].is_string() || line["envelope"].as_str().unwrap().ends_with("s3-batch"), "{line}"),
        }
        if let Ok(Record::Object(event)) = &item.record {
            check_round_trip(event);
        }
    }
}

/// Whatever decodes can be written as S3's own notification, and says the same there.
fn check_round_trip(event: &ObjectEvent) {
    let again = decode_value(&to_notification(event));
    let [Decoded { record: Ok(Record::Object(back)), .. }] = &again[..] else { panic!("{event:?} became {again:?}") };
    assert_eq!((&back.bucket, &back.key, &back.kind), (&event.bucket, &event.key, &event.kind));
    assert_eq!((&back.version_id, back.size, &back.sequencer), (&event.version_id, event.size, &event.sequencer));
}

/// One to four bytes flipped, deleted, inserted or doubled, or a stretch of them cut or repeated.
fn mutate(text: &str, seed: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.usize(1..=4) {
        if bytes.is_empty() {
            bytes.push(rng.u8(..));
        }
        let at = rng.usize(..bytes.len());
        let end = (at + rng.usize(1..64)).min(bytes.len());
        match rng.u8(..7) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => bytes[at] = rng.u8(..),
            // What JSON and keys are made of does more harm than any byte.
            2 => bytes[at] = rng.choice(br#"{}[]",:\0-en%+/"#.iter().copied()).unwrap(),
            3 => drop(bytes.remove(at)),
            4 => bytes.insert(at, rng.u8(..)),
            5 => drop(bytes.drain(at..end)),
            _ => {
                let stretch = bytes[at..end].to_vec();
                bytes.splice(at..at, stretch);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An invocation as text: one line for each message or task, and one for each of its records.
fn render(invocation: &Invocation) -> String {
    let mut out = String::new();
    match invocation {
        Invocation::Messages(messages) => {
            for message in messages {
                out += &render_message(message);
                message.decode().iter().for_each(|item| out += &render_item(item));
            }
        }
        Invocation::Batch(job) => {
            let (schema, arguments) = (&job.schema, &job.user_arguments);
            writeln!(out, "batch {schema} invocation {} job {} {arguments:?}", job.invocation_id, job.job_id).unwrap();
            for task in &job.tasks {
                writeln!(out, "task {}", task.task_id).unwrap();
                match &task.record {
                    Ok(event) => writeln!(out, "  {event:#?}").unwrap(),
                    Err(malformed) => writeln!(out, "  malformed {malformed}").unwrap(),
                }
            }
        }
        Invocation::Direct(decoded) => {
            out += "direct\n";
            decoded.iter().for_each(|item| out += &render_item(item));
        }
        Invocation::Scheduled => out += "scheduled\n",
        Invocation::Refused(malformed) => writeln!(out, "refused {malformed}").unwrap(),
    }
    out
}

fn render_message(message: &Message) -> String {
    let mut line = format!("message {}", message.id.as_deref().unwrap_or("WITHOUT ID"));
    let known = [("queue", &message.queue_arn), ("group", &message.group_id)];
    write!(line, "\n  received {}", message.receive_count).unwrap();
    for (name, value) in known {
        if let Some(value) = value {
            write!(line, "\n  {name} {value}").unwrap();
        }
    }
    for (name, value) in &message.attributes {
        write!(line, "\n  attribute {name} of {} bytes", value.len()).unwrap();
    }
    line + "\n"
}

/// The line that the command prints, and what it leaves out.
fn render_item(item: &Decoded) -> String {
    let mut line = format!("  {}\n", decoded_line(item));
    if let Ok(Record::Object(event)) = &item.record {
        let time = event.time.map(|time| time.format(&Rfc3339).unwrap());
        let hidden = [
            ("region", event.region.as_deref()),
            ("time", time.as_deref()),
            ("other key", event.other_key.as_ref().map(ObjectKey::as_str)),
        ];
        for (name, value) in hidden {
            if let Some(value) = value {
                writeln!(line, "    {name} {value}").unwrap();
            }
        }
    }
    line
}
