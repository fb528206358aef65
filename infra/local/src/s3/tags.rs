//! The tags of objects, and their three forms: the header's query string, the XML's list, and the store's map.

use brigade::storage::{Store, Tags};
use percent_encoding::percent_decode_str;
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput, PutObjectTaggingInput,
    PutObjectTaggingOutput, Tag, TagSet,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Operations, errors, location};

impl Operations {
    pub(super) async fn get_tags(&self, req: S3Request<GetObjectTaggingInput>) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        let found = self.store.get_tags(&at, input.version_id.as_deref()).await.map_err(errors::of_store)?;
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set: to_set(found), version_id: input.version_id }))
    }

    pub(super) async fn put_tags(&self, req: S3Request<PutObjectTaggingInput>) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        let tags = from_set(input.tagging.tag_set)?;
        self.notifier.room().await;
        self.store.put_tags(&at, input.version_id.as_deref(), tags).await.map_err(errors::of_store)?;
        Ok(S3Response::new(PutObjectTaggingOutput { version_id: input.version_id }))
    }

    pub(super) async fn delete_tags(
        &self,
        req: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        let input = req.input;
        let at = location(&input.bucket, &input.key)?;
        self.notifier.room().await;
        self.store.put_tags(&at, input.version_id.as_deref(), Default::default()).await.map_err(errors::of_store)?;
        Ok(S3Response::new(DeleteObjectTaggingOutput { version_id: input.version_id }))
    }
}

/// `x-amz-tagging: a=1&b=2`, form-encoded.
pub(super) fn from_header(header: &str) -> S3Result<Tags> {
    let pairs = header.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(key)?, decoded(value)?))
    });
    collect(pairs)
}

fn from_set(set: TagSet) -> S3Result<Tags> {
    collect(set.into_iter().map(|tag| match (tag.key, tag.value) {
        (Some(key), Some(value)) => Ok((key, value)),
        _ => Err(s3_error!(MalformedXML, "A tag has a Key and a Value.")),
    }))
}

fn to_set(tags: Tags) -> TagSet {
    tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect()
}

/// The store checks how many there are and how long; a map could not show it that a key came twice.
fn collect(pairs: impl Iterator<Item = S3Result<(String, String)>>) -> S3Result<Tags> {
    let mut tags = Tags::new();
    for pair in pairs {
        let (key, value) = pair?;
        if tags.insert(key, value).is_some() {
            return Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key"));
        }
    }
    Ok(tags)
}

fn decoded(text: &str) -> S3Result<String> {
    let bytes = percent_decode_str(&text.replace('+', " ")).collect::<Vec<u8>>();
    String::from_utf8(bytes).map_err(|_| -> S3Error {
        s3_error!(InvalidArgument, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case = (&'static str, Option<&'static [(&'static str, &'static str)]>);

    #[test]
    fn the_header_is_form_decoded_once() {
        let cases: [Case; 7] = [
            ("", Some(&[])),
            ("a=1&b=2", Some(&[("a", "1"), ("b", "2")])),
            ("a", Some(&[("a", "")])),
            ("a+b=c%2Bd", Some(&[("a b", "c+d")])),
            ("caf%C3%A9=%2541", Some(&[("café", "%41")])),
            ("a=1&a=2", None),
            ("a=%FF", None),
        ];
        for (header, expected) in cases {
            let found = from_header(header).ok();
            let expected =
                expected.map(|pairs| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Tags>());
            assert_eq!(found, expected, "{header:?}");
        }
    }
}
