//! Documents on a store that does to each write what the test says.

use std::sync::atomic::Ordering;

use super::*;
use crate::storage::trap::{Fate, Trap};
use crate::storage::{EmbeddedStore, Head};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Names {
    names: Vec<String>,
}

impl Stored for Names {
    const VERSION: u32 = 2;

    fn from_earlier(version: u32, document: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct First {
            name: String,
        }
        match version {
            1 => serde_json::from_slice(document).map(|First { name }| Self { names: vec![name] }).map_err(|e| e.to_string()),
            other => Err(format!("format {other} is not known")),
        }
    }
}

fn names(of: &[&str]) -> Names {
    Names { names: of.iter().map(|name| (*name).to_owned()).collect() }
}

fn documents(fates: impl IntoIterator<Item = Fate>) -> (Documents, Arc<Trap>) {
    let trap = Arc::new(Trap::new(fates));
    (Documents::new(Arc::clone(&trap) as Arc<dyn Store>, Nonces::new(fastrand::Rng::with_seed(7))), trap)
}

fn at() -> Location {
    Trap::at("ledger/one")
}

fn written<T>(replaced: Replaced<T>) -> Seen<T> {
    match replaced {
        Replaced::Written(seen) => seen,
        Replaced::Contended(_) => panic!("somebody else's write"),
    }
}

#[tokio::test]
async fn a_document_is_made_read_and_replaced() {
    let (documents, _) = documents([]);
    let absent = documents.read::<Names>(&at()).await.unwrap();
    assert_eq!(absent.value, None);
    let first = written(documents.replace(&at(), &absent, names(&["a"])).await.unwrap());
    let second = written(documents.replace(&at(), &first, names(&["a", "b"])).await.unwrap());
    assert_eq!(documents.read::<Names>(&at()).await.unwrap(), second);
}

#[tokio::test]
async fn contention_is_a_value_and_shows_what_is_there() {
    let (documents, _) = documents([]);
    let absent = documents.read::<Names>(&at()).await.unwrap();
    let theirs = written(documents.replace(&at(), &absent, names(&["theirs"])).await.unwrap());
    for mine in ["mine", "theirs"] {
        let replaced = documents.replace(&at(), &absent, names(&[mine])).await.unwrap();
        assert_eq!(replaced, Replaced::Contended(theirs.clone()), "{mine}");
    }
}

#[tokio::test]
async fn my_own_write_whose_reply_was_lost_is_known_by_its_nonce() {
    for fate in [Fate::LostReply, Fate::SentTwice] {
        let (documents, _) = documents([fate, fate]);
        let absent = documents.read::<Names>(&at()).await.unwrap();
        let first = written(documents.replace(&at(), &absent, names(&["a"])).await.unwrap());
        let second = written(documents.replace(&at(), &first, names(&["b"])).await.unwrap());
        assert_eq!(second.value, Some(names(&["b"])), "{fate:?}");
    }
}

