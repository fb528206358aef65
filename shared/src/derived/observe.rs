//! Step 1 of the reconcile loop: what there is, derived objects first.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::identity::{Marks, SOURCE, is_withdrawn};
use super::sidecar::{MAX_BYTES, SIDECAR_VERSION, Sidecar};
use super::template::{SIDECAR, Template};
use crate::event::KeyError;
use crate::storage::{ErrorKind, Get, Head, List, Location, ObjectMeta, Result, Store, StoreError};

/// Requests at once while looking.
const LOOKS_AT_ONCE: usize = 8;
/// Pages of a listing of one source's derived objects: 10,000 objects.
const MAX_PAGES: usize = 10;

/// The derived objects of one source, by the last segment of their keys, as they were seen before the source was.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Every object found, the sidecar included.
    pub objects: BTreeMap<String, ObjectMeta>,
    /// The sidecar's content, where there is one that this version reads.
    pub sidecar: Option<Sidecar>,
    /// The sidecar has a format newer than this version's.
    pub newer_format: bool,
}

impl Observed {
    /// The highest configuration generation among the marks.
    pub fn generation(&self) -> Option<u32> {
        self.objects.values().filter_map(Marks::of).map(|marks| marks.config.generation).max()
    }

    /// An object at a derived key that does not carry the source's mark: somebody else's, never touched.
    pub fn foreign(&self, mark: &str) -> Option<&str> {
        self.objects.iter().find(|(_, meta)| !carries(meta, mark)).map(|(segment, _)| segment.as_str())
    }

    /// Without the objects that are somebody else's.
    pub fn own(mut self, mark: &str) -> Self {
        self.objects.retain(|_, meta| carries(meta, mark));
        if !self.objects.contains_key(SIDECAR) {
            (self.sidecar, self.newer_format) = (None, false);
        }
        self
    }

    /// Without the objects that are withdrawn.
    pub fn in_use(&self) -> Self {
        let mut in_use = self.clone();
        in_use.objects.retain(|_, meta| !is_withdrawn(meta));
        in_use
    }
}

fn carries(meta: &ObjectMeta, mark: &str) -> bool {
    meta.metadata.get(SOURCE).is_some_and(|found| found == mark)
}

/// Why looking failed.
pub(super) enum LookError {
    /// A derived key would be too long.
    Key(KeyError),
    /// A request failed.
    Store(StoreError),
}

impl From<KeyError> for LookError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<StoreError> for LookError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Where a look finds the derived objects of a source.
#[derive(Clone, Copy, Debug)]
pub enum Places<'a> {
    /// At these segments, and at those that the sidecar lists.
    Named(&'a [String]),
    /// At any: their names follow from the content, or an earlier configuration may have left some that no sidecar lists,
    /// because its worker ended before it came to write one.
    Anywhere,
}

/// Looks at the sidecar, and at every derived object of the source.
pub(super) async fn observe(
    store: &dyn Store,
    template: &Template,
    places: Places<'_>,
    source: &Location,
) -> std::result::Result<Observed, LookError> {
    let sidecar_at = template.place(source, SIDECAR)?;
    let mut observed = Observed::default();
    if let Some((meta, bytes)) = read_small(store, &sidecar_at).await? {
        observed.newer_format = Sidecar::version_of(&bytes).is_some_and(|v| v > SIDECAR_VERSION);
        observed.sidecar = Sidecar::parse(&bytes);
        observed.objects.insert(SIDECAR.to_owned(), meta);
    }
    let mut wanted: BTreeSet<String> = match places {
        Places::Named(segments) => {
            segments.iter().cloned().chain(listed_segments(template, source, observed.sidecar.as_ref())).collect()
        }
        Places::Anywhere => list_segments(store, template, source).await?.into_iter().collect(),
    };
    wanted.remove(SIDECAR);
    let places: Vec<(String, Location)> = wanted
        .into_iter()
        .map(|segment| template.place(source, &segment).map(|at| (segment, at)))
        .collect::<std::result::Result<_, _>>()?;
    let found: Vec<Option<(String, ObjectMeta)>> = stream::iter(places)
        .map(|(segment, at)| async move { Ok::<_, StoreError>(head(store, &at).await?.map(|meta| (segment, meta))) })
        .buffered(LOOKS_AT_ONCE)
        .try_collect()
        .await?;
    observed.objects.extend(found.into_iter().flatten());
    Ok(observed)
}

/// HEAD, with "gone" as a value.
pub(super) async fn head(store: &dyn Store, at: &Location) -> Result<Option<ObjectMeta>> {
    match store.head(at, Head::default()).await {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The state is "gone". A missing bucket is not: it is a mistake that somebody will repair.
pub(super) fn is_gone(error: &StoreError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker)
}

/// The segments that the sidecar lists under the source's own directory; anything else in it is not believed.
fn listed_segments(template: &Template, source: &Location, sidecar: Option<&Sidecar>) -> Vec<String> {
    let directory = template.directory(source);
    let outputs = sidecar.map(|s| s.outputs.as_slice()).unwrap_or_default();
    outputs
        .iter()
        .filter_map(|o| o.key.strip_prefix(&directory))
        .filter(|s| !s.is_empty() && !s.contains('/'))
        .map(str::to_owned)
        .collect()
}

async fn list_segments(store: &dyn Store, template: &Template, source: &Location) -> Result<Vec<String>> {
    let directory = template.directory(source);
    let mut segments = Vec::new();
    let mut continuation = None;
    for _ in 0..MAX_PAGES {
        let options = List { prefix: directory.clone(), delimiter: Some("/".to_owned()), continuation, ..List::default() };
        let page = store.list(template.bucket(), options).await?;
        segments.extend(
            page.objects
                .iter()
                .filter_map(|o| o.key.as_str().strip_prefix(&directory))
                .filter(|s| !s.is_empty())
                .map(str::to_owned),
        );
        continuation = page.continuation;
        if continuation.is_none() {
            return Ok(segments);
        }
    }
    let message = format!("more than {MAX_PAGES} pages of derived objects of one source");
    Err(StoreError::new(
        ErrorKind::Invalid,
        "ListObjectsV2",
        format!("s3://{}/{directory}", template.bucket()),
        "TooManyDerived",
        message,
    ))
}

/// The content of a small object. An archived one has its metadata and none, until it is written anew: what else there is of
/// the source must not wait for somebody to restore it.
async fn read_small(store: &dyn Store, at: &Location) -> Result<Option<(ObjectMeta, Vec<u8>)>> {
    let object = match store.get(at, Get::default()).await {
        Ok(object) => object,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) if error.kind == ErrorKind::Archived => {
            return Ok(head(store, at).await?.map(|meta| (meta, Vec::new())));
        }
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    if object.meta.size <= MAX_BYTES {
        let mut body = object.body;
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk?);
        }
    }
    Ok(Some((object.meta, bytes)))
}
