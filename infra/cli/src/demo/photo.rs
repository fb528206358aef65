//! What goes into the bucket.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use brigade::event::{BucketName, ObjectKey};
use brigade::storage::Location;
use brigade_thumbnail::samples::samples;
use bytes::Bytes;

use crate::failure::Failure;
use crate::names;

/// Keys begin with this: a space, so that the encoding of keys in events is on the path.
const FOLDER: &str = "holiday photos";
/// A larger file is for a real bucket.
const MAX_BYTES: u64 = 512 << 20;

/// One object to upload.
pub(super) struct Photo {
    /// For people and for the folder of its thumbnails.
    pub(super) name: String,
    /// What is special about it.
    pub(super) about: String,
    pub(super) at: Location,
    pub(super) bytes: Bytes,
    pub(super) expected: Expected,
}

/// What has to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Thumbnails of a picture that has these upright dimensions.
    Upright(u32, u32),
    /// What the core makes of it: thumbnails, or a reason.
    AsTheCoreSays,
    /// It is parked: it is no picture.
    Parked,
    /// Nothing at all.
    Skipped,
}

/// The samples, a text that calls itself a photo, and a console's folder marker.
pub(super) fn drawn(bucket: &BucketName) -> Result<Vec<Photo>, Failure> {
    let samples = samples().map_err(|error| Failure::environment("drawing the samples", error))?;
    let mut photos = Vec::new();
    for sample in samples {
        let expected = Expected::Upright(sample.width, sample.height);
        photos.push(photo(bucket, sample.name, sample.describe, sample.bytes.into(), expected)?);
    }
    let text = Bytes::from_static(b"These are words, whatever the name says.\n");
    photos.push(photo(bucket, "not-a-photo.jpg", "text, named .jpg", text, Expected::Parked)?);
    photos.push(photo(bucket, "", "folder marker", Bytes::new(), Expected::Skipped)?);
    Ok(photos)
}

/// The user's own files.
pub(super) fn own(bucket: &BucketName, files: &[PathBuf]) -> Result<Vec<Photo>, Failure> {
    let one = |(name, file): (String, &PathBuf)| {
        let bytes = read(file).map_err(|error| Failure::environment(file.display(), error))?;
        photo(bucket, &name, "your photo", bytes, Expected::AsTheCoreSays)
    };
    names::unique(files).into_iter().zip(files).map(one).collect()
}

fn photo(bucket: &BucketName, name: &str, about: &str, bytes: Bytes, expected: Expected) -> Result<Photo, Failure> {
    let key = ObjectKey::new(format!("{FOLDER}/{name}")).map_err(|error| Failure::environment(name, error))?;
    let at = Location::new(bucket.clone(), key);
    let name = if name.is_empty() { format!("{FOLDER}/") } else { name.to_owned() };
    Ok(Photo { name, about: about.to_owned(), at, bytes, expected })
}

fn read(file: &Path) -> std::io::Result<Bytes> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!("has more than {MAX_BYTES} bytes")));
    }
    Ok(bytes.into())
}
