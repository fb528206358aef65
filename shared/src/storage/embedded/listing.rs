//! ListObjectsV2 and ListObjectVersions: keys in the order of their UTF-8 bytes, rolled up at a delimiter, by pages.

use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::{List, ListVersions, Listing, Result, VersionListing};
use super::EmbeddedStore;
use super::object::Version;
use super::refusal::*;
use super::state::{Bucket, check_version_id};
use super::supply::order_of;
use crate::event::{BucketName, ObjectKey};

/// S3's bound on a page.
const MAX_PAGE: u16 = 1_000;

/// Entries of a page: S3 takes a greater wish for its bound.
pub(super) fn page_size(wish: Option<u16>) -> usize {
    usize::from(wish.unwrap_or(MAX_PAGE).min(MAX_PAGE))
}

impl EmbeddedStore {
    /// ListObjectsV2.
    pub fn list_objects(&self, bucket: &BucketName, options: &List) -> Result<Listing> {
        let ask = Ask::new("ListObjectsV2", bucket);
        let state = self.lock();
        let bucket = state.bucket(ask, bucket)?;
        let start = match (&options.continuation, &options.start_after) {
            (Some(token), _) => Last::from_token(token).ok_or_else(|| ask.refused(BAD_CONTINUATION))?,
            // A start that ends in the delimiter is also the end of a page of an older client that goes by markers.
            (None, Some(key)) if options.delimiter.as_ref().is_some_and(|d| key.ends_with(d.as_str())) => {
                Last::Prefix(key.clone())
            }
            (None, Some(key)) => Last::Key(key.clone()),
            (None, None) => Last::Nothing,
        };
        let (mut page, mut last, limit) = (Listing::default(), start.clone(), page_size(options.max_keys));
        for (key, versions) in keys_after(bucket, &options.prefix, &start) {
            let Some(entry) = versions.last().and_then(|version| version.entry(key)) else { continue };
            let rolled = roll_up(key.as_str(), &options.prefix, options.delimiter.as_deref());
            if rolled.is_some_and(|prefix| last.is_prefix(prefix)) {
                continue;
            }
            if page.objects.len() + page.common_prefixes.len() == limit {
                page.continuation = (limit > 0).then(|| last.to_token());
                break;
            }
            match rolled {
                Some(prefix) => {
                    page.common_prefixes.push(prefix.to_owned());
                    last = Last::Prefix(prefix.to_owned());
                }
                None => {
                    last = Last::Key(key.as_str().to_owned());
                    page.objects.push(entry);
                }
            }
        }
        Ok(page)
    }

    /// ListObjectVersions.
    pub fn list_object_versions(&self, bucket: &BucketName, options: &ListVersions) -> Result<VersionListing> {
        let ask = Ask::new("ListObjectVersions", bucket);
        let state = self.lock();
        let bucket = state.bucket(ask, bucket)?;
        let (start, marker) = start_of_versions(ask, options)?;
        let (mut page, mut last, limit) = (VersionListing::default(), start.clone(), page_size(options.max_keys));
        for (key, versions) in keys_after(bucket, &options.prefix, &start) {
            if let Some(prefix) = roll_up(key.as_str(), &options.prefix, options.delimiter.as_deref()) {
                if last.is_prefix(prefix) {
                    continue;
                }
                if page.versions.len() + page.common_prefixes.len() == limit {
                    page.next = next_marker(limit, &page, &last);
                    return Ok(page);
                }
                page.common_prefixes.push(prefix.to_owned());
                last = Last::Prefix(prefix.to_owned());
                continue;
            }
            let shown = match &marker {
                Some((from, id)) if from == key.as_str() => before(versions, id),
                _ => versions,
            };
            for version in shown.iter().rev() {
                if page.versions.len() + page.common_prefixes.len() == limit {
                    page.next = next_marker(limit, &page, &last);
                    return Ok(page);
                }
                let is_latest = versions.last().is_some_and(|latest| latest.order == version.order);
                page.versions.push(version.version_entry(key, is_latest));
                last = Last::Key(key.as_str().to_owned());
            }
        }
        Ok(page)
    }
}

