//! Requests as they are sent, and answers as they are read.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use futures::TryStreamExt;

use super::*;
use crate::aws::scripted::{Answer, Scripted};
use crate::storage::{Condition, CopySource, Encryption, ErrorKind, ReadCondition};

fn store(answers: impl IntoIterator<Item = Answer>, owner: Option<&str>) -> (S3Store, Scripted) {
    let http = Scripted::new(answers);
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDSECRET", "hidden", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http.client());
    (S3Store::new(config.build(), false, owner.map(str::to_owned)), http)
}

fn at(bucket: &str, key: &str) -> Location {
    Location::new(BucketName::new(bucket), ObjectKey::new(key).unwrap())
}

fn refusal(status: u16, body: &'static str) -> Answer {
    Some((status, vec![("content-type", "application/xml")], body))
}

const OK: Answer = Some((200, vec![], ""));

#[tokio::test]
async fn an_error_is_named_by_what_to_do() {
    use ErrorKind::*;
    let slow = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let gone = "<Error><Code>NoSuchKey</Code><Message>m</Message></Error>";
    let race = "<Error><Code>ConditionalRequestConflict</Code><Message>m</Message></Error>";
    let there = "<Error><Code>PreconditionFailed</Code><Message>m</Message></Error>";
    let rows = [
        (refusal(503, slow), Throttled, "SlowDown"),
        (refusal(404, gone), NotFound, "NoSuchKey"),
        (refusal(409, race), Conflict, "ConditionalRequestConflict"),
        (refusal(412, there), PreconditionFailed, "PreconditionFailed"),
        (refusal(500, ""), Unavailable, "500"),
        (refusal(502, "<html>what a proxy says</html>"), Unavailable, "502"),
        (None, Unavailable, "NoConnection"),
    ];
    for (answer, kind, code) in rows {
        let (store, _) = store([answer], None);
        let error = store.put(&at("bucket", "k"), Bytes::from("body"), PutOptions::default()).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (kind, code), "{error}");
        assert_eq!(error.place, "s3://bucket/k");
        assert!(!error.to_string().contains("hidden") && !error.to_string().contains("proxy"), "{error}");
    }
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_none_and_may_come_again() {
    for body in ["<html>what a proxy says</html>", "<ListBucketResult><IsTruncated>fal"] {
        let (store, _) = store([Some((200, vec![], body))], None);
        let error = store.list(&BucketName::new("bucket"), List::default()).await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unavailable, "BadResponse"), "{error}");
        assert!(!error.to_string().contains("proxy"), "{error}");
    }
}

