//! Fields that several of the protocol crate's inputs or outputs have under the same names: it has a type for each operation,
//! and no trait over them.

/// The body's digests, of an input that has a body.
macro_rules! digests {
    ($input:ident) => {
        $crate::s3::body::Digests {
            content_md5: $input.content_md5,
            checksum: ::s3s::dto::Checksum {
                checksum_crc32: $input.checksum_crc32,
                checksum_crc32c: $input.checksum_crc32c,
                checksum_crc64nvme: $input.checksum_crc64nvme,
                checksum_sha1: $input.checksum_sha1,
                checksum_sha256: $input.checksum_sha256,
                checksum_type: None,
            },
        }
    };
}

/// The conditions of an input that reads an object.
macro_rules! read_conditions {
    ($input:ident) => {
        $crate::s3::conditions::ReadConditions {
            if_match: $input.if_match,
            if_none_match: $input.if_none_match,
            if_modified_since: $input.if_modified_since,
            if_unmodified_since: $input.if_unmodified_since,
        }
    };
}

/// The conditions on the source of an input that copies.
macro_rules! copy_conditions {
    ($input:ident) => {
        $crate::s3::conditions::ReadConditions {
            if_match: $input.copy_source_if_match,
            if_none_match: $input.copy_source_if_none_match,
            if_modified_since: $input.copy_source_if_modified_since,
            if_unmodified_since: $input.copy_source_if_unmodified_since,
        }
    };
}

/// The output of a GET or a HEAD: its own fields, and what [`Told`](super::headers::Told) tells of the object.
macro_rules! described {
    ($output:ident, $told:ident, $checksum:ident, { $($own:ident: $value:expr),* $(,)? }) => {
        $output {
            $($own: $value,)*
            accept_ranges: Some("bytes".to_owned()),
            cache_control: $told.cache_control,
            content_disposition: $told.content_disposition,
            content_encoding: $told.content_encoding,
            content_language: $told.content_language,
            content_type: $told.content_type,
            e_tag: $told.e_tag,
            expires: $told.expires,
            last_modified: $told.last_modified,
            metadata: $told.metadata,
            server_side_encryption: $told.server_side_encryption,
            ssekms_key_id: $told.ssekms_key_id,
            storage_class: $told.storage_class,
            version_id: $told.version_id,
            website_redirect_location: $told.website_redirect_location,
            checksum_crc32: $checksum.checksum_crc32,
            checksum_crc32c: $checksum.checksum_crc32c,
            checksum_crc64nvme: $checksum.checksum_crc64nvme,
            checksum_sha1: $checksum.checksum_sha1,
            checksum_sha256: $checksum.checksum_sha256,
            checksum_type: $checksum.checksum_type,
            ..Default::default()
        }
    };
}

pub(super) use {copy_conditions, described, digests, read_conditions};
