//! One shard of the ledger, as it is stored.

use std::collections::{BTreeMap, BTreeSet};

use brigade::event::{BucketName, KeyError, ObjectKey};
use brigade::ledger::Stored;
use brigade::storage::Location;
use serde::{Deserialize, Serialize};

use super::way::Way;

/// What has become of the inputs of one source and one delivery hour. An input is named by what its key has after the stem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Where the inputs are.
    pub bucket: String,
    /// What all their keys begin with.
    pub stem: String,
    /// Inputs whose lines are published; an input is forgotten when its object is gone.
    #[serde(default)]
    pub done: BTreeSet<String>,
    /// Inputs that nobody can ever read, each with the reason: they stay where they are, and are tried no more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_aside: BTreeMap<String, String>,
    /// Batches that are being published.
    #[serde(default)]
    pub open: Vec<Batch>,
}

/// Inputs that are published together, under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// What its parts are called: 32 hex digits that no other batch has.
    pub id: String,
    /// By name, in ascending order.
    pub inputs: Vec<String>,
    /// The nonce of who works on it.
    pub owner: String,
    /// Until when it does, in seconds since 1970 by S3's clock.
    pub lease: i64,
    /// How often somebody else took it over.
    #[serde(default)]
    pub taken_over: u32,
    /// What its inputs were expected to hold together when it was claimed.
    #[serde(default)]
    pub bytes: u64,
    /// The way in which it was begun. Version 1 told none: whoever takes such a batch over does so in his own, and says so.
    #[serde(default)]
    pub way: Option<Way>,
    /// Something of it may be published, so that it keeps the inputs that it has.
    #[serde(default)]
    pub publishing: bool,
}

impl Stored for Shard {
    const VERSION: u32 = 2;

    /// Version 1 had batches without a way, each of which may be published in part.
    fn from_earlier(version: u32, document: &[u8]) -> Result<Self, String> {
        if version != 1 {
            return Err(format!("format {version} is not known"));
        }
        let mut shard: Self = serde_json::from_slice(document).map_err(|error| format!("{:?} error", error.classify()))?;
        shard.open.iter_mut().for_each(|batch| batch.publishing = true);
        Ok(shard)
    }
}

impl Shard {
    /// A shard that nobody has written yet.
    pub fn new(bucket: &BucketName, stem: &str) -> Self {
        Self { bucket: bucket.to_string(), stem: stem.to_owned(), ..Self::default() }
    }

    /// How many inputs it knows.
    pub fn names(&self) -> usize {
        self.done.len() + self.set_aside.len() + self.open.iter().map(|batch| batch.inputs.len()).sum::<usize>()
    }

    /// The open batch of this name.
    pub fn batch(&self, id: &str) -> Option<&Batch> {
        self.open.iter().find(|batch| batch.id == id)
    }

    /// The open batch that has this input.
    pub fn batch_with(&self, input: &str) -> Option<&Batch> {
        self.open.iter().find(|batch| batch.has(input))
    }

    /// Where an input is.
    ///
    /// # Errors
    /// The stored name makes no key.
    pub fn location(&self, input: &str) -> Result<Location, KeyError> {
        Ok(Location::new(BucketName::new(self.bucket.as_str()), ObjectKey::new(format!("{}{input}", self.stem))?))
    }
}

impl Batch {
    /// The input is one of its own.
    pub fn has(&self, input: &str) -> bool {
        self.inputs.binary_search_by(|own| own.as_str().cmp(input)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What version 1 wrote, which every later version must read. (The ledger adds `v` and `nonce`.)
    const VERSION_1: &str = r#"{"v":1,"nonce":"00000000000000aa","bucket":"logs","stem":"photos/2026-11-22-10-","done":["05-09-A1"],"open":[{"id":"6b86b273ff34fce19d6b804eff5a3f57","inputs":["07-00-B2","07-01-C3"],"owner":"00000000000000bb","lease":1795341600,"taken_over":1}]}"#;

    /// What version 2 writes.
    const VERSION_2: &str = r#"{"v":2,"nonce":"00000000000000aa","bucket":"logs","stem":"photos/2026-11-22-10-","done":["05-09-A1"],"set_aside":{"06-00-D4":"not a readable bundle: cut off"},"open":[{"id":"6b86b273ff34fce19d6b804eff5a3f57","inputs":["07-00-B2","07-01-C3"],"owner":"00000000000000bb","lease":1795341600,"taken_over":1,"bytes":5000,"way":{"published":{"table":"s3://tables/access_logs/","partition":"day","columns":"all"}},"publishing":false}]}"#;

    fn version_1() -> Shard {
        Shard {
            bucket: "logs".into(),
            stem: "photos/2026-11-22-10-".into(),
            done: BTreeSet::from(["05-09-A1".to_owned()]),
            open: vec![Batch {
                id: "6b86b273ff34fce19d6b804eff5a3f57".into(),
                inputs: vec!["07-00-B2".into(), "07-01-C3".into()],
                owner: "00000000000000bb".into(),
                lease: 1_795_341_600,
                taken_over: 1,
                bytes: 0,
                way: None,
                publishing: true,
            }],
            ..Shard::default()
        }
    }

    #[test]
    fn what_version_1_wrote_is_read() {
        assert_eq!(Shard::from_earlier(1, VERSION_1.as_bytes()).unwrap(), version_1());
        let bare = r#"{"v":1,"nonce":"00","bucket":"logs","stem":"x-"}"#;
        assert_eq!(
            Shard::from_earlier(1, bare.as_bytes()).unwrap(),
            Shard { bucket: "logs".into(), stem: "x-".into(), ..Shard::default() }
        );
        assert!(Shard::from_earlier(0, VERSION_1.as_bytes()).is_err());
        assert!(Shard::from_earlier(1, b"{}").is_err());
    }

    #[test]
    fn what_version_2_writes_is_read() {
        let mut shard = version_1();
        shard.set_aside.insert("06-00-D4".into(), "not a readable bundle: cut off".into());
        let way = Way::Published {
            table: "s3://tables/access_logs/".into(),
            partition: crate::Interval::Day,
            columns: crate::Columns::default(),
        };
        for batch in &mut shard.open {
            (batch.bytes, batch.way, batch.publishing) = (5_000, Some(way.clone()), false);
        }
        assert_eq!(serde_json::from_str::<Shard>(VERSION_2).unwrap(), shard);
        let label = r#"{"v":2,"nonce":"00000000000000aa","#;
        assert_eq!(serde_json::to_string(&shard).unwrap().replacen('{', label, 1), VERSION_2);
    }

    #[test]
    fn an_input_is_found_where_it_is() {
        let shard = version_1();
        assert_eq!(shard.location("07-00-B2").unwrap().to_string(), "s3://logs/photos/2026-11-22-10-07-00-B2");
        assert_eq!(shard.batch_with("07-01-C3").map(|batch| batch.taken_over), Some(1));
        assert_eq!(shard.batch_with("05-09-A1"), None);
        assert_eq!(shard.names(), 3);
    }
}
