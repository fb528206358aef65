//! What S3 refuses before it looks at any object: limits on names, tags, metadata, classes and sizes.

use super::super::{Encryption, Metadata, PutOptions, Result, Tags};
use super::refusal::*;

/// The largest object of one PUT, part or copy, in bytes: 5 GiB.
pub(super) const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;
/// The smallest part that is not the last one, in bytes: 5 MiB.
pub(super) const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
/// Names and values of user metadata in all, in bytes.
const MAX_METADATA_BYTES: usize = 2048;
/// Tags of one object.
const MAX_TAGS: usize = 10;

const CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

/// A GET of an object in this class needs a restore first.
pub(super) fn is_archive(class: &str) -> bool {
    matches!(class, "GLACIER" | "DEEP_ARCHIVE")
}

pub(super) fn check_options(ask: Ask<'_>, options: &PutOptions) -> Result<()> {
    check_metadata(ask, &options.metadata)?;
    check_tags(ask, &options.tags)?;
    if options.storage_class.as_deref().is_some_and(|class| !CLASSES.contains(&class)) {
        return Err(ask.refused(BAD_CLASS));
    }
    if matches!(&options.encryption, Encryption::Kms(key) if key.is_empty()) {
        return Err(ask.refused_with("KMS.NotFoundException", "The KMS key is empty"));
    }
    Ok(())
}

pub(super) fn check_size(ask: Ask<'_>, bytes: u64) -> Result<()> {
    if bytes > MAX_PUT_BYTES { Err(ask.refused(TOO_LARGE)) } else { Ok(()) }
}

fn check_metadata(ask: Ask<'_>, metadata: &Metadata) -> Result<()> {
    let token =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&b));
    let printable = |value: &str| value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b));
    if !metadata.iter().all(|(name, value)| token(name) && printable(value)) {
        return Err(ask.refused(BAD_METADATA));
    }
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_METADATA_BYTES { Err(ask.refused(METADATA_TOO_LARGE)) } else { Ok(()) }
}

/// Source: S3 user guide, "Categorizing your storage using tags", "Tag restrictions".
pub(super) fn check_tags(ask: Ask<'_>, tags: &Tags) -> Result<()> {
    if tags.len() > MAX_TAGS {
        return Err(ask.refused(TOO_MANY_TAGS));
    }
    let allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "+-=._:/@".contains(c));
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 || !allowed(key) {
            return Err(ask.refused(BAD_TAG_KEY));
        }
        if value.chars().count() > 256 || !allowed(value) {
            return Err(ask.refused(BAD_TAG_VALUE));
        }
        if key.starts_with("aws:") {
            return Err(ask.refused(SYSTEM_TAG));
        }
    }
    Ok(())
}

/// Source: S3 user guide, "General purpose bucket naming rules".
pub(super) fn check_bucket_name(ask: Ask<'_>, name: &str) -> Result<()> {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = |b: Option<u8>| b.is_some_and(alphanumeric);
    let good = (3..=63).contains(&name.len())
        && name.bytes().all(|b| alphanumeric(b) || b == b'-' || b == b'.')
        && ends(name.bytes().next())
        && ends(name.bytes().last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err();
    if good { Ok(()) } else { Err(ask.refused(BAD_BUCKET_NAME)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask<'static> {
        Ask::new("PutObject", &"s3://bucket/key")
    }

    #[test]
    fn tags_are_limited_as_s3_limits_them() {
        let many = |n: usize| (0..n).map(|i| (format!("k{i}"), String::new())).collect::<Tags>();
        let one = |key: &str, value: &str| Tags::from([(key.to_owned(), value.to_owned())]);
        // One line per case: tags, refused with.
        let cases = [
            (many(10), None),
            (many(11), Some("BadRequest")),
            (one("état /+-=._:@", "é 1"), None),
            (one("", "v"), Some("InvalidTag")),
            (one(&"k".repeat(128), &"v".repeat(256)), None),
            (one(&"k".repeat(129), "v"), Some("InvalidTag")),
            (one("k", &"v".repeat(257)), Some("InvalidTag")),
            (one("k&", "v"), Some("InvalidTag")),
            (one("aws:k", "v"), Some("InvalidTag")),
        ];
        for (tags, expected) in cases {
            let code = check_tags(ask(), &tags).err().map(|e| e.code);
            assert_eq!(code.as_deref(), expected, "{tags:?}");
        }
    }

    #[test]
    fn metadata_is_limited_to_2_kb_of_ascii() {
        // One line per case: name, value, refused with.
        let cases = [
            ("a", "v".repeat(2047), None),
            ("a", "v".repeat(2048), Some("MetadataTooLarge")),
            ("a", "é".to_owned(), Some("InvalidArgument")),
            ("a b", "v".to_owned(), Some("InvalidArgument")),
            ("", "v".to_owned(), Some("InvalidArgument")),
            ("a", "line\nbreak".to_owned(), Some("InvalidArgument")),
        ];
        for (name, value, expected) in cases {
            let metadata = Metadata::from([(name.to_owned(), value)]);
            assert_eq!(check_metadata(ask(), &metadata).err().map(|e| e.code).as_deref(), expected, "{metadata:?}");
        }
    }

    #[test]
    fn five_gib_is_the_largest_put() {
        assert!(check_size(ask(), MAX_PUT_BYTES).is_ok());
        assert_eq!(check_size(ask(), MAX_PUT_BYTES + 1).map_err(|e| e.code), Err("EntityTooLarge".to_owned()));
    }

    #[test]
    fn bucket_names_follow_the_general_purpose_rules() {
        let good = ["abc", "my-bucket.1", "0a0"];
        let bad = ["ab", "Abc", "-abc", "abc-", "a..b", "192.168.0.1", "a_b", &"a".repeat(64)];
        good.iter().for_each(|name| assert!(check_bucket_name(ask(), name).is_ok(), "{name}"));
        bad.iter().for_each(|name| assert!(check_bucket_name(ask(), name).is_err(), "{name}"));
    }
}
