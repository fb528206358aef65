//! `f`: from a source object to its thumbnails, for the reconcile loop.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brigade::budget::Memory;
use brigade::config::Common;
use brigade::derived::{ConfigId, Derive, Fill, Made, MakeError, Output, Template};
use brigade::hex;
use brigade::storage::{Body, Encryption, ErrorKind, GetObject, StoreError};
use brigade::verdict::{Reason, Verdict};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::pixels::{self, Format, Header, Limits, Reject, Rendered, Settings, memory_estimate, peek};

/// Enough of a file to read its header, whatever a camera puts before it.
const HEAD: usize = 256 * 1024;
/// Hex digits of a source's digest in a versioned name.
const VERSION_BYTES: usize = 8;

/// What the reconcile loop asks of the thumbnail function.
#[derive(Clone, Debug)]
pub(crate) struct Thumbnails {
    template: Template,
    settings: Settings,
    segments: Vec<String>,
    id: ConfigId,
    cache_control: String,
    encryption: Encryption,
}

impl Thumbnails {
    pub(crate) fn new(config: &Config) -> Self {
        let Config { common: Common { encryption, .. }, template, settings, cache_control, id } = config.clone();
        let segments = segments(&template, &settings);
        Self { template, settings, segments, id, cache_control, encryption }
    }
}

/// Every name that some source may get. Versioned names depend on the content: there the loop lists what is there.
fn segments(template: &Template, settings: &Settings) -> Vec<String> {
    if template.is_versioned() {
        return Vec::new();
    }
    let exts: &[&str] = match settings.format {
        Format::Auto => &["jpg", "png"],
        Format::Jpeg => &["jpg"],
        Format::Png => &["png"],
        Format::Webp => &["webp"],
    };
    settings
        .sizes
        .iter()
        .flat_map(|size| exts.iter().map(|ext| template.segment(Fill { size: *size, ext, version: "" })))
        .collect()
}

#[async_trait]
impl Derive for Thumbnails {
    fn template(&self) -> &Template {
        &self.template
    }

    fn segments(&self) -> &[String] {
        &self.segments
    }

    fn config(&self) -> &ConfigId {
        &self.id
    }

    fn cache_control(&self) -> Option<&str> {
        Some(&self.cache_control)
    }

    fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    async fn make(&self, source: GetObject, memory: &Memory) -> Result<Made, MakeError> {
        let size = source.meta.size;
        if size > self.settings.limits.bytes {
            return Ok(rejected(&Reject::TooManyBytes { bytes: size, limit: self.settings.limits.bytes }));
        }
        let mut body = source.body;
        let mut bytes = BytesMut::new();
        read_to(&mut body, &mut bytes, HEAD.min(usize::try_from(size).unwrap_or(usize::MAX))).await?;
        let estimate = match peek(&bytes) {
            Ok(Some(header)) => self.estimate(&header),
            // The header is longer than the head: be ready for the most that is allowed.
            Ok(None) => self.settings.limits.memory,
            Err(reject) => return Ok(rejected(&reject)),
        };
        // One hold for both the source and its decoding; two could wait for each other's for ever.
        let held = memory.hold(size.saturating_add(estimate)).await;
        read_to(&mut body, &mut bytes, usize::try_from(size).unwrap_or(usize::MAX)).await?;
        let settings = self.within(memory.total().saturating_sub(size));
        let bytes = bytes.freeze();
        let work = tokio::task::spawn_blocking(move || {
            // A blocking task outlives its caller's timeout; what it holds is held until it has really ended.
            let _held = held;
            let version = version(&bytes);
            (pixels::render(&bytes, &settings), version)
        });
        match work.await {
            Ok((Ok(rendered), version)) => Ok(self.outputs(rendered, &version)),
            Ok((Err(reject), _)) => Ok(rejected(&reject)),
            Err(failed) => Err(MakeError::Verdict(Verdict::retry("panic", format!("rendering did not end: {failed}")))),
        }
    }
}

impl Thumbnails {
    fn estimate(&self, header: &Header) -> u64 {
        memory_estimate(header, &self.settings)
    }

    /// The settings with the memory that this source leaves.
    fn within(&self, left: u64) -> Settings {
        let limits = Limits { memory: self.settings.limits.memory.min(left), ..self.settings.limits };
        Settings { limits, ..self.settings.clone() }
    }

    fn outputs(&self, rendered: Rendered, version: &str) -> Made {
        let about = map(json!({
            "format": rendered.format.to_string(),
            "width": rendered.width,
            "height": rendered.height,
            "has_alpha": rendered.has_alpha,
            "orientation": rendered.orientation,
            "profile": rendered.profile.code(),
            "warnings": rendered.warnings(),
            "dominant": rendered.placeholder.dominant_hex(),
            "thumbhash": STANDARD.encode(&rendered.placeholder.thumbhash),
        }));
        let outputs = rendered.outputs.into_iter().map(|output| Output {
            segment: self.template.segment(Fill { size: output.size, ext: output.ext, version }),
            bytes: output.bytes,
            content_type: output.content_type,
            about: map(json!({"size": output.size, "width": output.width, "height": output.height})),
        });
        Made::Outputs { outputs: outputs.collect(), about }
    }
}

fn rejected(reject: &Reject) -> Made {
    Made::Rejected(Reason::new(reject.code(), reject.to_string()))
}

fn version(bytes: &Bytes) -> String {
    hex(Sha256::digest(bytes).iter().take(VERSION_BYTES))
}

/// Reads until `wanted` bytes are there. A body that ends before is a failed request: the rest may come next time.
async fn read_to(body: &mut Body, bytes: &mut BytesMut, wanted: usize) -> Result<(), StoreError> {
    while bytes.len() < wanted {
        match body.next().await {
            Some(chunk) => bytes.extend_from_slice(&chunk?),
            None => {
                let message = format!("the body ended after {} of {wanted} bytes", bytes.len());
                return Err(StoreError::new(ErrorKind::Unavailable, "GetObject", "the source", "IncompleteBody", message));
            }
        }
    }
    Ok(())
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
