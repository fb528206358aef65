//! Where a scheduled sweep goes on: one small object under `BRIGADE_STATE`.

use brigade::config::{Place, Span};
use brigade::derived::Template;
use brigade::event::ObjectKey;
use brigade::hex;
use brigade::storage::{
    Condition, Delete, Encryption, ErrorKind, Get, Location, PutOptions, Result as Stored, Store, StoreError,
};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The format that this version writes.
const VERSION: u32 = 1;
/// What is longer is no checkpoint: two keys of S3's longest, each byte escaped, are shorter.
const MAX_BYTES: u64 = 16 * 1024;

/// The derived key behind which the next sweep begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    v: u32,
    /// What the derived keys of the part begin with.
    pub(super) part: String,
    /// `None`: before all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
}

impl Checkpoint {
    pub(super) fn new(part: String, after: Option<String>) -> Self {
        Self { v: VERSION, part, after }
    }
}

/// The place of the checkpoint, and what was found there. Only what was read as a checkpoint is ever replaced or removed, on
/// the etag that it had: the bucket is somebody else's too.
#[derive(Debug)]
pub(super) struct Kept {
    at: Location,
    found: Found,
}

#[derive(Debug)]
enum Found {
    Nothing,
    Checkpoint(Checkpoint, String),
    /// Another format, or no checkpoint at all. It is not believed: the sweep begins anew.
    Other,
}

impl Kept {
    /// `state` is the function's own folder. Each set of templates and inputs has a place of its own in it, so that two
    /// functions may share a state.
    pub(super) async fn read(store: &dyn Store, state: &Place, templates: &[Template], input: &[Span]) -> Stored<Self> {
        let key = format!("{}sweep-{}.json", state.prefix, digest(templates, input));
        let too_long = |error| {
            StoreError::new(ErrorKind::Invalid, "GetObject", "BRIGADE_STATE", "KeyTooLongError", format!("{key}: {error}"))
        };
        let at = Location::new(state.bucket.clone(), ObjectKey::new(key.clone()).map_err(too_long)?);
        let object = match store.get(&at, Get::default()).await {
            Ok(object) => object,
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker) => {
                return Ok(Self { at, found: Found::Nothing });
            }
            Err(error) => return Err(error),
        };
        if object.meta.size > MAX_BYTES {
            return Ok(Self { at, found: Found::Other });
        }
        let bytes = object.body.try_collect::<Vec<_>>().await?.concat();
        let checkpoint: Option<Checkpoint> = serde_json::from_slice(&bytes).ok();
        let checkpoint = checkpoint.filter(|checkpoint| checkpoint.v == VERSION);
        let found = checkpoint.map_or(Found::Other, |checkpoint| Found::Checkpoint(checkpoint, object.meta.etag));
        Ok(Self { at, found })
    }

    pub(super) fn checkpoint(&self) -> Option<&Checkpoint> {
        match &self.found {
            Found::Checkpoint(checkpoint, _) => Some(checkpoint),
            Found::Nothing | Found::Other => None,
        }
    }

    /// Puts `next` there; `None`: the next sweep begins at the beginning. `Err` inside: something else lies there.
    ///
    /// Who lost a race leaves the winner's: each place is one that a sweep has come to.
    pub(super) async fn replace(
        self,
        store: &dyn Store,
        encryption: &Encryption,
        next: Option<&Checkpoint>,
    ) -> Stored<Result<(), Location>> {
        let at = self.at;
        let done = match (self.found, next) {
            (Found::Nothing | Found::Other, None) => Ok(()),
            (Found::Other, Some(_)) => return Ok(Err(at)),
            (Found::Checkpoint(last, _), Some(next)) if last == *next => Ok(()),
            (Found::Checkpoint(_, etag), None) => {
                store.delete(&at, Delete { version_id: None, if_match: Some(etag) }).await.map(drop)
            }
            (Found::Checkpoint(_, etag), Some(next)) => put(store, &at, encryption, next, Condition::IfMatch(etag)).await,
            (Found::Nothing, Some(next)) => put(store, &at, encryption, next, Condition::IfAbsent).await,
        };
        match done {
            Err(error) if is_lost_race(&error) => Ok(Ok(())),
            done => done.map(Ok),
        }
    }
}

async fn put(
    store: &dyn Store,
    at: &Location,
    encryption: &Encryption,
    checkpoint: &Checkpoint,
    condition: Condition,
) -> Stored<()> {
    let bytes = serde_json::to_vec(checkpoint).unwrap_or_default();
    let content_type = Some("application/json".to_owned());
    let options = PutOptions { condition, content_type, encryption: encryption.clone(), ..PutOptions::default() };
    store.put(at, bytes.into(), options).await.map(drop)
}

fn is_lost_race(error: &StoreError) -> bool {
    use ErrorKind::{Conflict, DeleteMarker, NotFound, PreconditionFailed};
    matches!(error.kind, PreconditionFailed | Conflict | NotFound | DeleteMarker)
}

/// Of what is swept, in whatever order it is configured: 16 hex digits.
fn digest(templates: &[Template], input: &[Span]) -> String {
    let mut names: Vec<String> = templates.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    let mut spans: Vec<String> = input.iter().map(ToString::to_string).collect();
    spans.sort_unstable();
    let digest = names.iter().chain(&spans).fold(Sha256::new(), |digest, name| digest.chain_update(name).chain_update([0]));
    hex(digest.finalize().into_iter().take(8))
}

#[cfg(test)]
mod tests {
    use brigade::config::parse_spans;

    use super::*;

    #[test]
    fn what_earlier_versions_stored_is_read() {
        let first = r#"{"v":1,"part":"s3://derived/t/photos/","after":"t/photos/a/1.jpg"}"#;
        let expected = Checkpoint::new("s3://derived/t/photos/".to_owned(), Some("t/photos/a/1.jpg".to_owned()));
        assert_eq!(serde_json::from_str::<Checkpoint>(first).unwrap(), expected);
        assert_eq!(serde_json::to_string(&expected).unwrap(), first);
        let beginning = r#"{"v":1,"part":"s3://derived/t/photos/"}"#;
        assert_eq!(serde_json::from_str::<Checkpoint>(beginning).unwrap(), Checkpoint { after: None, ..expected });
    }

    #[test]
    fn what_is_swept_names_the_place() {
        let digest = |templates: &[&str], input: &str| {
            let templates: Vec<Template> = templates.iter().map(|text| Template::parse(text).unwrap()).collect();
            super::digest(&templates, &parse_spans(input).unwrap())
        };
        let (one, two) = ("s3://d/t/{bucket}/{key}/{size}.{ext}", "s3://e/{bucket}/{key}/{size}");
        // The name of a stored object: it stays.
        assert_eq!(digest(&[one], "s3://photos/*"), "9c51e6b157bf07b3");
        assert_eq!(digest(&[one, two], "s3://a/*,s3://b/*"), digest(&[two, one], "s3://b/*,s3://a/*"));
        for (templates, input) in [(&[two][..], "s3://photos/*"), (&[one], "s3://photos/a*"), (&[one, two], "s3://photos/*")] {
            assert_ne!(digest(&[one], "s3://photos/*"), digest(templates, input));
        }
    }
}
