//! PutObject.

use bytes::Bytes;

use super::super::{Location, Put, PutOptions, Result};
use super::EmbeddedStore;
use super::content::Content;
use super::digest;
use super::object::Object;
use super::refusal::Ask;
use super::rules::{check_options, check_size};
use super::state::Target;
use crate::event::EventKind;

impl EmbeddedStore {
    /// PutObject, told as `kind`: `ObjectCreated:Put`, or `ObjectCreated:Post` for a form upload.
    pub fn put_object(&self, at: &Location, body: Bytes, options: PutOptions, kind: EventKind) -> Result<Put> {
        let ask = Ask::new("PutObject", at);
        check_options(ask, &options)?;
        check_size(ask, body.len() as u64)?;
        // Digests are computed outside of the lock.
        let condition = options.condition.clone();
        let content = Content::from(body);
        let etag = crate::hex(digest::md5(content.chunks()));
        let object = Object::new(content, etag, options);
        let target = Target { bucket: &at.bucket, key: &at.key, condition: &condition, began: None };
        self.write(|state| state.store(ask, target, object, kind))
    }
}
