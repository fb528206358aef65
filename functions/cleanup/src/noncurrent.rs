//! The older versions of derived objects whose source is gone, in a versioned bucket.

use std::collections::BTreeMap;

use brigade::derived::{Run, SOURCE, Template};
use brigade::event::ObjectKey;
use brigade::storage::{ErrorKind, Head, ListVersions, Location, Result as Stored, StoreError, VersionEntry};

/// Pages of versions of one source's derived objects: 10,000 versions. What is beyond comes with the next look or sweep.
const MAX_PAGES: usize = 10;
/// The id of the version that a write replaces where versioning is suspended.
const NULL: &str = "null";

/// Removes what has a delete marker on top, and the marker. Answers whether there was anything.
///
/// Oldest first and the marker last: at no moment does an older version come to light again. A key of which one version is
/// not the source's is left alone as a whole, and so is one of markers alone, since a marker doesn't tell whose it is.
/// `Err(Conflict)`: a derived object is back, so somebody is at work on it.
///
/// A removal by version id takes no condition that could tell a `null` version from another that has replaced it: S3 judges
/// `If-Match` on the current version. Where versioning is suspended the marker on top is the `null` version, which the next PUT
/// replaces: it stays, with nothing below it. A `null` version below a marker with an id is from before versioning. If
/// versioning was suspended since, a PUT may have replaced it as it goes; then the source is back, which the loop's last look
/// finds, and has the object made again.
pub(crate) async fn clear(run: &mut Run<'_>, template: &Template, mark: &str) -> Stored<bool> {
    let mut changed = false;
    for (key, versions) in list(run, template).await? {
        let at = Location::new(template.bucket().clone(), key);
        if !all_are_own(run, &at, &versions, mark).await? {
            continue;
        }
        let covered = versions.first().is_some_and(|newest| newest.is_latest && newest.object.is_none());
        if !covered {
            let message = "a derived object is back while its older versions were to go";
            return Err(StoreError::new(ErrorKind::Conflict, "ListObjectVersions", &at, "DerivedIsBack", message));
        }
        for version in versions.iter().rev() {
            if version.is_latest && version.version_id == NULL {
                continue;
            }
            run.remove_version(&at, &version.version_id).await?;
            changed = true;
        }
    }
    Ok(changed)
}

/// The versions of each derived key, newest first.
async fn list(run: &Run<'_>, template: &Template) -> Stored<BTreeMap<ObjectKey, Vec<VersionEntry>>> {
    let prefix = template.directory(run.request().source);
    let mut options = ListVersions { prefix: prefix.clone(), delimiter: Some("/".to_owned()), ..ListVersions::default() };
    let mut keys: BTreeMap<ObjectKey, Vec<VersionEntry>> = BTreeMap::new();
    for _ in 0..MAX_PAGES {
        let page = run.store().list_versions(template.bucket(), options.clone()).await?;
        for version in page.versions.into_iter().filter(|version| version.key.as_str().len() > prefix.len()) {
            keys.entry(version.key.clone()).or_default().push(version);
        }
        match page.next {
            None => return Ok(keys),
            next => options.from = next,
        }
    }
    // The last key of the last page may have older versions beyond it, which would come to light.
    keys.pop_last();
    Ok(keys)
}

/// A delete marker carries no mark; it goes with the versions below it, of which there is one at least.
async fn all_are_own(run: &Run<'_>, at: &Location, versions: &[VersionEntry], mark: &str) -> Stored<bool> {
    let mut own = false;
    for version in versions.iter().filter(|version| version.object.is_some()) {
        let head = Head { version_id: Some(version.version_id.clone()) };
        let owner = match run.store().head(at, head).await {
            Ok(meta) => meta.metadata.get(SOURCE).cloned(),
            Err(error) if error.kind == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if owner.as_deref() != Some(mark) {
            return Ok(false);
        }
        own = true;
    }
    Ok(own)
}
