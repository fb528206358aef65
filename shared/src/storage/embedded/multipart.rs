//! Multipart uploads.

use std::collections::BTreeMap;

use bytes::Bytes;
use time::OffsetDateTime;

use super::super::{Condition, CopySource, Encryption, ListUploads, Location, PartEntry, Put, PutOptions, Result, UploadEntry};
use super::EmbeddedStore;
use super::content::Content;
use super::copy::source_object;
use super::digest;
use super::listing::page_size;
use super::object::{Object, to_the_second};
use super::refusal::*;
use super::rules::{MIN_PART_BYTES, check_options, check_size};
use super::state::{State, Target, matches};
use crate::event::{BucketName, EventKind};

/// What an upload costs beside its parts.
const OVERHEAD_BYTES: u64 = 2048;
/// The highest part number.
const MAX_PART: u16 = 10_000;

/// Uploads, and the key marker and upload id marker of the next page.
type UploadPage = (Vec<UploadEntry>, Option<(String, String)>);

/// An upload that was begun and neither completed nor aborted.
pub(super) struct Upload {
    options: PutOptions,
    initiated: OffsetDateTime,
    parts: BTreeMap<u16, Part>,
}

struct Part {
    content: Content,
    md5: [u8; 16],
    etag: String,
}

impl Upload {
    /// What it takes of the store's room, in bytes.
    pub(super) fn cost(&self) -> u64 {
        OVERHEAD_BYTES + self.parts.values().map(|part| part.content.size()).sum::<u64>()
    }
}

impl EmbeddedStore {
    /// CreateMultipartUpload. The condition in `options` is not judged here.
    pub fn create_multipart_upload(&self, at: &Location, options: PutOptions) -> Result<String> {
        let ask = Ask::new("CreateMultipartUpload", at);
        check_options(ask, &options)?;
        self.write(|state| {
            let initiated = (state.supply.clock)();
            let id = state.supply.upload_id();
            state.bucket(ask, &at.bucket)?;
            state.room.exchange(ask, 0, OVERHEAD_BYTES)?;
            let upload = Upload { options, initiated, parts: BTreeMap::new() };
            state.bucket_mut(ask, &at.bucket)?.uploads.insert((at.key.clone(), id.clone()), upload);
            Ok(id)
        })
    }

    /// UploadPart. A part of the same number is replaced.
    pub fn upload_one_part(&self, at: &Location, upload_id: &str, number: u16, body: Bytes) -> Result<String> {
        let ask = Ask::new("UploadPart", at);
        check_size(ask, body.len() as u64)?;
        let content = Content::from(body);
        let md5 = digest::md5(content.chunks());
        self.write(|state| store_part(state, ask, at, upload_id, number, content, md5)).map(|part| part.etag)
    }

    /// UploadPartCopy: a part from an object's bytes, or from those between two bytes (both inclusive) of it.
    pub fn upload_part_copy(
        &self,
        at: &Location,
        upload_id: &str,
        number: u16,
        source: &CopySource,
        range: Option<(u64, u64)>,
    ) -> Result<PartEntry> {
        let ask = Ask::new("UploadPartCopy", at);
        self.write(|state| {
            let mut content = source_object(state, ask, source)?.content;
            if let Some((first, last)) = range {
                let size = content.size();
                if first > last || last >= size {
                    let message = format!("Range specified is not valid for source object of size: {size}");
                    return Err(ask.refused_with("InvalidArgument", message));
                }
                content = content.slice(first, last);
            }
            let md5 = digest::md5(content.chunks());
            store_part(state, ask, at, upload_id, number, content, md5)
        })
    }

    /// CompleteMultipartUpload. A refused condition leaves the upload as it is.
    pub fn complete_multipart_upload(
        &self,
        at: &Location,
        upload_id: &str,
        parts: &[PartEntry],
        condition: &Condition,
    ) -> Result<Put> {
        let ask = Ask::new("CompleteMultipartUpload", at);
        self.write(|state| {
            let slot = (at.key.clone(), upload_id.to_owned());
            let bucket = state.bucket(ask, &at.bucket)?;
            let upload = bucket.uploads.get(&slot).ok_or_else(|| ask.refused(NO_SUCH_UPLOAD))?;
            let chosen = choose(ask, upload, parts)?;
            let content = Content::concat(chosen.iter().map(|part| &part.content));
            let md5s: Vec<_> = chosen.iter().map(|part| part.md5).collect();
            let mut object = Object::new(content, digest::multipart_etag(&md5s), upload.options.clone());
            object.parts = chosen.iter().map(|part| part.content.size()).collect();
            if upload.options.checksum == super::super::Checksum::Sha256 {
                // S3 has only a checksum of the parts' checksums then, none of the full object.
                object.checksum = None;
            }
            let (began, cost) = (upload.initiated, upload.cost());
            // The parts' bytes become the object's: they are given back first, and taken again if the write is refused.
            state.room.free(cost);
            let target = Target { bucket: &at.bucket, key: &at.key, condition, began: Some(began) };
            let kind = EventKind::new("ObjectCreated:CompleteMultipartUpload");
            let stored = state.store(ask, target, object, kind);
            match &stored {
                Ok(_) => drop(state.bucket_mut(ask, &at.bucket)?.uploads.remove(&slot)),
                Err(_) => state.room.used = state.room.used.saturating_add(cost),
            }
            stored
        })
    }

