//! Whether derived objects are `f(source)`, judged by their marks alone: cleanup can't compute `f`.

use brigade::derived::{Marks, Observed, SIDECAR, SourceVersion, current, is_current, is_withdrawn};
use brigade::storage::ObjectMeta;

/// How the derived objects of a source that is there stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Whoever computes `f` under the configuration that made them would change nothing.
    Current,
    /// These were withdrawn, and are of this very source: they need not be made again.
    Withdrawn(Vec<String>),
    /// Something is missing or stale, and must be made.
    Behind(&'static str),
}

/// Judges what was seen. `mark`: what the source's own derived objects carry; `directory`: what their keys begin with.
///
/// The configuration that counts is the sidecar's, because it is written last: an object of another one is of a change that
/// was not finished. A configuration that nobody has worked with yet shows in no mark; for that there is the backfill.
pub(crate) fn judge(observed: &Observed, source: &ObjectMeta, mark: &str, directory: &str) -> Standing {
    let version = SourceVersion::of(source);
    let of_this_source = |meta: &ObjectMeta| Marks::of(meta).is_some_and(|marks| marks.version.is_same_content(&version));
    let withdrawn = observed.objects.iter().filter(|(_, meta)| is_withdrawn(meta) && of_this_source(meta));
    let withdrawn: Vec<String> = withdrawn.map(|(segment, _)| segment.clone()).collect();
    if !withdrawn.is_empty() {
        // Whoever rejected the source may have found it gone before it came to park it: it must be judged anew.
        let is_rejected = observed.sidecar.as_ref().is_some_and(|sidecar| sidecar.reject.is_some());
        return if is_rejected {
            Standing::Behind("it was rejected, and may never have been parked")
        } else {
            Standing::Withdrawn(withdrawn)
        };
    }
    let Some(sidecar) = observed.objects.get(SIDECAR) else {
        return Standing::Behind(if observed.objects.is_empty() { "there is nothing of it" } else { "the sidecar is missing" });
    };
    let Some(of_sidecar) = Marks::of(sidecar) else { return Standing::Behind("the sidecar has no marks") };
    let marks = Marks { source: mark.to_owned(), version, config: of_sidecar.config };
    let is_f = match observed.newer_format {
        // What it lists can't be read; the marks can.
        true => observed.objects.values().all(|meta| is_current(meta, &marks)),
        false => current(observed, &marks, directory).is_some(),
    };
    if is_f { Standing::Current } else { Standing::Behind("what there is is stale or incomplete") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use brigade::derived::{ConfigId, ListedOutput, SIDECAR_VERSION, STATE, Sidecar, SidecarSource, WITHDRAWN};
    use serde_json::Map;
    use time::OffsetDateTime;

    use super::*;

    const DIRECTORY: &str = "t/photos/a/";

    fn object(etag: &str, version: &str, generation: u32) -> ObjectMeta {
        let config = ConfigId::new(generation, "settings");
        let version = SourceVersion::of(&source(version));
        let metadata = Marks { source: "mark".to_owned(), version, config }.to_metadata();
        ObjectMeta { metadata, ..source(etag) }
    }

    fn source(etag: &str) -> ObjectMeta {
        ObjectMeta {
            etag: etag.to_owned(),
            size: 7,
            last_modified: OffsetDateTime::UNIX_EPOCH,
            date: None,
            version_id: None,
            storage_class: "STANDARD".to_owned(),
            content_type: None,
            cache_control: None,
            metadata: BTreeMap::new(),
            checksum: None,
            tag_count: None,
            encryption: None,
        }
    }

    fn observed(objects: &[(&str, ObjectMeta)], listed: &[&str]) -> Observed {
        let output = |segment: &&str| ListedOutput {
            key: format!("{DIRECTORY}{segment}"),
            bytes: 7,
            content_type: "image/jpeg".to_owned(),
            md5: "m".to_owned(),
            etag: None,
            about: Map::new(),
        };
        let sidecar = Sidecar {
            v: SIDECAR_VERSION,
            source: SidecarSource { bucket: "photos".to_owned(), key: "a".to_owned() },
            config: String::new(),
            about: Map::new(),
            outputs: listed.iter().map(output).collect(),
            reject: None,
        };
        Observed {
            objects: objects.iter().map(|(segment, meta)| ((*segment).to_owned(), meta.clone())).collect(),
            sidecar: Some(sidecar),
            newer_format: false,
        }
    }

    fn withdrawn(meta: ObjectMeta) -> ObjectMeta {
        let mut meta = meta;
        meta.metadata.insert(STATE.to_owned(), WITHDRAWN.to_owned());
        meta
    }

    /// What there is, what the sidecar lists, how it stands.
    type Case<'a> = (Vec<(&'a str, ObjectMeta)>, &'a [&'a str], &'a str);

    #[test]
    fn marks_tell_what_must_be_made() {
        let (new, old) = (object("e", "v2", 1), object("e", "v1", 1));
        let next = object("e", "v2", 2);
        let back = |names: &[&str]| format!("Withdrawn({names:?})");
        let (current, behind) = ("Current", "Behind");
        let cases: Vec<Case<'_>> = vec![
            (vec![], &[], behind),
            (vec![("1.jpg", new.clone())], &[], behind),
            (vec![("1.jpg", new.clone()), (SIDECAR, new.clone())], &["1.jpg"], current),
            (vec![("1.jpg", new.clone()), (SIDECAR, new.clone())], &["1.jpg", "2.jpg"], behind),
            (vec![("1.jpg", new.clone()), ("2.jpg", new.clone()), (SIDECAR, new.clone())], &["1.jpg"], behind),
            (vec![("1.jpg", old.clone()), (SIDECAR, new.clone())], &["1.jpg"], behind),
            (vec![("1.jpg", old.clone()), (SIDECAR, old.clone())], &["1.jpg"], behind),
            (vec![("1.jpg", next.clone()), (SIDECAR, new.clone())], &["1.jpg"], behind),
            (vec![("1.jpg", next.clone()), (SIDECAR, next.clone())], &["1.jpg"], current),
            (vec![("1.jpg", source("e")), (SIDECAR, new.clone())], &["1.jpg"], behind),
            // A rejected source has a sidecar and nothing else; it is not announced again and again.
            (vec![(SIDECAR, new.clone())], &[], current),
        ];
        for (objects, listed, expected) in &cases {
            let standing = judge(&observed(objects, listed), &source("v2"), "mark", DIRECTORY);
            assert!(format!("{standing:?}").starts_with(expected), "{objects:?} {listed:?}: {standing:?}");
        }
        let gone = [("1.jpg", withdrawn(new.clone())), (SIDECAR, withdrawn(new.clone()))];
        let standing = judge(&observed(&gone, &["1.jpg"]), &source("v2"), "mark", DIRECTORY);
        assert_eq!(format!("{standing:?}"), back(&["1.jpg", SIDECAR]));
        let other = [("1.jpg", withdrawn(old.clone())), (SIDECAR, withdrawn(old))];
        let standing = judge(&observed(&other, &["1.jpg"]), &source("v2"), "mark", DIRECTORY);
        assert!(matches!(standing, Standing::Behind(_)), "{standing:?}");
    }

    #[test]
    fn a_sidecar_of_a_newer_format_leaves_the_marks_to_tell() {
        let (new, old) = (object("e", "v2", 1), object("e", "v1", 1));
        let newer = |objects: &[(&str, ObjectMeta)]| Observed { sidecar: None, newer_format: true, ..observed(objects, &[]) };
        let standing = |objects: &[(&str, ObjectMeta)]| judge(&newer(objects), &source("v2"), "mark", DIRECTORY);
        assert_eq!(standing(&[("1.jpg", new.clone()), (SIDECAR, new.clone())]), Standing::Current);
        assert!(matches!(standing(&[("1.jpg", old), (SIDECAR, new)]), Standing::Behind(_)));
    }
}
