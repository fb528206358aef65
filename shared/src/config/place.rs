//! Places as users write them: `s3://bucket/prefix` and `s3://bucket/prefix*suffix`.

use std::fmt;

use crate::event::{BucketName, ObjectKey};

/// `s3://bucket/prefix`: a bucket and what its keys begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: BucketName,
    /// May be empty.
    pub prefix: String,
}

impl Place {
    /// Parses the URI.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (bucket, prefix) = split(text)?;
        Ok(Self { bucket, prefix: prefix.to_owned() })
    }

    /// Parses the URI of a place that a function writes to: no pattern and no template, of which it would take the signs as
    /// they stand.
    pub fn parse_plain(text: &str) -> Result<Self, String> {
        let place = Self::parse(text)?;
        match place.prefix.find(['*', '{', '}']) {
            None => Ok(place),
            Some(_) => Err(format!("expected s3://bucket/prefix without `*`, `{{` and `}}`, not {text:?}")),
        }
    }

    /// The folder `name` below it: `name` ends in a slash, and one is put in front where the prefix has none.
    pub fn folder(&self, name: &str) -> Self {
        let slash = if self.prefix.is_empty() || self.prefix.ends_with('/') { "" } else { "/" };
        Self { bucket: self.bucket.clone(), prefix: format!("{}{slash}{name}", self.prefix) }
    }

    /// Why a function must not write below it: what of `input` the objects there could match. `tail` is what their keys end
    /// with, as far as it is known.
    pub fn refusal(&self, input: &[Span], tail: &str) -> Option<String> {
        let span = input.iter().find(|span| span.may_contain(&self.bucket, &self.prefix, tail))?;
        Some(format!(
            "{self} could match BRIGADE_INPUT's {span}: the function would trigger itself; use another bucket or prefix"
        ))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// `s3://bucket/prefix*suffix`: the keys of a bucket that a function takes.
///
/// One `*` stands for anything, also nothing and slashes, as S3's own prefix and suffix filters mean it. Without a `*`
/// a text that ends in a slash, or names the bucket alone, is a prefix; anything else is one whole key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    bucket: BucketName,
    prefix: String,
    /// `None`: `prefix` is the whole key.
    suffix: Option<String>,
}

impl Span {
    /// Parses the URI.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (bucket, rest) = split(text)?;
        let (prefix, suffix) = match rest.split_once('*') {
            Some((_, suffix)) if suffix.contains('*') => {
                return Err(format!("{text:?} has more than one `*`; S3 filters have one prefix and one suffix"));
            }
            Some((prefix, suffix)) => (prefix, Some(suffix.to_owned())),
            None if rest.is_empty() || rest.ends_with('/') => (rest, Some(String::new())),
            None => (rest, None),
        };
        Ok(Self { bucket, prefix: prefix.to_owned(), suffix })
    }

    /// The bucket.
    pub fn bucket(&self) -> &BucketName {
        &self.bucket
    }

    /// What every key of the span begins with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What every key of the span ends with; empty where any end is taken.
    pub fn suffix(&self) -> &str {
        self.suffix.as_deref().unwrap_or(&self.prefix)
    }

    /// The span takes this object.
    pub fn contains(&self, bucket: &BucketName, key: &ObjectKey) -> bool {
        let key = key.as_str();
        let fits = match &self.suffix {
            None => key == self.prefix,
            // The prefix and the suffix must not share characters.
            Some(suffix) => key.strip_prefix(self.prefix.as_str()).is_some_and(|rest| rest.ends_with(suffix.as_str())),
        };
        *bucket == self.bucket && fits
    }

    /// Some key that begins with `head` and ends with `tail`, with anything between, may lie in the span.
    ///
    /// Errs to the side of yes: it guards against a function that triggers itself.
    pub fn may_contain(&self, bucket: &BucketName, head: &str, tail: &str) -> bool {
        let heads = head.starts_with(&self.prefix) || self.prefix.starts_with(head);
        let suffix = self.suffix();
        *bucket == self.bucket && heads && (tail.ends_with(suffix) || suffix.ends_with(tail))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.suffix {
            Some(suffix) => write!(f, "s3://{}/{}*{suffix}", self.bucket, self.prefix),
            None => write!(f, "s3://{}/{}", self.bucket, self.prefix),
        }
    }
}

