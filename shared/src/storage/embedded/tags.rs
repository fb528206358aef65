//! Tags of versions, and the restore of archived ones.

use time::{Duration, OffsetDateTime};

use super::super::{Location, Result, Tags};
use super::EmbeddedStore;
use super::refusal::*;
use super::rules::{check_tags, is_archive};
use super::state::Told;
use crate::event::EventKind;

impl EmbeddedStore {
    /// GetObjectTagging.
    pub fn object_tags(&self, at: &Location, version_id: Option<&str>) -> Result<Tags> {
        let ask = Ask::new("GetObjectTagging", at);
        let state = self.lock();
        let (_, object) = state.bucket(ask, &at.bucket)?.find(ask, &at.key, version_id)?;
        Ok(object.tags.clone())
    }

    /// PutObjectTagging, told as `ObjectTagging:Put`; without tags DeleteObjectTagging, told as `ObjectTagging:Delete`.
    pub fn set_object_tags(&self, at: &Location, version_id: Option<&str>, tags: Tags) -> Result<()> {
        let ask = Ask::new("PutObjectTagging", at);
        check_tags(ask, &tags)?;
        let kind = EventKind::new(if tags.is_empty() { "ObjectTagging:Delete" } else { "ObjectTagging:Put" });
        self.write(|state| {
            let moment = state.supply.moment();
            let bucket = state.bucket_mut(ask, &at.bucket)?;
            let (id, object) = bucket.find_mut(ask, &at.key, version_id)?;
            object.tags = tags;
            let (etag, size) = (Some(object.etag.clone()), None);
            let told = Told { version_id: bucket.shown_id(&id), etag, size };
            state.tell(kind, &at.bucket, &at.key, told, moment);
            Ok(())
        })
    }

    /// RestoreObject: a copy that can be read for `days` days. Answers whether one was there already (S3's 200, else 202).
    ///
    /// S3 takes hours; here the copy is there at once, told as `ObjectRestore:Post` and `ObjectRestore:Completed`. Its end
    /// is not told.
    pub fn restore_object(&self, at: &Location, version_id: Option<&str>, days: u32) -> Result<bool> {
        let ask = Ask::new("RestoreObject", at);
        self.write(|state| {
            let (now, order) = state.supply.moment();
            let bucket = state.bucket_mut(ask, &at.bucket)?;
            let (id, object) = bucket.find_mut(ask, &at.key, version_id)?;
            if !is_archive(&object.storage_class) {
                return Err(ask.refused(NOT_ARCHIVED));
            }
            let again = !object.is_out_of_reach(now);
            let until = now.checked_add(Duration::days(i64::from(days)));
            object.restored_until = Some(until.ok_or_else(|| ask.refused_with("InvalidArgument", "Too many days"))?);
            let (etag, size) = (object.etag.clone(), object.content.size());
            let version_id = bucket.shown_id(&id);
            let told = || Told { version_id: version_id.clone(), etag: Some(etag.clone()), size: Some(size) };
            if !again {
                state.tell(EventKind::new("ObjectRestore:Post"), &at.bucket, &at.key, told(), (now, order));
                let moment = state.supply.moment();
                state.tell(EventKind::new("ObjectRestore:Completed"), &at.bucket, &at.key, told(), moment);
            }
            Ok(again)
        })
    }

    /// Until when a restored copy can be read; `None` where none was asked for.
    pub fn restored_until(&self, at: &Location, version_id: Option<&str>) -> Result<Option<OffsetDateTime>> {
        let ask = Ask::new("HeadObject", at);
        let state = self.lock();
        let (_, object) = state.bucket(ask, &at.bucket)?.find(ask, &at.key, version_id)?;
        Ok(object.restored_until)
    }
}
