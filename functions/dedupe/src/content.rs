//! Keys with the same content: noted in the state, told in the message, tagged if wished. Nothing is ever deleted.

use brigade::event::{BucketName, ObjectEvent, ObjectKey};
use brigade::ledger::{Digest, Documents, Layout, LedgerError, Step, Stored};
use brigade::storage::{ErrorKind, Head, Location, ObjectMeta, Store, StoreError};
use serde::{Deserialize, Serialize};

/// Keys that are noted for one content. Further ones are told, and not noted.
const MAX_KEYS: usize = 100;
/// S3's limits on a tag's value, in characters, and on an object's tags.
const MAX_TAG_VALUE: usize = 256;
const MAX_TAGS: usize = 10;

/// The tag of an object whose content another key had first.
pub const TAG: &str = "duplicate-of";

/// Who has one content: `{bucket, key}` in the order in which they came, the key form-encoded as notifications have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Holders {
    size: u64,
    checksum: String,
    holders: Vec<(String, String)>,
}

impl Stored for Holders {
    const VERSION: u32 = 1;
}

/// The place that had the content of `event`'s object first, as `s3://bucket/key` with the key form-encoded.
///
/// `None`: this one is the first, or S3 has no checksum of the full object, or the object is gone or changed by now. Holders
/// that are gone or have other content by now are passed over, and forgotten.
pub(crate) async fn first_holder(
    documents: &Documents,
    layout: &Layout,
    event: &ObjectEvent,
) -> Result<Option<String>, LedgerError> {
    let store = documents.store();
    let source = Location::new(event.bucket.clone(), event.key.clone());
    let Some((size, checksum)) = content(store, &source, |found| is_of(event, found)).await? else { return Ok(None) };
    let digest = Digest::of(&[&size.to_string(), &checksum]).to_hex();
    let key = format!("{}contents/{}/{digest}.json", layout.place.prefix, layout.name);
    let bad = |reason: String| LedgerError::Damaged { place: key.clone(), reason };
    let at = Location::new(layout.place.bucket.clone(), ObjectKey::new(&*key).map_err(|error| bad(error.to_string()))?);
    let mine = (event.bucket.as_str().to_owned(), event.key.to_form_encoded());
    let known = documents.read::<Holders>(&at).await?;
    let gone = gone(store, known.value.as_ref(), &mine, (size, &checksum)).await?;
    let step = |holders: Option<&Holders>, _| note(holders, &gone, &mine, (size, &checksum));
    let updated = documents.update(&at, Some(known), step).await?;
    let first = updated.answer.ok_or_else(|| LedgerError::Contended { place: at.to_string() })?;
    Ok(first.map(|(bucket, key)| format!("s3://{bucket}/{key}")))
}

/// Tags the object of `event`. Where S3 refuses, or there are ten tags already, it stays untagged: `false`.
pub(crate) async fn tag(store: &dyn Store, event: &ObjectEvent, first: &str) -> Result<bool, StoreError> {
    let at = Location::new(event.bucket.clone(), event.key.clone());
    let version = event.version_id.as_deref();
    let mut tags = store.get_tags(&at, version).await?;
    if tags.len() >= MAX_TAGS && !tags.contains_key(TAG) {
        return Ok(false);
    }
    tags.insert(TAG.to_owned(), tag_value(first));
    store.put_tags(&at, version, tags).await.map(|()| true)
}

/// What a tag's value can carry: letters, numbers, spaces and `+ - = . _ : / @`. `%` is written `=`, and `*` `=2A`; what is too
/// long is cut.
fn tag_value(place: &str) -> String {
    place
        .replace('%', "=")
        .replace('*', "=2A")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || " +-=._:/@".contains(*c))
        .take(MAX_TAG_VALUE)
        .collect()
}

/// Size and full-object checksum of what is there now, if it is what is meant.
async fn content(
    store: &dyn Store,
    at: &Location,
    is_meant: impl Fn(&ObjectMeta) -> bool,
) -> Result<Option<(u64, String)>, StoreError> {
    match store.head(at, Head::default()).await {
        Ok(found) if !is_meant(&found) => Ok(None),
        Ok(ObjectMeta { size, checksum, .. }) => Ok(checksum.map(|checksum| (size, checksum))),
        Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker) => Ok(None),
        Err(error) => Err(error),
    }
}

