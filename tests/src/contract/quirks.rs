//! What emulators that this project did not write are known to do otherwise than S3 documents.

use super::Quirk;

/// moto 5.2.5 (`moto_server`), with or without the Python package `awscrt`.
pub const MOTO: &[Quirk] = &[
    Quirk {
        case: "objects::the_checksum_is_of_the_full_object",
        documented: "HeadObject with checksum mode ENABLED shows the checksum of the upload",
        here: "shows none",
    },
    Quirk {
        case: "reads::a_range_outside_is_refused",
        documented: "416 InvalidRange where no byte of the range exists",
        here: "bytes=-1 of an empty object is 200; the others are 416",
    },
    Quirk {
        case: "versions::a_removal_leaves_a_marker_that_can_be_undone",
        documented: "removing a delete marker by its version id says x-amz-delete-marker: true",
        here: "does not say so",
    },
    Quirk {
        case: "versions::a_marker_has_no_content",
        documented: "405 MethodNotAllowed for a version id that names a delete marker, on GET and HEAD",
        here: "GET is 404 NoSuchVersion; HEAD is 405",
    },
    Quirk {
        case: "copies::a_copy_needs_its_source_unchanged",
        documented: "412 where x-amz-copy-source-if-match does not hold",
        here: "ignores the header and copies",
    },
    Quirk {
        case: "copies::a_copy_needs_its_destination_as_expected",
        documented: "CopyObject takes If-Match and If-None-Match for the destination",
        here: "ignores both",
    },
    Quirk {
        case: "multipart::parts_must_exist_and_be_in_order",
        documented: "InvalidPart and InvalidPartOrder on CompleteMultipartUpload",
        here: "completes a list out of order; a wrong etag and an absent part are InvalidPart",
    },
    Quirk {
        case: "multipart::a_completion_that_expects_an_etag_is_refused_when_stale",
        documented: "CompleteMultipartUpload takes If-Match",
        here: "ignores it and completes",
    },
    Quirk {
        case: "multipart::an_aborted_upload_is_gone",
        documented: "404 NoSuchUpload for a part of an upload that was aborted",
        here: "500",
    },
    Quirk {
        case: "batch::a_batch_removal_answers_each_key_in_order",
        documented: "DeleteObjects judges the ETag of an entry and answers PreconditionFailed for that key",
        here: "ignores it and removes the object",
    },
];
