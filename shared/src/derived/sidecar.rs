//! The sidecar: one small JSON object beside the outputs that says what they are. Written last.
//!
//! A consumer reads it to learn which sizes exist; a worker reads it to learn what an earlier configuration left. Its
//! bytes depend on the source's bytes, its name and the configuration alone.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The format that this version writes. It reads this one and the one before.
///
/// 1: the first. 2: `about` tells what became of the colour profile, warnings, and a placeholder. A worker that meets a
/// higher one yields, so that during a deployment the older version does not undo what the newer one has made.
pub const SIDECAR_VERSION: u32 = 2;

/// A sidecar longer than this is not ours.
pub(super) const MAX_BYTES: u64 = 256 * 1024;

/// `info.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sidecar {
    /// [`SIDECAR_VERSION`].
    pub v: u32,
    /// What it was made from.
    pub source: SidecarSource,
    /// Generation and digest of the configuration.
    pub config: String,
    /// What the function tells of the source, such as its width and height.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub about: Map<String, Value>,
    /// The outputs, in the order of the configuration.
    #[serde(default)]
    pub outputs: Vec<ListedOutput>,
    /// Why there are no outputs: a stable word and the figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reject: Option<Rejected>,
}

/// The source, named in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SidecarSource {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
}

/// Why a source has no outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// A stable word.
    pub code: String,
    /// The figures.
    pub detail: String,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListedOutput {
    /// Its whole key in the derived bucket.
    pub key: String,
    /// In bytes.
    pub bytes: u64,
    /// Such as `image/jpeg`.
    pub content_type: String,
    /// Of its bytes, in hexadecimal.
    pub md5: String,
    /// Its etag, where that is the MD5; under SSE-KMS an etag is no function of the bytes, and none is told here.
    pub etag: Option<String>,
    /// What the function tells of it, such as its width and height.
    #[serde(flatten)]
    pub about: Map<String, Value>,
}

impl Sidecar {
    /// The bytes that are stored: pretty, with a final line feed, so that people can read it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and maps with string keys always serialise.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// What is stored, or `None` where it is no sidecar that this version reads.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The format's number alone, which every future version has as well.
    pub fn version_of(bytes: &[u8]) -> Option<u32> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        serde_json::from_slice::<Version>(bytes).ok().map(|version| version.v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each version that was ever written, as it was stored.
    const STORED: [(u32, &str); 2] =
        [(1, include_str!("fixtures/sidecar-v1.json")), (2, include_str!("fixtures/sidecar-v2.json"))];

    #[test]
    fn this_version_and_the_one_before_are_read_and_kept_as_they_are() {
        for (version, text) in STORED.into_iter().filter(|(version, _)| version + 1 >= SIDECAR_VERSION) {
            let sidecar = Sidecar::parse(text.as_bytes()).unwrap();
            assert_eq!((sidecar.v, Sidecar::version_of(text.as_bytes())), (version, Some(version)));
            assert_eq!((sidecar.source.bucket.as_str(), sidecar.source.key.as_str()), ("photos", "uploads/old photo.jpg"));
            assert_eq!(sidecar.outputs.first().and_then(|output| output.about.get("width")), Some(&Value::from(128)));
            assert_eq!(String::from_utf8(sidecar.to_bytes()).unwrap(), text);
        }
        assert!(STORED.iter().any(|(version, _)| *version == SIDECAR_VERSION), "a fixture of what is written now");
    }
}
