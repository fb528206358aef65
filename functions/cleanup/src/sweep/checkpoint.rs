//! Where a scheduled sweep goes on: one small object under `BRIGADE_STATE`.

use brigade::config::Place;
use brigade::event::{KeyError, ObjectKey};
use brigade::storage::{Delete, Encryption, ErrorKind, Get, Location, PutOptions, Result as Stored, Store};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

/// The format that this version writes. A checkpoint of another one is not believed: the sweep begins anew.
const VERSION: u32 = 1;
const NAME: &str = "sweep.json";

/// The derived key behind which the next sweep begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    v: u32,
    /// What the derived keys of the part begin with.
    pub(super) part: String,
    pub(super) after: String,
}

impl Checkpoint {
    pub(super) fn new(part: String, after: String) -> Self {
        Self { v: VERSION, part, after }
    }

    /// `state` is the function's own folder.
    pub(super) fn place(state: &Place) -> Result<Location, KeyError> {
        Ok(Location::new(state.bucket.clone(), ObjectKey::new(format!("{}{NAME}", state.prefix))?))
    }

    pub(super) async fn read(store: &dyn Store, at: &Location) -> Stored<Option<Self>> {
        let object = match store.get(at, Get::default()).await {
            Ok(object) => object,
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker) => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = object.body.try_collect::<Vec<_>>().await?.concat();
        let checkpoint: Option<Self> = serde_json::from_slice(&bytes).ok();
        Ok(checkpoint.filter(|checkpoint| checkpoint.v == VERSION))
    }

    /// `None`: the next sweep begins at the beginning.
    pub(super) async fn write(
        store: &dyn Store,
        at: &Location,
        encryption: &Encryption,
        checkpoint: Option<&Self>,
    ) -> Stored<()> {
        match checkpoint {
            None => store.delete(at, Delete::default()).await.map(drop),
            Some(checkpoint) => {
                let bytes = serde_json::to_vec(checkpoint).unwrap_or_default();
                let content_type = Some("application/json".to_owned());
                let options = PutOptions { content_type, encryption: encryption.clone(), ..PutOptions::default() };
                store.put(at, bytes.into(), options).await.map(drop)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_stored_is_read() {
        let first = r#"{"v":1,"part":"s3://derived/t/photos/","after":"t/photos/a/1.jpg"}"#;
        let expected = Checkpoint::new("s3://derived/t/photos/".to_owned(), "t/photos/a/1.jpg".to_owned());
        assert_eq!(serde_json::from_str::<Checkpoint>(first).unwrap(), expected);
        assert_eq!(serde_json::to_string(&expected).unwrap(), first);
    }
}
