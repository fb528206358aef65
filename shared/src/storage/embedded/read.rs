//! HeadObject and GetObject.

use super::super::{Get, GetObject, Head, Location, ObjectMeta, ReadCondition, Result};
use super::EmbeddedStore;
use super::content::resolve;
use super::refusal::*;
use super::state::matches;

impl EmbeddedStore {
    /// HeadObject. Works on archived objects too.
    pub fn head_object(&self, at: &Location, options: &Head) -> Result<ObjectMeta> {
        let ask = Ask::new("HeadObject", at);
        let state = self.lock();
        let bucket = state.bucket(ask, &at.bucket)?;
        let (version, object) = bucket.find(ask, &at.key, options.version_id.as_deref())?;
        Ok(version.meta(object, bucket.shown_id(&version.id)))
    }

    /// GetObject. The condition is judged before the range, and both before the archive.
    pub fn get_object(&self, at: &Location, options: &Get) -> Result<GetObject> {
        let ask = Ask::new("GetObject", at);
        let state = self.lock();
        let bucket = state.bucket(ask, &at.bucket)?;
        let (version, object) = bucket.find(ask, &at.key, options.version_id.as_deref())?;
        match &options.condition {
            ReadCondition::IfMatch(etag) if !matches(etag, &object.etag) => return Err(ask.refused(PRECONDITION_FAILED)),
            ReadCondition::IfNoneMatch(etag) if matches(etag, &object.etag) => return Err(ask.refused(NOT_MODIFIED)),
            _ => {}
        }
        let range = resolve(ask, options.range, object.content.size())?;
        if object.is_out_of_reach((state.supply.clock)()) {
            return Err(ask.refused(ARCHIVED));
        }
        let content = match range {
            Some((first, last)) => object.content.slice(first, last),
            None => object.content.clone(),
        };
        Ok(GetObject { meta: version.meta(object, bucket.shown_id(&version.id)), range, body: content.into_body() })
    }

    /// The sizes of the parts that an object was uploaded in, in bytes; empty for a single PUT.
    pub fn part_sizes(&self, at: &Location, version_id: Option<&str>) -> Result<Vec<u64>> {
        let ask = Ask::new("HeadObject", at);
        let state = self.lock();
        let (_, object) = state.bucket(ask, &at.bucket)?.find(ask, &at.key, version_id)?;
        Ok(object.parts.clone())
    }
}
