//! The headers that describe an object, from a request into the store's options and back into a response.

use brigade::storage::{Condition, Encryption, Metadata, ObjectMeta, PutOptions};
use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::{Operations, tags};

/// Descriptive headers that the store has no field for are kept beside the user's metadata, under the header's name
/// behind this character. A user's name that begins with it is refused, so that the two cannot meet.
const KEPT: char = '~';

/// What a request says of the object that it writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Described {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) metadata: Option<s3s::dto::Metadata>,
    pub(super) kept: Vec<(&'static str, Option<String>)>,
    pub(super) tagging: Option<String>,
    pub(super) storage_class: Option<StorageClass>,
    pub(super) sse: Option<ServerSideEncryption>,
    pub(super) kms_key: Option<String>,
}

/// The three requests that write an object carry the same headers in three types.
macro_rules! described {
    ($input:expr) => {
        Described {
            content_type: $input.content_type.clone(),
            cache_control: $input.cache_control.clone(),
            metadata: $input.metadata.clone(),
            kept: vec![
                ("content-disposition", $input.content_disposition.clone()),
                ("content-encoding", $input.content_encoding.clone()),
                ("content-language", $input.content_language.clone()),
                ("expires", $input.expires.as_ref().map(http_date)),
                ("website-redirect-location", $input.website_redirect_location.clone()),
            ],
            tagging: $input.tagging.clone(),
            storage_class: $input.storage_class.clone(),
            sse: $input.server_side_encryption.clone(),
            kms_key: $input.ssekms_key_id.clone(),
        }
    };
}

impl Described {
    pub(super) fn of_put(input: &PutObjectInput) -> Self {
        described!(input)
    }

    pub(super) fn of_copy(input: &CopyObjectInput) -> Self {
        described!(input)
    }

    pub(super) fn of_upload(input: &CreateMultipartUploadInput) -> Self {
        described!(input)
    }

    /// As the store takes it.
    pub(super) fn options(self, operations: &Operations, condition: Condition) -> S3Result<PutOptions> {
        let mut metadata: Metadata = Metadata::new();
        for (name, value) in self.metadata.unwrap_or_default() {
            if name.starts_with(KEPT) {
                return Err(s3_error!(
                    InvalidArgument,
                    "The local cloud keeps metadata names that begin with {KEPT} for itself."
                ));
            }
            metadata.insert(name.to_ascii_lowercase(), value);
        }
        for (name, value) in self.kept {
            if let Some(value) = value {
                metadata.insert(format!("{KEPT}{name}"), value);
            }
        }
        Ok(PutOptions {
            condition,
            content_type: self.content_type,
            cache_control: self.cache_control,
            metadata,
            tags: self.tagging.as_deref().map(tags::from_header).transpose()?.unwrap_or_default(),
            storage_class: self.storage_class.map(|class| class.as_str().to_owned()),
            encryption: encryption_of(self.sse.as_ref(), self.kms_key.as_deref(), operations)?,
            ..PutOptions::default()
        })
    }
}

/// What is written must say how it is encrypted; S3 encrypts with its own key by default.
fn encryption_of(sse: Option<&ServerSideEncryption>, key: Option<&str>, operations: &Operations) -> S3Result<Encryption> {
    match (sse.map(ServerSideEncryption::as_str), key) {
        (None, None) => Ok(Encryption::Bucket),
        (Some("AES256"), None) => Ok(Encryption::Aes256),
        (Some("aws:kms" | "aws:kms:dsse"), Some(key)) => Ok(Encryption::Kms(key.to_owned())),
        (Some("aws:kms" | "aws:kms:dsse"), None) => Ok(Encryption::Kms(operations.default_kms_key())),
        _ => Err(s3_error!(InvalidArgument, "Server Side Encryption with the given algorithm and key is not possible.")),
    }
}

/// Objects under a customer's key are refused rather than kept in the open.
pub(super) fn no_customer_key(algorithm: Option<&str>) -> S3Result<()> {
    match algorithm {
        None => Ok(()),
        Some(_) => Err(s3_error!(NotImplemented, "The local cloud takes no customer's encryption keys (SSE-C).")),
    }
}

