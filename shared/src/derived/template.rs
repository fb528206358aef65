//! Output templates: where the derived objects of a source are, and whose a derived object is.

use std::fmt;

use crate::config::{Place, Span};
use crate::event::{BucketName, KeyError, ObjectKey};
use crate::storage::Location;

/// The last segment of every sidecar's key.
pub const SIDECAR: &str = "info.json";

/// `s3://DERIVED/thumbnails/{bucket}/{key}/{size}.{ext}`.
///
/// Injective and reversible, because it holds the whole bucket name (which has no slash), then the whole key, then one
/// segment without a slash: two sources never share a derived object, and a derived key tells its source. A template
/// such as `{stem}-256.jpg` would merge `cat.png` and `cat.jpg`, and is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    bucket: BucketName,
    /// Before `{bucket}`; empty, or ends with a slash.
    head: String,
    /// Between `{bucket}` and `{key}`; begins and ends with a slash.
    middle: String,
    /// After `{key}/`; has `{size}` and no slash.
    last: String,
}

/// What fills the last segment's placeholders.
#[derive(Clone, Copy, Debug)]
pub struct Fill<'a> {
    /// `{size}`, in pixels.
    pub size: u32,
    /// `{ext}`, without the dot.
    pub ext: &'a str,
    /// `{version}`: a digest of the source's bytes.
    pub version: &'a str,
}

impl Template {
    /// Parses and checks the template; the error says what is missing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Place { bucket, prefix } = Place::parse(text)
            .map_err(|problem| format!("{problem}; a template is s3://DERIVED/…/{{bucket}}/{{key}}/{{size}}.{{ext}}"))?;
        let (head, after) = prefix.split_once("{bucket}").ok_or("must contain {bucket}, or two buckets' outputs would meet")?;
        let (middle, after) =
            after.split_once("{key}").ok_or("must contain {key} after {bucket}, or two keys' outputs would meet")?;
        let last = after.strip_prefix('/').ok_or("must go on with a slash after {key}")?;
        check_segments(head, middle, last)?;
        Ok(Self { bucket, head: head.to_owned(), middle: middle.to_owned(), last: last.to_owned() })
    }

    /// The bucket of all derived objects.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// The template has `{version}`: the names of outputs change with the source's content.
    pub fn is_versioned(&self) -> bool {
        self.last.contains("{version}")
    }

    /// What the keys of all derived objects of all sources of a bucket begin with; the source's key comes next.
    pub fn root(&self, bucket: &BucketName) -> String {
        format!("{}{bucket}{}", self.head, self.middle)
    }

    /// What the keys of all derived objects of `source` begin with; each adds one segment without a slash.
    pub fn directory(&self, source: &Location) -> String {
        format!("{}{}/", self.root(&source.bucket), source.key)
    }

    /// The last segment of an output.
    pub fn segment(&self, fill: Fill<'_>) -> String {
        self.last.replace("{size}", &fill.size.to_string()).replace("{ext}", fill.ext).replace("{version}", fill.version)
    }

    /// A derived object of `source` by its last segment. Err: the derived key would be longer than S3 allows.
    pub fn place(&self, source: &Location, segment: &str) -> Result<Location, KeyError> {
        let key = ObjectKey::new(format!("{}{segment}", self.directory(source)))?;
        Ok(Location::new(self.bucket.clone(), key))
    }

    /// Both have their outputs of a source in the same directory.
    pub fn shares_directories(&self, other: &Self) -> bool {
        (&self.bucket, &self.head, &self.middle) == (&other.bucket, &other.head, &other.middle)
    }

    /// The source that `derived` would belong to, and its last segment; the reverse of [`Template::place`].
    pub fn source_of(&self, derived: &Location) -> Option<(Location, String)> {
        if derived.bucket != self.bucket {
            return None;
        }
        let rest = derived.key.as_str().strip_prefix(self.head.as_str())?;
        let (rest, segment) = rest.rsplit_once('/')?;
        // A bucket name has no slash, and `middle` begins with one: the first slash ends the bucket's name.
        let (bucket, _) = rest.split_once('/')?;
        let key = rest.get(bucket.len()..)?.strip_prefix(self.middle.as_str())?;
        let source = Location::new(BucketName::new(bucket), ObjectKey::new(key).ok()?);
        Some((source, segment.to_owned()))
    }

    /// A span of the input that an output or sidecar might lie in: the function would trigger itself.
    pub fn meets<'s>(&self, inputs: &'s [Span]) -> Option<&'s Span> {
        let tail = self.last.rsplit_once('}').map_or(self.last.as_str(), |(_, literal)| literal);
        let sidecar = format!("/{SIDECAR}");
        inputs.iter().find(|span| {
            inputs.iter().any(|source| {
                let head = format!("{}{}{}{}", self.head, source.bucket(), self.middle, source.prefix());
                span.may_contain(&self.bucket, &head, tail) || span.may_contain(&self.bucket, &head, &sidecar)
            })
        })
    }
}

