//! Request bodies: collected within a bound, and verified against every digest that the request gives.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::TryStreamExt;
use hyper::header::HeaderMap;
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders, s3_error};
use tokio::sync::Semaphore;

use super::Limits;

/// The digests that a request gives of its body, each in base64.
#[derive(Clone, Debug, Default)]
pub(super) struct Digests {
    pub(super) content_md5: Option<String>,
    pub(super) checksum: Checksum,
}

/// The unit in which room for bodies is given out: a semaphore counts to less than 4 GiB in bytes.
const UNIT: usize = 64 * 1024;

/// The room for bodies on their way.
#[derive(Clone)]
pub(super) struct Intake {
    limit: usize,
    room: Arc<Semaphore>,
}

impl Intake {
    pub(super) fn new(limits: Limits) -> Self {
        let units = limits.in_flight.max(limits.body).div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Self { limit: limits.body, room: Arc::new(Semaphore::new(units)) }
    }

    /// Collects a body within the limit, when there is room for it, and verifies it. A trailer's checksum counts like a
    /// header's. The bytes are held once: the store keeps what is returned here.
    pub(super) async fn collect(
        &self,
        body: Option<StreamingBlob>,
        declared: Option<i64>,
        digests: Digests,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<(Bytes, Checksum)> {
        let declared = declared.and_then(|n| usize::try_from(n).ok());
        if declared.is_some_and(|n| n > self.limit) {
            return Err(too_large(self.limit));
        }
        // A body that does not say how large it is gets the room of the largest.
        let units = u32::try_from(declared.unwrap_or(self.limit).div_ceil(UNIT)).unwrap_or(u32::MAX);
        let _room = self.room.acquire_many(units).await.map_err(|e| s3_error!(e, InternalError))?;
        let bytes = read(body, declared, self.limit).await?;
        let checksum = verify(&bytes, &with_trailers(digests, trailers))?;
        Ok((Bytes::from(bytes), checksum))
    }
}

async fn read(body: Option<StreamingBlob>, declared: Option<usize>, limit: usize) -> S3Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(declared.unwrap_or_default());
    if let Some(mut body) = body {
        while let Some(chunk) = body.try_next().await.map_err(broken_off)? {
            if bytes.len() + chunk.len() > limit {
                return Err(too_large(limit));
            }
            bytes.extend_from_slice(&chunk);
        }
    }
    if declared.is_some_and(|n| n != bytes.len()) {
        return Err(s3_error!(
            IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length header."
        ));
    }
    Ok(bytes)
}

fn too_large(limit: usize) -> S3Error {
    s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size. The local cloud takes {limit} bytes.")
}

/// The protocol layer verifies signatures and trailers as the body flows, so that its own errors arrive here.
fn broken_off(error: Box<dyn std::error::Error + Send + Sync>) -> S3Error {
    match error.downcast::<S3Error>() {
        Ok(error) => *error,
        Err(error) => S3Error::with_message(S3ErrorCode::IncompleteBody, format!("The request's body broke off: {error}")),
    }
}

fn with_trailers(mut digests: Digests, trailers: Option<TrailingHeaders>) -> Digests {
    let read = |headers: &HeaderMap, name: &str| headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    if let Some(trailers) = trailers {
        let given = &mut digests.checksum;
        trailers.read(|headers| {
            let fill = |slot: &mut Option<String>, name: &str| *slot = slot.take().or_else(|| read(headers, name));
            fill(&mut given.checksum_crc32, "x-amz-checksum-crc32");
            fill(&mut given.checksum_crc32c, "x-amz-checksum-crc32c");
            fill(&mut given.checksum_crc64nvme, "x-amz-checksum-crc64nvme");
            fill(&mut given.checksum_sha1, "x-amz-checksum-sha1");
            fill(&mut given.checksum_sha256, "x-amz-checksum-sha256");
        });
    }
    digests
}

