//! Looking for derived objects without a source: two listings side by side, a page of each in memory.

use std::pin::Pin;

use brigade::config::{Place, Span};
use brigade::derived::Template;
use brigade::event::{BucketName, ObjectKey};
use brigade::storage::{ErrorKind, Head, List, Location, ObjectEntry, Result as Stored, Store, paging};
use futures::{Stream, StreamExt};

use super::order::{ByDirectory, Join, Judged, before_the_start, is_due};

/// A part of the derived objects: those of one bucket's sources under one template, with what their keys begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) template: Template,
    /// The sources' bucket.
    pub(crate) sources: BucketName,
    /// What the sources' keys begin with; the derived keys have it behind the template's root.
    pub(crate) prefix: String,
}

impl Range {
    /// As much of the range as lies below a place; `None`: nothing does.
    pub(crate) fn below(self, place: Option<&Place>) -> Option<Self> {
        let Some(place) = place else { return Some(self) };
        if place.bucket != *self.template.bucket() {
            return None;
        }
        let (own, root) = (self.derived_prefix(), self.template.root(&self.sources));
        if own.starts_with(&place.prefix) {
            return Some(self);
        }
        let prefix = place.prefix.strip_prefix(root.as_str()).filter(|_| place.prefix.starts_with(&own))?.to_owned();
        Some(Self { prefix, ..self })
    }

    /// What the derived keys begin with.
    pub(crate) fn derived_prefix(&self) -> String {
        format!("{}{}", self.template.root(&self.sources), self.prefix)
    }
}

/// The search of one range.
pub(crate) struct Search<'a> {
    range: &'a Range,
    input: &'a [Span],
    root: usize,
    derived: Pin<Box<dyn Stream<Item = Stored<ObjectEntry>> + Send + 'a>>,
    sources: Sources<'a>,
    join: Join,
    /// Known to be there, though the listing of sources doesn't show them.
    inside: Vec<String>,
    /// Derived objects that were looked at.
    pub(crate) looked: u64,
    /// The last of them, by its whole key.
    pub(crate) last: Option<String>,
}

/// What the search tells, derived object by derived object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// Its source is there, or not the function's business.
    Kept,
    /// The first one of a source that is not there.
    Orphan(Location),
    /// One more of it.
    OfOrphan,
}

struct Sources<'a> {
    listing: Pin<Box<dyn Stream<Item = Stored<ObjectEntry>> + Send + 'a>>,
    order: ByDirectory,
    next: Option<String>,
    done: bool,
}

impl<'a> Search<'a> {
    /// Begins behind the derived key `start`, or at the beginning.
    pub(crate) async fn begin(
        store: &'a dyn Store,
        range: &'a Range,
        input: &'a [Span],
        start: Option<&str>,
    ) -> Stored<Search<'a>> {
        let root = range.template.root(&range.sources);
        let relative = start.and_then(|key| key.strip_prefix(root.as_str()));
        // With a prefix that ends within a directory, the directory's own source is shown by no listing of that prefix.
        let (inside, _) = before_the_start(&range.prefix);
        let (more_inside, behind) = relative.map(before_the_start).unwrap_or_default();
        let mut order = ByDirectory::default();
        let behind = behind.into_iter().filter(|key| key.starts_with(range.prefix.as_str()));
        for key in there(store, range, input, behind).await? {
            order.push(&key);
        }
        let inside = if more_inside.is_empty() { inside } else { more_inside };
        let inside = there(store, range, input, inside.into_iter()).await?;
        let list = |prefix: String, start_after: Option<&str>| List {
            prefix,
            start_after: start_after.map(str::to_owned),
            ..List::default()
        };
        let derived = list(range.derived_prefix(), start);
        let sources = list(range.prefix.clone(), relative);
        Ok(Self {
            range,
            input,
            root: root.len(),
            derived: paging::list_all(store, range.template.bucket(), derived).boxed(),
            sources: Sources {
                listing: paging::list_all(store, &range.sources, sources).boxed(),
                order,
                next: None,
                done: false,
            },
            join: Join::default(),
            inside,
            looked: 0,
            last: None,
        })
    }

    /// The next derived object; `None` at the end.
    pub(crate) async fn next(&mut self) -> Stored<Option<Sighting>> {
        let Some(entry) = self.derived.next().await.transpose()? else { return Ok(None) };
        let whole = String::from(entry.key);
        let Some(key) = whole.get(self.root..) else { return Ok(Some(Sighting::Kept)) };
        for source in std::mem::take(&mut self.inside) {
            self.join.source(&source, key);
        }
        while let Some(source) = self.sources.next_due(key).await? {
            self.join.source(&source, key);
        }
        let sighting = match self.join.derived(key) {
            Judged::HasSource | Judged::Stray => Sighting::Kept,
            Judged::Orphan(source) => self.orphan(source, true),
            Judged::OfOrphan => {
                let source = key.rsplit_once('/').map(|(source, _)| source.to_owned()).unwrap_or_default();
                self.orphan(source, false)
            }
        };
        self.looked += 1;
        self.last = Some(whole);
        Ok(Some(sighting))
    }

    /// Sources outside of the input are nothing to judge by.
    fn orphan(&self, source: String, first: bool) -> Sighting {
        let bucket = &self.range.sources;
        match ObjectKey::new(source) {
            Ok(key) if self.input.iter().any(|span| span.contains(bucket, &key)) => match first {
                true => Sighting::Orphan(Location::new(bucket.clone(), key)),
                false => Sighting::OfOrphan,
            },
            _ => Sighting::Kept,
        }
    }
}

impl Sources<'_> {
    /// The next source in the order of directories, if the derived key can't be judged without it.
    async fn next_due(&mut self, derived: &str) -> Stored<Option<String>> {
        while self.next.is_none() {
            self.next = self.order.pop();
            if self.next.is_some() || self.done {
                break;
            }
            match self.listing.next().await.transpose()? {
                Some(entry) => self.order.push(entry.key.as_str()),
                None => {
                    self.order.finish();
                    self.done = true;
                }
            }
        }
        Ok(self.next.take_if(|source| is_due(source, derived)))
    }
}

/// Which of these sources are there. What the input does not take is no reason for anything, and may not even be readable.
async fn there(store: &dyn Store, range: &Range, input: &[Span], keys: impl Iterator<Item = &str>) -> Stored<Vec<String>> {
    let mut there = Vec::new();
    for key in keys {
        let Ok(name) = ObjectKey::new(key) else { continue };
        if !input.iter().any(|span| span.contains(&range.sources, &name)) {
            continue;
        }
        match store.head(&Location::new(range.sources.clone(), name), Head::default()).await {
            Ok(_) => there.push(key.to_owned()),
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::DeleteMarker) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(there)
}