    /// AbortMultipartUpload.
    pub fn abort_multipart_upload(&self, at: &Location, upload_id: &str) -> Result<()> {
        let ask = Ask::new("AbortMultipartUpload", at);
        self.write(|state| {
            let uploads = &mut state.bucket_mut(ask, &at.bucket)?.uploads;
            let gone = uploads.remove(&(at.key.clone(), upload_id.to_owned())).ok_or_else(|| ask.refused(NO_SUCH_UPLOAD))?;
            state.room.free(gone.cost());
            Ok(())
        })
    }

    /// ListParts, all of them, by number.
    pub fn list_parts(&self, at: &Location, upload_id: &str) -> Result<Vec<PartEntry>> {
        let ask = Ask::new("ListParts", at);
        let state = self.lock();
        let uploads = &state.bucket(ask, &at.bucket)?.uploads;
        let upload = uploads.get(&(at.key.clone(), upload_id.to_owned())).ok_or_else(|| ask.refused(NO_SUCH_UPLOAD))?;
        Ok(upload.parts.iter().map(|(number, part)| part.entry(*number)).collect())
    }

    /// ListMultipartUploads: one page by key and upload id, and the markers of the next.
    pub fn list_multipart_uploads(&self, bucket: &BucketName, options: &ListUploads) -> Result<UploadPage> {
        let ask = Ask::new("ListMultipartUploads", bucket);
        let state = self.lock();
        let uploads = &state.bucket(ask, bucket)?.uploads;
        let limit = page_size(options.max_uploads);
        let after = |key: &str, id: &str| match &options.from {
            None => true,
            // Without an upload id the marker stands behind all uploads of its key.
            Some((from, from_id)) if from_id.is_empty() => key > from.as_str(),
            Some((from, from_id)) => (key, id) > (from.as_str(), from_id.as_str()),
        };
        let mut found = uploads
            .iter()
            .filter(|((key, id), _)| key.as_str().starts_with(&options.prefix) && after(key.as_str(), id))
            .map(|((key, id), upload)| UploadEntry {
                key: key.clone(),
                upload_id: id.clone(),
                initiated: to_the_second(upload.initiated),
            });
        let page: Vec<_> = found.by_ref().take(limit).collect();
        let last = page.last().map(|upload| (upload.key.as_str().to_owned(), upload.upload_id.clone()));
        let next = last.filter(|_| found.next().is_some());
        Ok((page, next))
    }
}

impl Part {
    fn entry(&self, number: u16) -> PartEntry {
        PartEntry { number, etag: self.etag.clone(), size: self.content.size() }
    }
}

fn store_part(
    state: &mut State,
    ask: Ask<'_>,
    at: &Location,
    upload_id: &str,
    number: u16,
    content: Content,
    md5: [u8; 16],
) -> Result<PartEntry> {
    if !(1..=MAX_PART).contains(&number) {
        return Err(ask.refused(BAD_PART_NUMBER));
    }
    let bucket = state.buckets.get_mut(&at.bucket).ok_or_else(|| ask.refused(NO_SUCH_BUCKET))?;
    let slot = (at.key.clone(), upload_id.to_owned());
    let upload = bucket.uploads.get_mut(&slot).ok_or_else(|| ask.refused(NO_SUCH_UPLOAD))?;
    let freed = upload.parts.get(&number).map_or(0, |part| part.content.size());
    state.room.exchange(ask, freed, content.size())?;
    let kms = matches!(upload.options.encryption, Encryption::Kms(_));
    let etag = if kms { state.supply.opaque_etag() } else { crate::hex(md5) };
    let part = Part { content, md5, etag };
    let entry = part.entry(number);
    upload.parts.insert(number, part);
    Ok(entry)
}

/// The parts that a completion names, after S3's checks on the list.
fn choose<'a>(ask: Ask<'_>, upload: &'a Upload, parts: &[PartEntry]) -> Result<Vec<&'a Part>> {
    if parts.is_empty() || parts.len() > usize::from(MAX_PART) {
        return Err(ask.refused(MALFORMED_XML));
    }
    if !parts.is_sorted_by(|a, b| a.number < b.number) {
        return Err(ask.refused(PART_ORDER));
    }
    let find = |wanted: &PartEntry| upload.parts.get(&wanted.number).filter(|part| matches(&wanted.etag, &part.etag));
    let chosen: Option<Vec<_>> = parts.iter().map(find).collect();
    let chosen = chosen.ok_or_else(|| ask.refused(INVALID_PART))?;
    match chosen.split_last() {
        Some((_, others)) if others.iter().any(|part| part.content.size() < MIN_PART_BYTES) => Err(ask.refused(PART_TOO_SMALL)),
        _ => Ok(chosen),
    }
}
