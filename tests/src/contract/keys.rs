//! Keys that encodings and path rules like to break.

use brigade::event::{KeyError, MAX_KEY_BYTES, ObjectKey};
use brigade::storage::List;

use super::world::World;

const STRANGE: [&str; 16] = [
    "a b",
    "a%20b",
    "a%2Bb",
    "a&b=c?d#e",
    "a+b",
    "a//b",
    "a/./b",
    "a/;:@$!*'(),~",
    "a\\b|c",
    "back`tick^{}[]",
    "folder/",
    "quote\"<>",
    "space at the end ",
    // The same letter, composed and not: two keys.
    "e\u{301}.jpg",
    "\u{e9}.jpg",
    "日本/😀.png",
];

pub(super) async fn strange_keys_round_trip(w: &World<'_>) {
    for key in STRANGE {
        let at = w.at(&format!("keys/{key}"));
        w.put(&at, key).await;
    }
    for key in STRANGE {
        let at = w.at(&format!("keys/{key}"));
        assert_eq!(w.read(&at).await, key, "each key has an object of its own");
    }
}

pub(super) async fn strange_keys_are_listed(w: &World<'_>) {
    let mut expected: Vec<String> = STRANGE.iter().map(|key| format!("listed keys+/{key}")).collect();
    for key in &expected {
        w.put(&w.at(key), "1").await;
    }
    expected.sort();
    let page = w.list(List { prefix: "listed keys+/".to_owned(), ..List::default() }).await;
    let found: Vec<_> = page.objects.iter().map(|object| object.key.as_str().to_owned()).collect();
    assert_eq!(found, expected);
}

pub(super) async fn the_longest_key_is_1024_bytes(w: &World<'_>) {
    let prefix = "longest/";
    // Each of these characters has two bytes.
    let longest = format!("{prefix}{}", "é".repeat((MAX_KEY_BYTES - prefix.len()) / 2));
    assert_eq!(longest.len(), MAX_KEY_BYTES);
    let at = w.at(&longest);
    w.put(&at, "1").await;
    assert_eq!(w.read(&at).await, "1");
    assert_eq!(ObjectKey::new(format!("{longest}x")), Err(KeyError::TooLong(MAX_KEY_BYTES + 1)));
}
