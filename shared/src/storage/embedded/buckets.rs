//! Buckets: their making and removal, their versioning, and their opaque configurations.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::super::Result;
use super::EmbeddedStore;
use super::refusal::*;
use super::rules::check_bucket_name;
use super::state::Bucket;
use crate::event::BucketName;

/// At most this many buckets.
const MAX_BUCKETS: usize = 1_000;
/// At most this many configurations of a bucket.
const MAX_CONFIGS: usize = 64;
/// At most this many bytes in one configuration.
const MAX_CONFIG_BYTES: usize = 1024 * 1024;

/// A bucket's versioning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versioning {
    /// Never enabled: an overwrite and a removal are final.
    #[default]
    Unversioned,
    /// Each write makes a version, a removal makes a delete marker.
    Enabled,
    /// Writes and delete markers take the place of the null version; older versions stay.
    Suspended,
}

/// What a bucket is.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketInfo {
    /// Its name.
    pub name: BucketName,
    /// Such as `eu-central-1`.
    pub region: String,
    /// When it was made.
    pub created: OffsetDateTime,
}

impl EmbeddedStore {
    /// CreateBucket. A second one of the same name is refused as `BucketAlreadyOwnedByYou`.
    pub fn create_bucket(&self, name: &BucketName, region: &str) -> Result<()> {
        let ask = Ask::new("CreateBucket", name);
        check_bucket_name(ask, name.as_str())?;
        let mut state = self.lock();
        let created = (state.supply.clock)();
        if state.buckets.contains_key(name) {
            return Err(ask.refused(BUCKET_EXISTS));
        }
        if state.buckets.len() >= MAX_BUCKETS {
            return Err(ask.refused(TOO_MANY_BUCKETS));
        }
        let bucket = Bucket {
            region: region.to_owned(),
            created,
            versioning: Versioning::Unversioned,
            config: BTreeMap::new(),
            keys: BTreeMap::new(),
            uploads: BTreeMap::new(),
        };
        state.buckets.insert(name.clone(), bucket);
        Ok(())
    }

    /// DeleteBucket. Versions and delete markers are in its way, unfinished uploads are not.
    pub fn delete_bucket(&self, name: &BucketName) -> Result<()> {
        let ask = Ask::new("DeleteBucket", name);
        let mut state = self.lock();
        let bucket = state.bucket(ask, name)?;
        if !bucket.keys.is_empty() {
            return Err(ask.refused(BUCKET_NOT_EMPTY));
        }
        let freed = bucket.uploads.values().map(|upload| upload.cost()).sum();
        state.room.free(freed);
        state.buckets.remove(name);
        Ok(())
    }

    /// ListBuckets, by name.
    pub fn buckets(&self) -> Vec<BucketInfo> {
        self.lock().buckets.iter().map(|(name, bucket)| info(name, bucket)).collect()
    }

    /// HeadBucket.
    pub fn bucket(&self, name: &BucketName) -> Result<BucketInfo> {
        self.lock().bucket(Ask::new("HeadBucket", name), name).map(|bucket| info(name, bucket))
    }

    /// PutBucketVersioning. What was enabled once can only be suspended.
    pub fn set_versioning(&self, name: &BucketName, versioning: Versioning) -> Result<()> {
        let ask = Ask::new("PutBucketVersioning", name);
        let mut state = self.lock();
        let bucket = state.bucket_mut(ask, name)?;
        if versioning == Versioning::Unversioned && bucket.versioning != Versioning::Unversioned {
            return Err(ask.refused(VERSIONING_STAYS));
        }
        bucket.versioning = versioning;
        Ok(())
    }

    /// GetBucketVersioning.
    pub fn versioning(&self, name: &BucketName) -> Result<Versioning> {
        self.lock().bucket(Ask::new("GetBucketVersioning", name), name).map(|bucket| bucket.versioning)
    }

    /// Keeps a configuration such as `notification` as it comes, or removes it. The store never looks inside.
    pub fn set_config(&self, bucket: &BucketName, name: &str, document: Option<String>) -> Result<()> {
        let ask = Ask::new("PutBucketConfiguration", bucket);
        let mut state = self.lock();
        let config = &mut state.bucket_mut(ask, bucket)?.config;
        let Some(document) = document else {
            config.remove(name);
            return Ok(());
        };
        if document.len() > MAX_CONFIG_BYTES || (config.len() >= MAX_CONFIGS && !config.contains_key(name)) {
            let message = format!("A bucket has at most {MAX_CONFIGS} configurations of {MAX_CONFIG_BYTES} bytes");
            return Err(ask.refused_with("InvalidRequest", message));
        }
        config.insert(name.to_owned(), document);
        Ok(())
    }

    /// The configuration of this name as it came; `None` where there is none.
    pub fn config(&self, bucket: &BucketName, name: &str) -> Result<Option<String>> {
        let ask = Ask::new("GetBucketConfiguration", bucket);
        self.lock().bucket(ask, bucket).map(|bucket| bucket.config.get(name).cloned())
    }
}

fn info(name: &BucketName, bucket: &Bucket) -> BucketInfo {
    BucketInfo { name: name.clone(), region: bucket.region.clone(), created: bucket.created }
}