#[tokio::test]
async fn a_copy_can_fail_with_status_200() {
    let xml = "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>";
    let (store, _) = store([Some((200, vec![], xml))], None);
    let source = CopySource { at: at("bucket", "from"), version_id: None, if_match: None };
    let error = store.copy(&at("bucket", "to"), Copy { source, replace: None }).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn what_a_head_cannot_say_is_asked_by_a_get() {
    use ErrorKind::*;
    let ssec = "<Error><Code>InvalidRequest</Code><Message>The object was stored using a form of Server Side Encryption. \
                The correct parameters must be provided to retrieve the object.</Message></Error>";
    let expired = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
    let rows = [
        (refusal(400, ssec), CustomerKey),
        (refusal(400, expired), AccessDenied),
        (Some((206, vec![("content-range", "bytes 0-0/5")], "x")), Unavailable),
        (None, Unavailable),
    ];
    for (answer, kind) in rows {
        let (store, http) = store([Some((400, vec![], "")), answer], None);
        let error = store.head(&at("bucket", "k"), Head { version_id: Some("v".to_owned()) }).await.unwrap_err();
        assert_eq!((error.kind, error.operation), (kind, "HeadObject"), "{error}");
        let asked = http.asked();
        assert_eq!((asked[1].method.as_str(), asked[1].header("range")), ("GET", Some("bytes=0-0")));
        assert!(asked[1].url.contains("versionId=v"), "{}", asked[1].url);
    }
}

#[tokio::test]
async fn a_missing_object_is_told_from_a_missing_bucket() {
    use ErrorKind::*;
    let missing = || Some((404, vec![], ""));
    let no_bucket = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
    let denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    let slow = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let empty = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    let rows = [
        (Some((200, vec![], empty)), NotFound, 3),
        (refusal(403, denied), NotFound, 3),
        // Nothing is known yet, so the next one asks again.
        (refusal(404, no_bucket), NoSuchBucket, 4),
        (refusal(503, slow), Throttled, 4),
        (None, Unavailable, 4),
    ];
    for (answer, kind, requests) in rows {
        let (store, http) = store([missing(), answer.clone(), missing(), answer], None);
        for _ in 0..2 {
            let error = store.head(&at("bucket", "a/b"), Head::default()).await.unwrap_err();
            assert_eq!((error.kind, error.operation, error.place.as_str()), (kind, "HeadObject", "s3://bucket/a/b"), "{error}");
        }
        let asked = http.asked();
        assert_eq!(asked.len(), requests, "{kind:?}");
        assert!(asked[1].url.contains("max-keys=1") && asked[1].url.contains("prefix=a%2Fb"), "{}", asked[1].url);
    }
    let (store, http) = store([OK, missing()], None);
    store.put(&at("bucket", "k"), Bytes::new(), PutOptions::default()).await.unwrap();
    assert_eq!(store.head(&at("bucket", "gone"), Head::default()).await.unwrap_err().kind, NotFound);
    assert_eq!(http.asked().len(), 2, "a bucket that has answered is there");
}

#[tokio::test]
async fn a_redirect_to_another_region_is_followed_once_and_remembered() {
    let elsewhere = || Some((301, vec![("x-amz-bucket-region", "eu-west-1")], ""));
    let (first, http) = store([elsewhere(), OK, OK], None);
    first.head(&at("bucket", "k"), Head::default()).await.unwrap();
    first.head(&at("bucket", "k"), Head::default()).await.unwrap();
    let hosts: Vec<_> = http.asked().iter().map(|asked| asked.url.contains(".s3.eu-west-1.amazonaws.com/")).collect();
    assert_eq!(hosts, [false, true, true]);

    let (hinted, http) = store([elsewhere()], None);
    hinted.hint_region(&BucketName::new("bucket"), "eu-west-1");
    assert!(hinted.head(&at("bucket", "k"), Head::default()).await.is_err(), "there is nowhere else to go");
    assert_eq!(http.asked().len(), 1);
}

#[tokio::test]
async fn an_access_point_stands_where_a_bucket_does() {
    let rows = [
        (
            "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap",
            "https://ap-111122223333.s3-accesspoint.eu-west-1.amazonaws.com/k",
        ),
        (
            "ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias",
            "https://ap-hrzrlukc5m36ft7okagglf3gmwluquse1b-s3alias.s3.us-east-1.amazonaws.com/k",
        ),
    ];
    for (bucket, url) in rows {
        let (store, http) = store([OK], None);
        store.head(&at(bucket, "k"), Head::default()).await.unwrap();
        assert_eq!(http.asked()[0].url.split('?').next(), Some(url));
    }
}

#[tokio::test]
async fn an_owner_is_sent_where_there_is_one() {
    for owner in [Some("1"), None] {
        let (store, http) = store([OK], owner);
        store.head(&at("bucket", "k"), Head::default()).await.unwrap();
        assert_eq!(http.asked()[0].header("x-amz-expected-bucket-owner"), owner);
    }
}

#[tokio::test]
async fn the_options_of_a_write_are_headers() {
    let (store, http) = store([OK], None);
    let options = PutOptions {
        condition: Condition::IfMatch("e".to_owned()),
        content_type: Some("image/png".to_owned()),
        cache_control: Some("no-cache".to_owned()),
        metadata: [("name".to_owned(), "value".to_owned())].into(),
        tags: [("a b".to_owned(), "c/d".to_owned())].into(),
        storage_class: Some("STANDARD_IA".to_owned()),
        encryption: Encryption::Kms("arn:aws:kms:us-east-1:1:key/k".to_owned()),
        ..PutOptions::default()
    };
    store.put(&at("bucket", "a b/é+%"), Bytes::from("body"), options).await.unwrap();
    let asked = &http.asked()[0];
    assert!(asked.url.starts_with("https://bucket.s3.us-east-1.amazonaws.com/a%20b/%C3%A9%2B%25?"), "{}", asked.url);
    let rows = [
        ("if-match", "\"e\""),
        ("content-type", "image/png"),
        ("cache-control", "no-cache"),
        ("x-amz-meta-name", "value"),
        ("x-amz-tagging", "a%20b=c%2Fd"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:us-east-1:1:key/k"),
        ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
    ];
    for (header, value) in rows {
        assert_eq!(asked.header(header), Some(value), "{header}");
    }
    assert!(asked.header("x-amz-checksum-crc64nvme").is_some(), "computed before sending, as the body is in memory");
}

#[tokio::test]
async fn the_conditions_of_a_copy_are_headers_for_either_end() {
    let answer =
        Some((200, vec![("x-amz-version-id", "v2")], "<CopyObjectResult><ETag>&quot;e2&quot;</ETag></CopyObjectResult>"));
    let (store, http) = store([answer], Some("1"));
    let source = CopySource { at: at("other", "a+b"), version_id: Some("v1".to_owned()), if_match: Some("e1".to_owned()) };
    let replace = PutOptions { condition: Condition::IfAbsent, ..PutOptions::default() };
    let put = store.copy(&at("bucket", "k"), Copy { source, replace: Some(replace) }).await.unwrap();
    assert_eq!(put, Put { etag: "e2".to_owned(), version_id: Some("v2".to_owned()), date: None });
    let rows = [
        ("x-amz-copy-source", Some("other/a%2Bb?versionId=v1")),
        ("x-amz-copy-source-if-match", Some("\"e1\"")),
        ("if-none-match", Some("*")),
        ("if-match", None),
        ("x-amz-metadata-directive", Some("REPLACE")),
        ("x-amz-tagging-directive", Some("REPLACE")),
        ("x-amz-source-expected-bucket-owner", Some("1")),
    ];
    for (header, value) in rows {
        assert_eq!(http.asked()[0].header(header), value, "{header}");
    }
}

#[tokio::test]
async fn a_checksum_counts_only_for_the_full_object() {
    let head = |kind: &'static str| {
        let headers = vec![("etag", "\"e\""), ("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-type", kind)];
        Some((200, headers, ""))
    };
    let (store, _) = store([head("FULL_OBJECT"), head("COMPOSITE")], None);
    let mut seen = Vec::new();
    for _ in 0..2 {
        seen.push(store.head(&at("bucket", "k"), Head::default()).await.unwrap().checksum);
    }
    assert_eq!(seen, [Some("CRC32:AAAAAA==".to_owned()), None]);
}

#[tokio::test]
async fn a_read_answers_the_range_and_the_whole_size() {
    let headers = vec![("content-range", "bytes 2-4/10"), ("content-length", "3"), ("etag", "\"e\"")];
    let (store, http) = store([Some((206, headers, "cde")), Some((304, vec![], ""))], None);
    let range = Get { range: Some(crate::storage::Range::FromTo(2, 4)), ..Get::default() };
    let got = store.get(&at("bucket", "k"), range).await.unwrap();
    assert_eq!((got.range, got.meta.size, got.meta.etag.as_str()), (Some((2, 4)), 10, "e"));
    let body: Vec<Bytes> = got.body.try_collect().await.unwrap();
    assert_eq!(body.concat(), b"cde");
    let unchanged = Get { condition: ReadCondition::IfNoneMatch("e".to_owned()), ..Get::default() };
    assert_eq!(store.get(&at("bucket", "k"), unchanged).await.err().map(|e| e.kind), Some(ErrorKind::NotModified));
    assert_eq!(http.asked()[1].header("if-none-match"), Some("\"e\""));
}

#[tokio::test]
async fn the_date_of_an_answer_is_the_servers_clock() {
    let dated = |status, body| Some((status, vec![("date", "Sun, 22 Nov 2026 10:00:09 GMT")], body));
    let gone = "<Error><Code>NoSuchKey</Code><Message>m</Message></Error>";
    let expected = time::OffsetDateTime::from_unix_timestamp(1_795_341_609).ok();
    let (store, _) = store([dated(200, ""), dated(200, ""), dated(200, ""), dated(404, gone), OK], None);
    let at = at("bucket", "k");
    assert_eq!(store.put(&at, Bytes::from("b"), PutOptions::default()).await.unwrap().date, expected);
    assert_eq!(store.head(&at, Head::default()).await.unwrap().date, expected);
    assert_eq!(store.get(&at, Get::default()).await.unwrap().meta.date, expected);
    assert_eq!(store.get(&at, Get::default()).await.map(drop).unwrap_err().date, expected);
    assert_eq!(store.head(&at, Head::default()).await.unwrap().date, None, "an answer without a date");
}
