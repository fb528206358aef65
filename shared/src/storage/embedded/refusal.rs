//! S3's refusals: each code with S3's own sentence, and the request that was refused.
//!
//! Source: S3 API reference, "Error responses", and the error sections of the operations.

use std::fmt;

use super::super::{StoreError, kind_of};

/// A code and its message.
pub(super) type Reason = (&'static str, &'static str);

pub(super) const NO_SUCH_KEY: Reason = ("NoSuchKey", "The specified key does not exist.");
pub(super) const NO_SUCH_BUCKET: Reason = ("NoSuchBucket", "The specified bucket does not exist");
pub(super) const NO_SUCH_VERSION: Reason = ("NoSuchVersion", "The specified version does not exist.");
pub(super) const BAD_VERSION_ID: Reason = ("InvalidArgument", "Invalid version id specified");
pub(super) const IS_DELETE_MARKER: Reason = ("MethodNotAllowed", "The specified method is not allowed against this resource.");
pub(super) const PRECONDITION_FAILED: Reason =
    ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
pub(super) const NOT_MODIFIED: Reason = ("NotModified", "Not Modified");
pub(super) const INVALID_RANGE: Reason = ("InvalidRange", "The requested range is not satisfiable");
pub(super) const ARCHIVED: Reason = ("InvalidObjectState", "The operation is not valid for the object's storage class");
pub(super) const TOO_LARGE: Reason = ("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
pub(super) const PART_TOO_SMALL: Reason = ("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
pub(super) const METADATA_TOO_LARGE: Reason =
    ("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size");
pub(super) const BAD_METADATA: Reason =
    ("InvalidArgument", "User metadata must be printable ASCII, and its names must be HTTP tokens");
pub(super) const BAD_CLASS: Reason = ("InvalidStorageClass", "The storage class you specified is not valid");
pub(super) const TOO_MANY_TAGS: Reason = ("BadRequest", "Object tags cannot be greater than 10");
pub(super) const BAD_TAG_KEY: Reason = ("InvalidTag", "The TagKey you have provided is invalid");
pub(super) const BAD_TAG_VALUE: Reason = ("InvalidTag", "The TagValue you have provided is invalid");
pub(super) const SYSTEM_TAG: Reason = ("InvalidTag", "System tags cannot be added/updated by requester");
pub(super) const MALFORMED_XML: Reason =
    ("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema");
pub(super) const NO_SUCH_UPLOAD: Reason = (
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
);
pub(super) const BAD_PART_NUMBER: Reason = ("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive");
pub(super) const PART_ORDER: Reason = (
    "InvalidPartOrder",
    "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
);
pub(super) const INVALID_PART: Reason = (
    "InvalidPart",
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity \
     tag may not match the part's entity tag.",
);
pub(super) const COPY_SOURCE_TOO_LARGE: Reason =
    ("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120");
pub(super) const COPY_OF_MARKER: Reason =
    ("InvalidRequest", "The source of a copy request may not specifically refer to a delete marker by version id.");
pub(super) const COPY_TO_ITSELF: Reason = (
    "InvalidRequest",
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's \
     metadata, storage class, website redirect location or encryption attributes.",
);
pub(super) const BAD_BUCKET_NAME: Reason = ("InvalidBucketName", "The specified bucket is not valid.");
pub(super) const BUCKET_EXISTS: Reason =
    ("BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.");
pub(super) const BUCKET_NOT_EMPTY: Reason =
    ("BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.");
pub(super) const TOO_MANY_BUCKETS: Reason = ("TooManyBuckets", "You have attempted to create more buckets than allowed");
pub(super) const VERSIONING_STAYS: Reason = (
    "IllegalVersioningConfigurationException",
    "A bucket whose versioning was enabled can only be suspended, never be unversioned again.",
);
pub(super) const BAD_CONTINUATION: Reason = ("InvalidArgument", "The continuation token provided is incorrect");
pub(super) const NOT_ARCHIVED: Reason = ("InvalidObjectState", "Restore is not allowed for the object's current storage class");

/// A request as its refusals name it: the operation, and the bucket or the bucket and key.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    operation: &'static str,
    place: &'a dyn fmt::Display,
}

impl<'a> Ask<'a> {
    pub(super) fn new(operation: &'static str, place: &'a dyn fmt::Display) -> Self {
        Self { operation, place }
    }

    /// The refusal of this request for `reason`.
    pub(super) fn refused(&self, (code, message): Reason) -> StoreError {
        self.refused_with(code, message)
    }

    /// The refusal with a message that carries a figure.
    pub(super) fn refused_with(&self, code: &str, message: impl Into<String>) -> StoreError {
        let message = message.into();
        StoreError::new(kind_of(Some(code), None, &message), self.operation, self.place, code, message)
    }
}