/// It is what the event tells of, as far as that says: neither another version nor other bytes.
fn is_of(event: &ObjectEvent, found: &ObjectMeta) -> bool {
    let is_another = |told: &Option<String>, found: Option<&str>| told.as_deref().is_some_and(|told| found != Some(told));
    // Where versions are suspended or off, S3 names the null version in one place and not in another.
    let named = |id: &Option<String>| id.clone().filter(|id| id != "null");
    let (told, version) = (named(&event.version_id), named(&found.version_id));
    !is_another(&told, version.as_deref()) && !is_another(&event.etag, Some(&found.etag))
}

/// The holders before `mine` that don't have the content any more, up to the first that has it. What lies under a customer's
/// key now shows nobody its checksum, for good.
async fn gone(
    store: &dyn Store,
    known: Option<&Holders>,
    mine: &(String, String),
    (size, checksum): (u64, &str),
) -> Result<Vec<(String, String)>, StoreError> {
    let mut gone = Vec::new();
    for holder in known.into_iter().flat_map(|known| &known.holders).take_while(|holder| *holder != mine) {
        let there = match ObjectKey::from_form_encoded(&holder.1) {
            Ok(key) => match content(store, &Location::new(BucketName::new(holder.0.as_str()), key), |_| true).await {
                Err(error) if error.kind == ErrorKind::CustomerKey => None,
                found => found?,
            },
            Err(_) => None,
        };
        if there.is_some_and(|(found, sum)| found == size && sum == checksum) {
            break;
        }
        gone.push(holder.clone());
    }
    Ok(gone)
}

type Holder = (String, String);

/// Notes a holder, and answers who was first, if it was another.
fn note(holders: Option<&Holders>, gone: &[Holder], mine: &Holder, content: (u64, &str)) -> Step<Holders, Option<Holder>> {
    let (size, checksum) = content;
    let mut next = holders.cloned().unwrap_or_default();
    (next.size, next.checksum) = (size, checksum.to_owned());
    next.holders.retain(|holder| !gone.contains(holder));
    if !next.holders.contains(mine) && next.holders.len() < MAX_KEYS {
        next.holders.push(mine.clone());
    }
    let first = next.holders.first().filter(|first| *first != mine).cloned();
    if holders == Some(&next) { Step::Keep(first) } else { Step::Write(next, first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_come_in_order_and_go_when_they_are_gone() {
        let holder = |key: &str| ("b".to_owned(), key.to_owned());
        let holders = |keys: &[&str]| Holders {
            size: 1,
            checksum: "c".to_owned(),
            holders: keys.iter().map(|key| holder(key)).collect(),
        };
        type Row<'a> = (&'a str, Option<Holders>, &'a [&'a str], &'a [&'a str], Option<&'a str>);
        let rows: [Row<'_>; 5] = [
            ("the first", None, &[], &["me"], None),
            ("the second", Some(holders(&["a"])), &[], &["a", "me"], Some("a")),
            ("known already", Some(holders(&["a", "me"])), &[], &["a", "me"], Some("a")),
            ("the first is gone", Some(holders(&["a", "b"])), &["a"], &["b", "me"], Some("b")),
            ("all others are gone", Some(holders(&["a"])), &["a"], &["me"], None),
        ];
        for (situation, known, gone, after, first) in rows {
            let gone: Vec<Holder> = gone.iter().map(|key| holder(key)).collect();
            let unchanged = known == Some(holders(after));
            match note(known.as_ref(), &gone, &holder("me"), (1, "c")) {
                Step::Write(next, told) => {
                    assert!(!unchanged, "{situation}");
                    assert_eq!((next, told), (holders(after), first.map(holder)), "{situation}");
                }
                Step::Keep(told) => assert_eq!((unchanged, told), (true, first.map(holder)), "{situation}"),
            }
        }
    }

    #[test]
    fn a_tags_value_has_what_s3_allows() {
        assert_eq!(tag_value("s3://b/a+b/%C3%BC*.jpg"), "s3://b/a+b/=C3=BC=2A.jpg");
        assert_eq!(tag_value(&"x".repeat(1000)).len(), 256);
    }
}