#[tokio::test]
async fn a_write_without_an_answer_that_is_not_there_is_an_error() {
    for (fate, kind) in
        [(Fate::LostRequest, ErrorKind::Unavailable), (Fate::Refused(ErrorKind::Throttled), ErrorKind::Throttled)]
    {
        let (documents, _) = documents([fate]);
        let absent = documents.read::<Names>(&at()).await.unwrap();
        match documents.replace(&at(), &absent, names(&["a"])).await {
            Err(LedgerError::Store(error)) => assert_eq!(error.kind, kind),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_refusal_that_no_own_write_explains_costs_no_second_look() {
    let (documents, trap) = documents([Fate::Refused(ErrorKind::AccessDenied)]);
    let absent = documents.read::<Names>(&at()).await.unwrap();
    assert!(documents.replace(&at(), &absent, names(&["a"])).await.is_err());
    assert_eq!(trap.heads.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn equal_contents_do_not_pass_for_the_same_document() {
    let (documents, _) = documents([]);
    let absent = documents.read::<Names>(&at()).await.unwrap();
    let first = written(documents.replace(&at(), &absent, names(&["a"])).await.unwrap());
    let second = written(documents.replace(&at(), &first, names(&["b"])).await.unwrap());
    let third = written(documents.replace(&at(), &second, names(&["a"])).await.unwrap());
    assert_eq!(first.value, third.value);
    assert_eq!(documents.replace(&at(), &first, names(&["c"])).await.unwrap(), Replaced::Contended(third));
}

#[tokio::test]
async fn what_is_too_large_is_not_written() {
    let (documents, trap) = documents([]);
    let documents = documents.with_limit(64);
    let absent = documents.read::<Names>(&at()).await.unwrap();
    let long = names(&["x".repeat(64).as_str()]);
    assert!(matches!(documents.replace(&at(), &absent, long).await, Err(LedgerError::TooLarge { limit: 64, .. })));
    assert!(trap.inside.head(&at(), Head::default()).await.is_err());
}

#[tokio::test]
async fn what_is_no_document_of_this_program_is_left_alone() {
    let cases: [(&str, &str); 5] = [
        ("not json", "ledger-damaged"),
        (r#"{"v":2,"nonce":"n"}"#, "ledger-damaged"),
        (r#"{"names":["a"]}"#, "ledger-damaged"),
        (r#"{"v":3,"nonce":"n","names":["a"]}"#, "ledger-newer"),
        (r#"{"v":0,"nonce":"n","name":"a"}"#, "ledger-damaged"),
    ];
    for (body, code) in cases {
        let (documents, trap) = documents([]);
        trap.inside.put(&at(), Bytes::from(body), PutOptions::default()).await.unwrap();
        let error = documents.read::<Names>(&at()).await.unwrap_err();
        assert_eq!(error.verdict().reason().unwrap().code, code, "{body}");
        assert!(!error.to_string().contains("names"), "{error}");
    }
}

#[tokio::test]
async fn an_earlier_format_is_read_and_replaced_by_this_one() {
    let (documents, trap) = documents([]);
    trap.inside.put(&at(), Bytes::from(r#"{"v":1,"nonce":"n","name":"a"}"#), PutOptions::default()).await.unwrap();
    let seen = documents.read::<Names>(&at()).await.unwrap();
    assert_eq!(seen.value, Some(names(&["a"])));
    written(documents.replace(&at(), &seen, names(&["a", "b"])).await.unwrap());
    assert_eq!(documents.read::<Names>(&at()).await.unwrap().value, Some(names(&["a", "b"])));
}

#[tokio::test]
async fn an_update_decides_anew_on_what_others_wrote() {
    let (documents, _) = documents([]);
    let stale = documents.read::<Names>(&at()).await.unwrap();
    written(documents.replace(&at(), &stale, names(&["theirs"])).await.unwrap());
    let add = |value: Option<&Names>, _| {
        let mut new = value.cloned().unwrap_or(names(&[]));
        new.names.push("mine".to_owned());
        Step::Write(new, ())
    };
    let updated = documents.update(&at(), Some(stale), add).await.unwrap();
    assert_eq!((updated.answer, updated.lost), (Some(()), 1));
    assert_eq!(updated.seen.value, Some(names(&["theirs", "mine"])));
}

#[tokio::test]
async fn an_update_gives_up_when_others_are_always_first() {
    let (documents, _) = documents(vec![Fate::Refused(ErrorKind::Conflict); 16]);
    let updated = documents.update(&at(), None, |_, _| Step::Write(names(&["a"]), ())).await.unwrap();
    assert_eq!((updated.answer, updated.lost, updated.seen.value), (None, MAX_ATTEMPTS, None));
}

#[tokio::test]
async fn what_is_not_there_yet_is_not_taken_for_made_by_another() {
    // 409: another's write is under way, and has made nothing so far.
    let (documents, _) = documents(vec![Fate::Refused(ErrorKind::Conflict)]);
    let created = documents.create(&at(), names(&["a"])).await;
    assert!(matches!(created, Err(LedgerError::Contended { .. })), "{created:?}");
    written(documents.create(&at(), names(&["a"])).await.unwrap());
    let again = documents.create(&at(), names(&["b"])).await.unwrap();
    assert!(matches!(again, Replaced::Contended(seen) if seen.value == Some(names(&["a"]))), "another's is one, too");
}

#[tokio::test]
async fn the_date_is_that_of_the_stores_clock() {
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let store = EmbeddedStore::new().with_clock(Arc::new(move || now + time::Duration::milliseconds(900)));
    store.create_bucket(&at().bucket, "us-east-1").unwrap();
    let documents = Documents::new(Arc::new(store), Nonces::new(fastrand::Rng::with_seed(1)));
    let absent = documents.read::<Names>(&at()).await.unwrap();
    let there = written(documents.replace(&at(), &absent, names(&["a"])).await.unwrap());
    assert_eq!((absent.date, there.date), (now, now));
}
