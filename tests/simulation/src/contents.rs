//! The few contents that sources have, so that identical bytes come again and again, and what `f` makes of each.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use brigade::budget::Deadline;
use brigade::event::{EventKind, ObjectEvent};
use brigade::storage::{EmbeddedStore, Location, PutOptions};
use brigade::verdict::Verdict;
use brigade::worker::Worker;
use brigade_thumbnail::{Config, Thumbnail};
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use crate::invariants::{Objects, read_all};

/// One content. No two have the same size, so that a HEAD tells which one it is.
pub(super) struct Content {
    pub(super) name: &'static str,
    pub(super) bytes: Bytes,
    /// Contents of one class give the same derived bytes, so no condition can tell them apart.
    pub(super) class: usize,
}

/// All contents: three pictures, a twin of the first with the same thumbnails, and one that is no picture.
pub(super) fn contents() -> &'static [Content] {
    static CONTENTS: OnceLock<Vec<Content>> = OnceLock::new();
    CONTENTS.get_or_init(|| {
        let picture = |width, height, colour: [u8; 3]| {
            let at = |x: u32, y: u32| Rgb(colour.map(|c| c.wrapping_add((40 * x + 25 * y) as u8)));
            encode(RgbImage::from_fn(width, height, at).into(), ImageFormat::Bmp)
        };
        let alpha = RgbaImage::from_fn(2, 3, |x, y| Rgba([200, (80 * x) as u8, (60 * y) as u8, (50 + 60 * y) as u8]));
        let a = picture(3, 2, [10, 20, 30]);
        let twin: Vec<u8> = a.iter().copied().chain([0]).collect();
        let content = |name, bytes, class| Content { name, bytes: Bytes::from(bytes), class };
        vec![
            content("A", a, 0),
            content("B", encode(alpha.into(), ImageFormat::Png), 1),
            content("C", picture(2, 2, [90, 10, 150]), 2),
            content("A'", twin, 0),
            content("bad", b"no picture at all".to_vec(), 3),
        ]
    })
}

/// The content of this size.
pub(super) fn of_size(size: u64) -> Option<&'static Content> {
    contents().iter().find(|content| content.bytes.len() as u64 == size)
}

fn encode(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("a small picture is encoded");
    bytes.into_inner()
}

/// What a fault-free run of the function makes of a source.
pub(super) struct Expected {
    pub(super) objects: Objects,
    pub(super) rejected: bool,
}

/// `f`, by a fault-free run on an empty store; computed once for each source, content and configuration.
pub(super) async fn expected(config: &Config, source: &Location, content: &Content) -> Arc<Expected> {
    type Known = Mutex<BTreeMap<String, Arc<Expected>>>;
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let known = KNOWN.get_or_init(Known::default);
    let name = format!("{} {:?} {source} {}", config.id, config.common.encryption, content.name);
    if let Some(expected) = known.lock().unwrap_or_else(PoisonError::into_inner).get(&name) {
        return Arc::clone(expected);
    }
    let expected = Arc::new(compute(config, source, content).await);
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::clone(&expected));
    expected
}

async fn compute(config: &Config, source: &Location, content: &Content) -> Expected {
    let store = EmbeddedStore::new();
    for bucket in [&source.bucket, config.template.bucket()] {
        store.create_bucket(bucket, "us-east-1").expect("a bucket is made");
    }
    let kind = EventKind::new("ObjectCreated:Put");
    store.put_object(source, content.bytes.clone(), PutOptions::default(), kind.clone()).expect("a source is put");
    let event = ObjectEvent::new(kind, source.bucket.clone(), source.key.clone());
    let worker = Thumbnail::new(config, Arc::new(store.clone()));
    let verdict = worker.handle(&event, Deadline::after(Duration::from_secs(60))).await.verdict;
    assert!(matches!(verdict, Verdict::Done | Verdict::Park(_)), "{} without faults: {verdict:?}", content.name);
    let objects = read_all(&store, config.template.bucket(), "").await.expect("an embedded store is read");
    Expected { objects, rejected: matches!(verdict, Verdict::Park(_)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_told_apart_by_size() {
        for content in contents() {
            assert_eq!(of_size(content.bytes.len() as u64).map(|c| c.name), Some(content.name));
        }
    }
}
