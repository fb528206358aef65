//! DeleteObject and DeleteObjects.

use super::super::{Delete, Deleted, Location, Result};
use super::EmbeddedStore;
use super::buckets::Versioning;
use super::object::{NULL, Version};
use super::refusal::*;
use super::state::{State, Told, check_version_id, matches};
use crate::event::{BucketName, EventKind, ObjectKey};

/// Entries of one DeleteObjects.
const MAX_ENTRIES: usize = 1_000;

impl EmbeddedStore {
    /// DeleteObject. Removing what is not there succeeds, and S3 tells an event of it.
    pub fn delete_object(&self, at: &Location, options: &Delete) -> Result<Deleted> {
        self.write(|state| delete(state, Ask::new("DeleteObject", at), at, options))
    }

    /// DeleteObjects: each entry is a removal of its own, with its own result, in the order given.
    pub fn delete_objects(&self, bucket: &BucketName, entries: Vec<(ObjectKey, Delete)>) -> Result<Vec<Result<Deleted>>> {
        let ask = Ask::new("DeleteObjects", bucket);
        self.write(|state| {
            state.bucket(ask, bucket)?;
            if entries.is_empty() || entries.len() > MAX_ENTRIES {
                return Err(ask.refused(MALFORMED_XML));
            }
            let results = entries.into_iter().map(|(key, options)| {
                let at = Location::new(bucket.clone(), key);
                delete(state, Ask::new("DeleteObjects", &at), &at, &options)
            });
            Ok(results.collect())
        })
    }
}

fn delete(state: &mut State, ask: Ask<'_>, at: &Location, options: &Delete) -> Result<Deleted> {
    check(state, ask, at, options)?;
    let bucket = state.bucket_mut(ask, &at.bucket)?;
    match (&options.version_id, bucket.versioning) {
        (Some(id), _) => remove_version(state, ask, at, id),
        (None, Versioning::Unversioned) => {
            remove_version(state, ask, at, NULL)?;
            Ok(Deleted::default())
        }
        (None, Versioning::Enabled | Versioning::Suspended) => mark(state, ask, at),
    }
}

/// Source: S3 user guide, "How to perform conditional deletes": the condition is judged on the current version. What is
/// absent is 404; a delete marker has no etag, hence 412.
fn check(state: &State, ask: Ask<'_>, at: &Location, options: &Delete) -> Result<()> {
    let bucket = state.bucket(ask, &at.bucket)?;
    if let Some(id) = &options.version_id {
        check_version_id(ask, id)?;
    }
    let Some(wanted) = &options.if_match else { return Ok(()) };
    let current = bucket.current(&at.key).ok_or_else(|| ask.refused(NO_SUCH_KEY))?;
    match &current.object {
        Some(object) if matches(wanted, &object.etag) => Ok(()),
        _ => Err(ask.refused(PRECONDITION_FAILED)),
    }
}

/// Removes a version for good. A version id that names nothing succeeds too; that changes nothing and tells nothing, but
/// a plain removal of an absent key is told.
fn remove_version(state: &mut State, ask: Ask<'_>, at: &Location, id: &str) -> Result<Deleted> {
    let bucket = state.buckets.get_mut(&at.bucket).ok_or_else(|| ask.refused(NO_SUCH_BUCKET))?;
    let removed = bucket.remove(&mut state.room, &at.key, id);
    let shown = bucket.shown_id(id);
    let delete_marker = removed.as_ref().is_some_and(|version| version.object.is_none());
    if removed.is_some() || shown.is_none() {
        let moment = state.supply.moment();
        let told = Told { version_id: shown, ..Told::default() };
        state.tell(EventKind::new("ObjectRemoved:Delete"), &at.bucket, &at.key, told, moment);
    }
    Ok(Deleted { delete_marker, version_id: Some(id.to_owned()) })
}

/// Puts a delete marker on top, whether or not there is anything below it.
fn mark(state: &mut State, ask: Ask<'_>, at: &Location) -> Result<Deleted> {
    let bucket = state.buckets.get_mut(&at.bucket).ok_or_else(|| ask.refused(NO_SUCH_BUCKET))?;
    let (now, order) = state.supply.moment();
    let id = bucket.next_id(&mut state.supply, order);
    let marker = Version { id, order, last_modified: now, object: None };
    let version_id = bucket.push(ask, &mut state.room, &at.key, marker)?;
    let told = Told { version_id: version_id.clone(), ..Told::default() };
    state.tell(EventKind::new("ObjectRemoved:DeleteMarkerCreated"), &at.bucket, &at.key, told, (now, order));
    Ok(Deleted { delete_marker: true, version_id })
}