/// Answers the checksums that were given and held, for the reply.
fn verify(bytes: &[u8], digests: &Digests) -> S3Result<Checksum> {
    if let Some(given) = &digests.content_md5 {
        let decoded = BASE64_STANDARD.decode(given).ok().filter(|md5| md5.len() == 16);
        let decoded = decoded.ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."))?;
        if Md5::digest(bytes).as_slice() != decoded {
            return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
        }
    }
    let given = &digests.checksum;
    let mut hasher = ChecksumHasher {
        crc32: given.checksum_crc32.as_ref().map(|_| Crc32::new()),
        crc32c: given.checksum_crc32c.as_ref().map(|_| Crc32c::new()),
        sha1: given.checksum_sha1.as_ref().map(|_| Sha1::new()),
        sha256: given.checksum_sha256.as_ref().map(|_| Sha256::new()),
        crc64nvme: given.checksum_crc64nvme.as_ref().map(|_| Crc64Nvme::new()),
    };
    hasher.update(bytes);
    let found = hasher.finalize();
    let pairs = [
        ("CRC32", &given.checksum_crc32, &found.checksum_crc32),
        ("CRC32C", &given.checksum_crc32c, &found.checksum_crc32c),
        ("CRC64NVME", &given.checksum_crc64nvme, &found.checksum_crc64nvme),
        ("SHA1", &given.checksum_sha1, &found.checksum_sha1),
        ("SHA256", &given.checksum_sha256, &found.checksum_sha256),
    ];
    match pairs.iter().find(|(_, given, found)| given != found) {
        Some((name, ..)) => Err(s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum.")),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(set: impl FnOnce(&mut Checksum)) -> Digests {
        let mut digests = Digests::default();
        set(&mut digests.checksum);
        digests
    }

    fn intake(body: usize) -> Intake {
        Intake::new(Limits { body, in_flight: body, ..Limits::default() })
    }

    async fn collected(limit: usize, digests: Digests) -> Result<Bytes, String> {
        let body = StreamingBlob::from(s3s::Body::from(Bytes::from_static(b"123456789")));
        let result = intake(limit).collect(Some(body), None, digests, None).await;
        result.map(|(bytes, _)| bytes).map_err(|e| e.code().as_str().to_owned())
    }

    /// The check values of each algorithm for the text "123456789".
    #[tokio::test]
    async fn each_checksum_is_verified() {
        let cases: Vec<(Digests, Result<(), &str>)> = vec![
            (Digests::default(), Ok(())),
            (digests(|c| c.checksum_crc32 = Some("y/Q5Jg==".into())), Ok(())),
            (digests(|c| c.checksum_crc32c = Some("4waSgw==".into())), Ok(())),
            (digests(|c| c.checksum_crc64nvme = Some("rosUhgp5mIg=".into())), Ok(())),
            (digests(|c| c.checksum_sha1 = Some("98O8HYCOBHMq32eZZczDTKeuNEE=".into())), Ok(())),
            (digests(|c| c.checksum_sha256 = Some("FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=".into())), Ok(())),
            (digests(|c| c.checksum_crc32 = Some("y/Q5Jw==".into())), Err("BadDigest")),
            (digests(|c| c.checksum_sha256 = Some("AAAA".into())), Err("BadDigest")),
            (Digests { content_md5: Some("JfnnlDI7RTiF9RgfG2JNCw==".into()), ..Digests::default() }, Ok(())),
            (Digests { content_md5: Some("AAAAAAAAAAAAAAAAAAAAAA==".into()), ..Digests::default() }, Err("BadDigest")),
            (Digests { content_md5: Some("short".into()), ..Digests::default() }, Err("InvalidDigest")),
        ];
        for (digests, expected) in cases {
            let found = collected(9, digests.clone()).await;
            assert_eq!(found.map(|_| ()), expected.map_err(str::to_owned), "{digests:?}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whether_declared_or_not() {
        assert_eq!(collected(8, Digests::default()).await, Err("EntityTooLarge".to_owned()));
        let declared = intake(8).collect(None, Some(9), Digests::default(), None).await.unwrap_err();
        assert_eq!(declared.code().as_str(), "EntityTooLarge");
        let short = intake(10).collect(None, Some(9), Digests::default(), None).await.unwrap_err();
        assert_eq!(short.code().as_str(), "IncompleteBody");
    }
}
