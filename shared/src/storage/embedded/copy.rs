//! CopyObject.

use super::super::{Copy, CopySource, Encryption, Location, Put, PutOptions, Result};
use super::EmbeddedStore;
use super::digest;
use super::object::Object;
use super::refusal::*;
use super::rules::{MAX_PUT_BYTES, check_options};
use super::state::{State, Target, has_digest_etag, matches};
use crate::event::EventKind;

/// Whether a copy takes the source's metadata, or its tags, or the request's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Directive {
    /// The source's.
    #[default]
    Copy,
    /// The request's.
    Replace,
}

impl EmbeddedStore {
    /// CopyObject. `options` always gives storage class, encryption and the destination's condition; metadata (with
    /// content type and cache control) and tags come from it where the directive says so.
    pub fn copy_object(
        &self,
        to: &Location,
        source: &CopySource,
        metadata: Directive,
        tags: Directive,
        options: PutOptions,
    ) -> Result<Put> {
        let ask = Ask::new("CopyObject", to);
        check_options(ask, &options)?;
        self.write(|state| {
            let itself =
                metadata == Directive::Copy && options.storage_class.is_none() && options.encryption == Encryption::Bucket;
            let mut object = source_object(state, ask, source)?;
            if itself && *to == source.at && is_current(state, ask, source)? {
                return Err(ask.refused(COPY_TO_ITSELF));
            }
            if !has_digest_etag(&object) {
                object.etag = crate::hex(digest::md5(object.content.chunks()));
            }
            if object.checksum.is_none() {
                object.checksum = Some(digest::checksum(options.checksum, object.content.chunks()));
            }
            object.parts.clear();
            object.restored_until = None;
            object.storage_class = options.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned());
            object.encryption = options.encryption.clone();
            if tags == Directive::Replace {
                object.tags = options.tags.clone();
            }
            let condition = options.condition.clone();
            if metadata == Directive::Replace {
                object.describe(options);
            }
            let target = Target { bucket: &to.bucket, key: &to.key, condition: &condition, began: None };
            state.store(ask, target, object, EventKind::new("ObjectCreated:Copy"))
        })
    }

    /// CopyObject as the port has it: both directives are COPY, or both are REPLACE.
    pub(super) fn copy_all(&self, to: &Location, copy: Copy) -> Result<Put> {
        let directive = if copy.replace.is_some() { Directive::Replace } else { Directive::Copy };
        self.copy_object(to, &copy.source, directive, directive, copy.replace.unwrap_or_default())
    }
}

fn is_current(state: &State, ask: Ask<'_>, source: &CopySource) -> Result<bool> {
    let current = state.bucket(ask, &source.at.bucket)?.current(&source.at.key);
    Ok(source.version_id.as_ref().is_none_or(|id| current.is_some_and(|version| version.id == *id)))
}

/// What is copied, after the checks on the source.
pub(super) fn source_object(state: &State, ask: Ask<'_>, source: &CopySource) -> Result<Object> {
    let bucket = state.bucket(ask, &source.at.bucket)?;
    let found = bucket.find(ask, &source.at.key, source.version_id.as_deref());
    // A version id that names a delete marker has a refusal of its own here.
    let (_, object) = found.map_err(|e| if e.code == IS_DELETE_MARKER.0 { ask.refused(COPY_OF_MARKER) } else { e })?;
    if source.if_match.as_ref().is_some_and(|wanted| !matches(wanted, &object.etag)) {
        return Err(ask.refused(PRECONDITION_FAILED));
    }
    if object.is_out_of_reach((state.supply.clock)()) {
        return Err(ask.refused(ARCHIVED));
    }
    if object.content.size() > MAX_PUT_BYTES {
        return Err(ask.refused(COPY_SOURCE_TOO_LARGE));
    }
    Ok(object.clone())
}