/// Buckets are owned as S3's have been by default since April 2023 (BucketOwnerEnforced): no ACL but the owner's.
pub(super) fn no_acl(acl: Option<&str>) -> S3Result<()> {
    match acl {
        None | Some("private" | "bucket-owner-full-control") => Ok(()),
        Some(_) => Err(s3_error!(AccessControlListNotSupported, "The bucket does not allow ACLs")),
    }
}

/// The encryption headers of a reply to a write.
pub(super) fn encryption(encryption: &Encryption) -> (Option<ServerSideEncryption>, Option<String>) {
    match encryption {
        Encryption::Kms(key) => (Some(ServerSideEncryption::from_static(ServerSideEncryption::AWS_KMS)), Some(key.clone())),
        Encryption::Bucket | Encryption::Aes256 => {
            (Some(ServerSideEncryption::from_static(ServerSideEncryption::AES256)), None)
        }
    }
}

/// A multipart object's etag ends in its number of parts.
pub(super) fn parts_of_etag(etag: &str) -> Option<i32> {
    etag.split_once('-').and_then(|(_, parts)| parts.parse().ok())
}

/// What a GET or a HEAD tells of an object.
pub(super) struct Told {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<ContentType>,
    pub(super) e_tag: Option<ETag>,
    pub(super) expires: Option<Timestamp>,
    pub(super) last_modified: Option<Timestamp>,
    pub(super) metadata: Option<s3s::dto::Metadata>,
    pub(super) server_side_encryption: Option<ServerSideEncryption>,
    pub(super) ssekms_key_id: Option<String>,
    pub(super) storage_class: Option<StorageClass>,
    pub(super) tag_count: Option<i32>,
    pub(super) version_id: Option<String>,
    pub(super) website_redirect_location: Option<String>,
    checksum: Option<String>,
}

impl Told {
    pub(super) fn of(meta: &ObjectMeta) -> Self {
        let kept = |name: &str| meta.metadata.get(&format!("{KEPT}{name}")).cloned();
        let users = meta.metadata.iter().filter(|(name, _)| !name.starts_with(KEPT));
        Self {
            cache_control: meta.cache_control.clone(),
            content_disposition: kept("content-disposition"),
            content_encoding: kept("content-encoding"),
            content_language: kept("content-language"),
            // S3 gives what came without a type this one.
            content_type: Some(meta.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())),
            e_tag: Some(ETag::Strong(meta.etag.clone())),
            expires: kept("expires").and_then(|date| Timestamp::parse(TimestampFormat::HttpDate, &date).ok()),
            last_modified: Some(Timestamp::from(meta.last_modified)),
            metadata: Some(users.map(|(name, value)| (name.clone(), value.clone())).collect()),
            server_side_encryption: meta.encryption.clone().map(ServerSideEncryption::from),
            ssekms_key_id: None,
            // S3 names every class but this one.
            storage_class: (meta.storage_class != "STANDARD").then(|| StorageClass::from(meta.storage_class.clone())),
            tag_count: meta.tag_count.filter(|n| *n > 0).and_then(|n| i32::try_from(n).ok()),
            version_id: meta.version_id.clone(),
            website_redirect_location: kept("website-redirect-location"),
            checksum: meta.checksum.clone(),
        }
    }

    /// Told only where the request asks for it.
    pub(super) fn checksum(&self, mode: Option<ChecksumMode>) -> Checksum {
        let mut told = Checksum::default();
        let asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        let Some((algorithm, value)) = self.checksum.as_deref().filter(|_| asked).and_then(|c| c.split_once(':')) else {
            return told;
        };
        let slot = match algorithm {
            "CRC32" => &mut told.checksum_crc32,
            "CRC32C" => &mut told.checksum_crc32c,
            "CRC64NVME" => &mut told.checksum_crc64nvme,
            "SHA1" => &mut told.checksum_sha1,
            "SHA256" => &mut told.checksum_sha256,
            _ => return told,
        };
        *slot = Some(value.to_owned());
        told.checksum_type = Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT));
        told
    }
}

pub(super) fn http_date(time: &Timestamp) -> String {
    let mut out = Vec::new();
    // Writing to a vector cannot fail; a date that cannot be written is left out by the reader.
    let _ = time.format(TimestampFormat::HttpDate, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
