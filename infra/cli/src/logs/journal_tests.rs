//! What a batch takes, what a document takes away, and that documents of every version are read.

use super::*;

fn log(name: &str, size: u64) -> Log {
    Log { name: name.to_owned(), path: Some(format!("/{name}")), size, etag: None, archived: false }
}

fn left(logs: &[Log]) -> BTreeMap<String, Log> {
    logs.iter().map(|log| (log.place().to_owned(), log.clone())).collect()
}

#[test]
fn a_batch_is_named_after_all_that_its_parts_depend_on() {
    let base = [log("a", 1), log("b", 2)];
    assert_eq!(id(&base, ""), id(&base, ""));
    let elsewhere = Log { path: Some("/mnt/b".to_owned()), ..log("b", 2) };
    let called_otherwise = Log { name: "./b".to_owned(), ..log("b", 2) };
    for (other, settings) in [
        (vec![log("a", 1)], ""),
        (vec![log("a", 1), log("b", 3)], ""),
        (vec![log("a", 1), elsewhere], ""),
        (vec![log("a", 1), called_otherwise], ""),
        (base.to_vec(), "hour"),
    ] {
        assert_ne!(id(&base, ""), id(&other, settings), "{other:?} {settings}");
    }
}

#[test]
fn a_batch_is_full_with_a_gibibyte_of_text_or_ten_thousand_logs() {
    let names = |logs: &[Log]| cut(&left(logs), "").inputs.iter().map(|log| log.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&[log("a", BATCH_BYTES), log("b", 1)]), ["a"]);
    assert_eq!(names(&[log("a", BATCH_BYTES - 1), log("b", 1), log("c", 1)]), ["a", "b"]);
    assert_eq!(names(&[log("a.gz", BATCH_BYTES / 8), log("b", 1)]), ["a.gz"]);
    assert_eq!(names(&[log("a", BATCH_BYTES * 2), log("b", 1)]), ["a"], "one is a batch, however large");
    let many: Vec<Log> = (0..=BATCH_INPUTS).map(|n| log(&format!("{n:05}"), 1)).collect();
    assert_eq!(names(&many).len(), BATCH_INPUTS);
}

#[test]
fn what_a_document_has_is_left_out() {
    let mut state = State {
        next: 1,
        left: left(&[log("a", 1), log("b", 2), log("c", 3)]),
        begun: VecDeque::new(),
        before: 0,
        changed: Vec::new(),
        unreadable: Vec::new(),
    };
    let document =
        |logs: &[Log]| Document { v: VERSION, batch: "B".to_owned(), settings: String::new(), inputs: logs.to_vec() };
    state.see(1, document(&[log("a", 1), log("z", 1)]), true);
    state.see(2, document(&[log("b", 3)]), true);
    state.see(3, document(&[log("z", 9)]), false);
    state.see(4, document(&[log("c", 3)]), false);
    assert!(state.left.is_empty());
    assert_eq!(state.before, 1);
    assert_eq!(state.changed, [("b".to_owned(), 2)]);
    let begun: Vec<u64> = state.begun.iter().map(|(number, ..)| *number).collect();
    assert_eq!(begun, [4], "a batch of none of this run's logs is not its own to finish");
}

#[test]
fn documents_of_version_1_are_read() {
    let text = r#"{"v":1,"batch":"00ff","settings":"1 Settings","inputs":[
        {"name":"day/a.log","path":"/logs/day/a.log","size":5},{"name":"s3://logs/a","size":7,"etag":"\"e\""}]}"#;
    let document: Document = serde_json::from_str(text).unwrap();
    assert_eq!((document.v, document.batch.as_str(), document.settings.as_str()), (1, "00ff", "1 Settings"));
    let inputs: Vec<Input> = document.inputs.into_iter().map(|log| log.input().unwrap()).collect();
    let object = Location::new(brigade::event::BucketName::new("logs"), ObjectKey::new("a").unwrap());
    assert_eq!(
        inputs,
        [
            Input { name: "day/a.log".to_owned(), size: 5, place: Place::File("/logs/day/a.log".into()), archived: false },
            Input {
                name: "s3://logs/a".to_owned(),
                size: 7,
                place: Place::Object(object, "\"e\"".to_owned()),
                archived: false
            },
        ]
    );
    let done: Done = serde_json::from_str(r#"{"v":1,"parts":2}"#).unwrap();
    assert_eq!((done.v, done.parts), (1, 2));
}