fn check_segments(head: &str, middle: &str, last: &str) -> Result<(), String> {
    if !(head.is_empty() || head.ends_with('/')) {
        return Err("{bucket} must be a whole segment: put a slash before it".to_owned());
    }
    if !(middle.starts_with('/') && middle.ends_with('/')) {
        return Err("{bucket} and {key} must be whole segments: put slashes around them".to_owned());
    }
    if last.contains('/') {
        return Err("must end with one segment without a slash after {key}/, such as {size}.{ext}".to_owned());
    }
    if !last.contains("{size}") {
        return Err("must have {size} in its last segment, or the sizes would overwrite each other".to_owned());
    }
    let literal = last.replace("{size}", "").replace("{ext}", "").replace("{version}", "");
    if [head, middle, &literal].iter().any(|text| text.contains(['{', '}', '*'])) {
        return Err(
            "may have the placeholders {bucket}, {key}, {size}, {ext} and {version}, each of the first three once".to_owned()
        );
    }
    Ok(())
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}{{bucket}}{}{{key}}/{}", self.bucket, self.head, self.middle, self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::parse_spans;

    const USUAL: &str = "s3://derived/thumbnails/{bucket}/{key}/{size}.{ext}";

    fn location(bucket: &str, key: &str) -> Location {
        Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap())
    }

    #[test]
    fn a_template_keeps_the_whole_key() {
        let template = Template::parse(USUAL).unwrap();
        let segment = template.segment(Fill { size: 256, ext: "jpg", version: "" });
        let place = template.place(&location("photos", "a/b+c .jpg"), &segment).unwrap();
        assert_eq!(place.to_string(), "s3://derived/thumbnails/photos/a/b+c .jpg/256.jpg");
        assert_eq!(template.to_string(), USUAL);
    }

    #[test]
    fn derived_objects_may_go_through_an_access_point() {
        let bucket = "arn:aws:s3:eu-west-1:123456789012:accesspoint/derived";
        let text = format!("s3://{bucket}/thumbnails/{{bucket}}/{{key}}/{{size}}.{{ext}}");
        let template = Template::parse(&text).unwrap();
        let source = location("photos", "a/b.jpg");
        let place = template.place(&source, "256.jpg").unwrap();
        assert_eq!((place.bucket.as_str(), place.key.as_str()), (bucket, "thumbnails/photos/a/b.jpg/256.jpg"));
        assert_eq!(template.source_of(&place), Some((source, "256.jpg".to_owned())));
        assert_eq!(template.to_string(), text);
    }

    #[test]
    fn what_would_merge_two_sources_is_refused() {
        for text in [
            "derived/{bucket}/{key}/{size}.jpg",
            "s3://derived",
            "s3://derived/{key}/{size}.jpg",
            "s3://derived/{bucket}/{stem}-{size}.jpg",
            "s3://derived/{bucket}{key}/{size}.jpg",
            "s3://derived/{bucket}/x{key}/{size}.jpg",
            "s3://derived/x{bucket}/{key}/{size}.jpg",
            "s3://derived/{bucket}/{key}-{size}.jpg",
            "s3://derived/{bucket}/{key}/x/{size}.jpg",
            "s3://derived/{bucket}/{key}/thumb.jpg",
            "s3://derived/{bucket}/{key}/{size}-{etag}.jpg",
            "s3://{bucket}/{key}/{size}.jpg",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_function_that_would_trigger_itself_is_found() {
        for (template, inputs, meets) in [
            (USUAL, "s3://photos/*", false),
            (USUAL, "s3://derived/*", true),
            (USUAL, "s3://derived/uploads/*", false),
            (USUAL, "s3://derived/thumb*", true),
            (USUAL, "s3://derived/thumbnails/incoming/*", false),
            (USUAL, "s3://derived/thumbnails/derived/*", true),
            (USUAL, "s3://derived/*.jpg", true),
            (USUAL, "s3://derived/*.json", true),
            ("s3://photos/t/{bucket}/{key}/{size}.png", "s3://photos/*.jpg", false),
            ("s3://photos/t/{bucket}/{key}/{size}.png", "s3://photos/*.png", true),
            ("s3://photos/t/{bucket}/{key}/{size}.png", "s3://photos/in/*.jpg,s3://photos/t/*", true),
        ] {
            let spans = parse_spans(inputs).unwrap();
            assert_eq!(Template::parse(template).unwrap().meets(&spans).is_some(), meets, "{template} {inputs}");
        }
    }

    proptest! {
        #[test]
        fn a_derived_key_tells_its_source(bucket in "[a-z0-9.-]{3,20}", key in "[a-z/+ .é]{1,40}", segment in "[a-z0-9.]{1,10}") {
            for text in [USUAL, "s3://derived/{bucket}/{key}/{size}", "s3://derived/a/{bucket}/b/c/{key}/{size}.{ext}"] {
                let template = Template::parse(text).unwrap();
                let source = location(&bucket, &key);
                let place = template.place(&source, &segment).unwrap();
                prop_assert_eq!(template.source_of(&place), Some((source, segment.clone())));
            }
        }
    }
}