/// The last thing that was listed, or that the request says was.
#[derive(Clone)]
enum Last {
    Nothing,
    Key(String),
    /// A common prefix: all keys under it are done.
    Prefix(String),
    /// A version of this key, which may have older ones.
    Inside(String),
}

impl Last {
    fn is_prefix(&self, prefix: &str) -> bool {
        matches!(self, Self::Prefix(last) if last == prefix)
    }

    fn to_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(match self {
            Self::Nothing => String::new(),
            Self::Key(key) | Self::Inside(key) => format!("k{key}"),
            Self::Prefix(prefix) => format!("p{prefix}"),
        })
    }

    fn from_token(token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        match text.split_at_checked(1)? {
            ("k", key) => Some(Self::Key(key.to_owned())),
            ("p", prefix) => Some(Self::Prefix(prefix.to_owned())),
            _ => None,
        }
    }
}

/// The keys that begin with `prefix` and come after `last`, with their versions, oldest first.
fn keys_after<'a>(bucket: &'a Bucket, prefix: &'a str, last: &Last) -> impl Iterator<Item = (&'a ObjectKey, &'a [Version])> {
    let after = match last {
        Last::Nothing => Bound::Included(prefix),
        Last::Key(last) | Last::Prefix(last) | Last::Inside(last) if last.as_str() < prefix => Bound::Included(prefix),
        Last::Key(last) | Last::Prefix(last) => Bound::Excluded(last.as_str()),
        Last::Inside(last) => Bound::Included(last.as_str()),
    };
    let keys = bucket.keys.range::<str, _>((after, Bound::Unbounded));
    keys.take_while(move |(key, _)| key.as_str().starts_with(prefix)).map(|(key, versions)| (key, versions.as_slice()))
}

/// The common prefix that `key` is rolled up into: up to and with the first delimiter after `prefix`.
fn roll_up<'a>(key: &'a str, prefix: &str, delimiter: Option<&str>) -> Option<&'a str> {
    let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let at = key.strip_prefix(prefix)?.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

type VersionMarker = Option<(String, String)>;

/// Where a listing of versions begins: behind a key or a common prefix, or inside of a key behind a version.
fn start_of_versions(ask: Ask<'_>, options: &ListVersions) -> Result<(Last, VersionMarker)> {
    match &options.from {
        None => Ok((Last::Nothing, None)),
        Some((key, id)) if id.is_empty() => {
            let rolled = options.delimiter.as_ref().is_some_and(|delimiter| key.ends_with(delimiter.as_str()));
            Ok((if rolled { Last::Prefix(key.clone()) } else { Last::Key(key.clone()) }, None))
        }
        Some((key, id)) => {
            check_version_id(ask, id)?;
            Ok((Last::Inside(key.clone()), Some((key.clone(), id.clone()))))
        }
    }
}

/// The versions of a key that a listing shows after the version `id`.
///
/// The version may have gone since the page before: its id tells its place. The null version's id doesn't, so the key is
/// shown from its newest version again.
fn before<'a>(versions: &'a [Version], id: &str) -> &'a [Version] {
    let listed = versions.iter().position(|version| version.id == id);
    let gone = || order_of(id).map_or(versions.len(), |order| versions.partition_point(|version| version.order < order));
    versions.get(..listed.unwrap_or_else(gone)).unwrap_or_default()
}

fn next_marker(limit: usize, page: &VersionListing, last: &Last) -> Option<(String, String)> {
    match last {
        _ if limit == 0 => None,
        Last::Prefix(prefix) => Some((prefix.clone(), String::new())),
        _ => page.versions.last().map(|version| (version.key.as_str().to_owned(), version.version_id.clone())),
    }
}