/// A comma list of spans.
pub fn parse_spans(text: &str) -> Result<Vec<Span>, String> {
    text.split(',').map(|part| Span::parse(part.trim())).collect()
}

fn split(text: &str) -> Result<(BucketName, &str), String> {
    let rest = text.strip_prefix("s3://").ok_or_else(|| format!("expected s3://bucket/prefix, not {text:?}"))?;
    // An access point's ARN has slashes of its own: s3://arn:aws:s3:region:account:accesspoint/name/prefix.
    let from = if rest.starts_with("arn:") { rest.find('/').map_or(rest.len(), |at| at + 1) } else { 0 };
    let cut = rest.get(from..).and_then(|tail| tail.find('/')).map(|at| from + at);
    let (bucket, prefix) = match cut {
        Some(at) => (rest.get(..at).unwrap_or(rest), rest.get(at + 1..).unwrap_or_default()),
        None => (rest, ""),
    };
    if bucket.is_empty() || bucket.contains(['*', '{', '}', ' ']) {
        return Err(format!("expected a bucket's name after s3:// in {text:?}"));
    }
    Ok((BucketName::new(bucket), prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(span: &str, bucket: &str, key: &str) -> bool {
        Span::parse(span).unwrap().contains(&BucketName::new(bucket), &ObjectKey::new(key).unwrap())
    }

    #[test]
    fn spans_take_prefix_and_suffix() {
        for (span, key, expected) in [
            ("s3://b", "a", true),
            ("s3://b/", "a", true),
            ("s3://b/*", "a/b", true),
            ("s3://b/up/", "up/a", true),
            ("s3://b/up/*", "up/a", true),
            ("s3://b/up/*.jpg", "up/a.jpg", true),
            ("s3://b/up/*.jpg", "up/a.png", false),
            ("s3://b/up/*.jpg", "other/a.jpg", false),
            ("s3://b/ab*ba", "aba", false),
            ("s3://b/one", "one", true),
            ("s3://b/one", "one/two", false),
        ] {
            assert_eq!(takes(span, "b", key), expected, "{span} {key}");
        }
        assert!(!takes("s3://b/*", "c", "a"));
    }

    #[test]
    fn an_access_point_is_a_bucket() {
        let place = Place::parse("s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/ap/in/x").unwrap();
        assert_eq!(place.bucket.as_str(), "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap");
        assert_eq!(place.prefix, "in/x");
    }

    #[test]
    fn a_place_to_write_to_is_no_pattern_and_no_template() {
        for (text, expected) in [("s3://b", true), ("s3://b/t/", true), ("s3://b/t/*", false), ("s3://b/t/{bucket}", false)] {
            assert_eq!(Place::parse_plain(text).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_folder_is_below_its_place_with_and_without_a_slash() {
        for (place, expected) in [
            ("s3://b", "s3://b/cleanup/v1/"),
            ("s3://b/", "s3://b/cleanup/v1/"),
            ("s3://b/state", "s3://b/state/cleanup/v1/"),
            ("s3://b/state/", "s3://b/state/cleanup/v1/"),
        ] {
            assert_eq!(Place::parse(place).unwrap().folder("cleanup/v1/").to_string(), expected, "{place}");
        }
    }

    #[test]
    fn a_place_that_could_match_the_input_is_refused() {
        let input = parse_spans("s3://photos/uploads/*.jpg,s3://logs").unwrap();
        for (place, tail, refused) in [
            ("s3://photos/uploads/state/", "", true),
            ("s3://photos/uploads/state/", ".json", false),
            ("s3://photos/state/", "", false),
            ("s3://photos", "", true),
            ("s3://logs/table/", ".parquet", true),
            ("s3://state", "", false),
        ] {
            assert_eq!(Place::parse(place).unwrap().refusal(&input, tail).is_some(), refused, "{place} {tail}");
        }
    }

    #[test]
    fn wrong_places_are_refused() {
        for text in ["", "b/p", "s3://", "s3:///p", "http://b/p", "s3://b/a*b*c"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
