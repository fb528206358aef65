//! Step 3 of the reconcile loop, pure: from what was seen to what must be written and removed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use md5::{Digest, Md5};

use super::identity::{Marks, is_withdrawn};
use super::make::{Made, Output};
use super::observe::Observed;
use super::sidecar::{ListedOutput, Rejected, SIDECAR_VERSION, Sidecar, SidecarSource};
use super::template::{SIDECAR, Template};
use crate::event::KeyError;
use crate::hex;
use crate::storage::{Condition, Location, ObjectMeta};
use crate::verdict::Reason;

/// A PUT, on the etag that was seen.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) segment: String,
    pub(super) bytes: Bytes,
    pub(super) content_type: &'static str,
    pub(super) condition: Condition,
}

/// A DELETE, on the etag that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The last segment of the derived object's key.
    pub segment: String,
    /// As it was seen.
    pub etag: String,
}

/// The steps of one pass before the sidecar, in this order.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) outputs: Vec<Write>,
    pub(super) removals: Vec<Removal>,
}

/// What was seen is already `f(source)`: the reason of a rejected source, or `None` inside for outputs.
///
/// Looks at every object, not at the sidecar alone: an output may have been removed behind a sidecar that stands.
pub fn current(observed: &Observed, marks: &Marks, directory: &str) -> Option<Option<Reason>> {
    let sidecar = observed.sidecar.as_ref()?;
    let all_current = observed.objects.values().all(|meta| is_current(meta, marks));
    let listed: Option<BTreeSet<&str>> = sidecar.outputs.iter().map(|output| output.key.strip_prefix(directory)).collect();
    let mut expected = listed?;
    expected.insert(SIDECAR);
    let found: BTreeSet<&str> = observed.objects.keys().map(String::as_str).collect();
    let intact = sidecar.outputs.iter().all(|output| is_intact(output, observed, directory));
    (all_current && expected == found && intact)
        .then(|| sidecar.reject.as_ref().map(|r| Reason::new(r.code.clone(), r.detail.clone())))
}

/// In use, and made from this source under this configuration.
pub fn is_current(meta: &ObjectMeta, marks: &Marks) -> bool {
    !is_withdrawn(meta) && Marks::of(meta).is_some_and(|found| found.are_current(marks))
}

fn is_intact(output: &ListedOutput, observed: &Observed, directory: &str) -> bool {
    let meta = output.key.strip_prefix(directory).and_then(|segment| observed.objects.get(segment));
    meta.is_some_and(|meta| meta.size == output.bytes && output.etag.as_ref().is_none_or(|etag| *etag == meta.etag))
}

/// The source is gone: everything that was seen goes, the sidecar last, because it lists the rest.
pub fn removal_of_all(observed: &Observed) -> Vec<Removal> {
    let (sidecar, outputs): (Vec<_>, Vec<_>) = observed.objects.iter().partition(|(segment, _)| *segment == SIDECAR);
    outputs
        .into_iter()
        .chain(sidecar)
        .map(|(segment, meta)| Removal { segment: segment.clone(), etag: meta.etag.clone() })
        .collect()
}

/// The source is there: what `f` made of it is written where it differs, everything else that was seen goes.
pub(super) fn plan(observed: &Observed, marks: &Marks, made: &Made) -> Plan {
    let outputs = made.outputs();
    let wanted: BTreeSet<&str> = outputs.iter().map(|o| o.segment.as_str()).chain([SIDECAR]).collect();
    Plan {
        outputs: outputs.iter().filter_map(|o| write(observed, marks, &o.segment, o.bytes.clone(), o.content_type)).collect(),
        removals: removal_of_all(observed).into_iter().filter(|r| !wanted.contains(r.segment.as_str())).collect(),
    }
}

/// The sidecar's PUT, once the outputs stand; `None` where it stands too. It comes last, so that until then the old one
/// still lists what may have to go.
///
/// `etags`: of the outputs, as their PUTs answered. Err: a derived key would be longer than S3 allows.
pub(super) fn sidecar(
    template: &Template,
    source: &Location,
    observed: &Observed,
    marks: &Marks,
    made: &Made,
    etags: &BTreeMap<String, String>,
) -> Result<Option<Write>, KeyError> {
    let list = |output: &Output| {
        let md5 = md5_hex(&output.bytes);
        let seen = || observed.objects.get(&output.segment).map(|meta| &meta.etag);
        Ok(ListedOutput {
            key: template.place(source, &output.segment)?.key.into(),
            bytes: output.bytes.len() as u64,
            content_type: output.content_type.to_owned(),
            etag: etags.get(&output.segment).or_else(seen).filter(|etag| **etag == md5).cloned(),
            md5,
            about: output.about.clone(),
        })
    };
    let (about, reject) = match made {
        Made::Outputs { about, .. } => (about.clone(), None),
        Made::Rejected(reason) => {
            (Default::default(), Some(Rejected { code: reason.code.to_string(), detail: reason.detail.clone() }))
        }
    };
    let sidecar = Sidecar {
        v: SIDECAR_VERSION,
        source: SidecarSource { bucket: source.bucket.to_string(), key: source.key.to_string() },
        config: marks.config.to_string(),
        about,
        outputs: made.outputs().iter().map(list).collect::<Result<_, _>>()?,
        reject,
    };
    Ok(write(observed, marks, SIDECAR, Bytes::from(sidecar.to_bytes()), "application/json"))
}

/// A PUT on what was seen at its place, or `None` where these bytes with these marks stand already. A sidecar that could not be
/// read, since it is archived, stands for nobody.
fn write(observed: &Observed, marks: &Marks, segment: &str, bytes: Bytes, content_type: &'static str) -> Option<Write> {
    let seen = observed.objects.get(segment);
    let readable = segment != SIDECAR || observed.sidecar.is_some();
    let stands = readable && seen.is_some_and(|meta| meta.etag == md5_hex(&bytes) && is_current(meta, marks));
    let condition = seen.map_or(Condition::IfAbsent, |meta| Condition::IfMatch(meta.etag.clone()));
    (!stands).then(|| Write { segment: segment.to_owned(), bytes, content_type, condition })
}

/// The digest that S3 uses as the etag of a single PUT without KMS.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex(Md5::digest(bytes))
}
