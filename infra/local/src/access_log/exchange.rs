//! A request and its reply as records: one for most, one more for each object of a batch delete, and one for the source of
//! a copy. Pure but for the moments that are measured.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade::event::{BucketName, ObjectKey};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, HOST, HeaderMap, REFERER, USER_AGENT};
use hyper::http::Extensions;
use hyper::{Method, StatusCode, Version};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::operation::{Resource, operation};
use super::record::{Quoted, Record};
use crate::http::Request;

/// What keeps its form in a key that is encoded.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The port is on loopback alone.
const REMOTE: &str = "127.0.0.1";

/// In a request's extensions: what an operation knows that its request and its reply do not show.
#[derive(Clone, Default)]
pub(crate) struct Noted(Arc<Mutex<Note>>);

#[derive(Default)]
struct Note {
    received: Option<Instant>,
    deleted: Vec<Deleted>,
    copied: Option<Copied>,
}

/// One object of a batch delete.
struct Deleted {
    key: String,
    version_id: Option<String>,
    error_code: Option<String>,
}

/// The source of a copy.
struct Copied {
    bucket: BucketName,
    key: ObjectKey,
    version_id: Option<String>,
    size: u64,
}

impl Noted {
    /// The one of this request; of a request that nobody logs, one that nobody reads.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// The last byte of the request is here.
    pub(crate) fn received(&self) {
        self.lock().received = Some(Instant::now());
    }

    /// A batch delete has dealt with this object.
    pub(crate) fn deleted(&self, key: &str, version_id: Option<&str>, error_code: Option<&str>) {
        let (version_id, error_code) = (version_id.map(str::to_owned), error_code.map(str::to_owned));
        self.lock().deleted.push(Deleted { key: key.to_owned(), version_id, error_code });
    }

    /// A copy has read this object.
    pub(crate) fn copied(&self, bucket: &BucketName, key: &ObjectKey, version_id: Option<&str>, size: u64) {
        let version_id = version_id.map(str::to_owned);
        self.lock().copied = Some(Copied { bucket: bucket.clone(), key: key.clone(), version_id, size });
    }

    fn lock(&self) -> MutexGuard<'_, Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request as it came.
pub(crate) struct Asked {
    method: Method,
    path: String,
    query: String,
    version: Version,
    bucket: Option<String>,
    key: Option<String>,
    copies: bool,
    referer: Option<String>,
    user_agent: Option<String>,
    host: Option<String>,
    signature: Signature,
    /// Bytes of its body, without the frames of a signed stream.
    body: Option<u64>,
    begun: Instant,
    time: OffsetDateTime,
    noted: Noted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signature {
    None,
    Header(&'static str),
    Query(&'static str),
}

/// What became of it.
pub(super) struct Replied {
    pub(super) status: StatusCode,
    pub(super) error_code: Option<String>,
    pub(super) bytes: u64,
    pub(super) request_id: String,
    pub(super) host_id: String,
    /// Of the object as the reply's headers tell it.
    pub(super) object_size: Option<u64>,
}

/// Who owns the buckets, and who asks.
pub(super) struct Account {
    pub(super) canonical_id: String,
    pub(super) requester: String,
}

impl Asked {
    /// Takes down a request that arrives now; `bucket` is the one that its host names. What its operation adds finds its way
    /// by the request's extensions.
    pub(crate) fn of(request: &mut Request, bucket: Option<&str>, time: OffsetDateTime) -> Self {
        let noted = Noted::default();
        request.extensions_mut().insert(noted.clone());
        let headers = request.headers();
        let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
        let (bucket, key) = addressed(bucket, &path);
        let length = number(headers, "x-amz-decoded-content-length").or_else(|| number(headers, CONTENT_LENGTH.as_str()));
        Self {
            method: request.method().clone(),
            version: request.version(),
            bucket,
            key,
            copies: headers.contains_key("x-amz-copy-source"),
            referer: text(headers, REFERER.as_str()),
            user_agent: text(headers, USER_AGENT.as_str()),
            host: text(headers, HOST.as_str()),
            signature: signature(headers, &query),
            path,
            query,
            body: length,
            begun: Instant::now(),
            time,
            noted,
        }
    }

    /// The bucket that it addresses.
    pub(crate) fn bucket(&self) -> Option<BucketName> {
        self.bucket.as_deref().map(BucketName::new)
    }

    /// Buckets whose logs may tell of it: the one addressed, and the one that a copy has read.
    pub(super) fn buckets(&self) -> Vec<BucketName> {
        let copied = self.noted.lock().copied.as_ref().map(|copied| copied.bucket.clone());
        self.bucket().into_iter().chain(copied).collect()
    }

    /// Its records, each with the bucket whose log it belongs to.
    pub(super) fn records(&self, replied: &Replied, account: &Account) -> Vec<(BucketName, Record)> {
        let Some(bucket) = self.bucket() else { return Vec::new() };
        let own = self.own_record(replied, account, &bucket);
        let note = self.noted.lock();
        let deleted = note.deleted.iter().map(|deleted| (bucket.clone(), batch_delete(&own, deleted)));
        let copied = note.copied.iter().map(|copied| (copied.bucket.clone(), copy_source(&own, copied)));
        let more: Vec<_> = deleted.chain(copied).collect();
        std::iter::once((bucket.clone(), own.clone())).chain(more).collect()
    }

    fn own_record(&self, replied: &Replied, account: &Account, bucket: &BucketName) -> Record {
        let note = self.noted.lock();
        let resource = if self.key.is_some() { Resource::Object } else { Resource::Bucket };
        let (signature_version, authentication_type) = match self.signature {
            Signature::None => (None, None),
            Signature::Header(version) => (Some(version), Some("AuthHeader")),
            Signature::Query(version) => (Some(version), Some("QueryString")),
        };
        let unsigned = signature_version.is_none() || replied.error_code.as_deref() == Some("InvalidAccessKeyId");
        let millis = |since: Instant| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let sent = replied.bytes > 0 && self.method != Method::HEAD;
        Record {
            bucket_owner: account.canonical_id.clone(),
            bucket: bucket.to_string(),
            time: self.time,
            remote_ip: Some(REMOTE.to_owned()),
            requester: (!unsigned).then(|| account.requester.clone()),
            request_id: replied.request_id.clone(),
            operation: operation(&self.method, resource, &self.query, self.copies),
            // Twice, as S3 does for requests; the records of a batch delete have it once.
            key: self.key.as_deref().map(|key| encoded(&encoded(key))),
            request_uri: Quoted::Text(Some(self.request_uri())),
            status: replied.status.as_u16(),
            error_code: replied.error_code.clone(),
            bytes_sent: sent.then_some(replied.bytes),
            object_size: self.object_size(replied, &note),
            total_time: Some(millis(self.begun)),
            turn_around_time: Some(millis(note.received.unwrap_or(self.begun))),
            referer: Quoted::Text(self.referer.clone()),
            user_agent: Quoted::Text(self.user_agent.clone()),
            version_id: parameter(&self.query, "versionId").map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned()),
            host_id: replied.host_id.clone(),
            signature_version,
            authentication_type,
            host: self.host.clone(),
        }
    }

    fn object_size(&self, replied: &Replied, note: &Note) -> Option<u64> {
        if self.key.is_none() || !replied.status.is_success() {
            return None;
        }
        match (&self.method, note.copied.as_ref()) {
            (_, Some(copied)) => Some(copied.size),
            (&Method::PUT, None)
                if !self.query.split('&').any(|pair| pair.starts_with("tagging") || pair.starts_with("acl")) =>
            {
                self.body
            }
            (&Method::GET | &Method::HEAD, None) if !is_document(&self.query) => replied.object_size,
            _ => None,
        }
    }

    /// As sent, but for what would let a reader of the log sign as the requester.
    fn request_uri(&self) -> String {
        let secret = |name: &str| matches!(name, "X-Amz-Signature" | "X-Amz-Security-Token" | "Signature");
        let pairs = self.query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if secret(name) => format!("{name}=REDACTED"),
            _ => pair.to_owned(),
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{query} {:?}", self.method, self.path, self.version)
    }
}

/// A GET of something about an object, not of its bytes.
fn is_document(query: &str) -> bool {
    query.split('&').any(|pair| {
        matches!(pair.split('=').next(), Some("tagging" | "acl" | "attributes" | "uploadId" | "retention" | "legal-hold"))
    })
}

/// The record of one object of a batch delete: it shares ids and signature with the request that named it.
fn batch_delete(own: &Record, deleted: &Deleted) -> Record {
    let status = if deleted.error_code.is_none() { 204 } else { 500 };
    Record {
        operation: "BATCH.DELETE.OBJECT".to_owned(),
        key: Some(encoded(&deleted.key)),
        status,
        error_code: deleted.error_code.clone(),
        version_id: deleted.version_id.clone(),
        ..part_of(own)
    }
}

/// The record of a copy in the log of the bucket that was read.
fn copy_source(own: &Record, copied: &Copied) -> Record {
    Record {
        bucket: copied.bucket.to_string(),
        operation: format!("{}_GET", own.operation),
        key: Some(encoded(&encoded(copied.key.as_str()))),
        object_size: Some(copied.size),
        version_id: copied.version_id.clone(),
        status: own.status,
        error_code: own.error_code.clone(),
        ..part_of(own)
    }
}

/// A record beside that of the request: nothing of the request's own line.
fn part_of(own: &Record) -> Record {
    Record {
        request_uri: Quoted::Bare,
        referer: Quoted::Bare,
        user_agent: Quoted::Bare,
        bytes_sent: None,
        object_size: None,
        total_time: None,
        turn_around_time: None,
        version_id: None,
        ..own.clone()
    }
}

/// Bucket and decoded key, by host or by path.
fn addressed(by_host: Option<&str>, path: &str) -> (Option<String>, Option<String>) {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = match by_host {
        Some(bucket) => (bucket.to_owned(), path),
        None => match path.split_once('/') {
            Some((bucket, key)) => (decode(bucket), key),
            None => (decode(path), ""),
        },
    };
    ((!bucket.is_empty()).then_some(bucket), (!key.is_empty()).then(|| decode(key)))
}

fn signature(headers: &HeaderMap, query: &str) -> Signature {
    match headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        Some(value) if value.starts_with("AWS4-") => return Signature::Header("SigV4"),
        Some(value) if value.starts_with("AWS ") => return Signature::Header("SigV2"),
        _ => {}
    }
    match (parameter(query, "X-Amz-Signature"), parameter(query, "Signature")) {
        (Some(_), _) => Signature::Query("SigV4"),
        (None, Some(_)) => Signature::Query("SigV2"),
        (None, None) => Signature::None,
    }
}

fn parameter<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name).map(|(_, value)| value))
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, KEPT).to_string()
}

/// A header as the log has it: empty is as good as absent.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    value.filter(|value| !value.is_empty())
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// The size of the object that a reply is about: of a range's whole, or of what is (or, for a HEAD, would be) sent.
pub(super) fn size_told(headers: &HeaderMap, bytes: u64) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let whole = range.and_then(|range| range.rsplit('/').next()).and_then(|total| total.parse().ok());
    whole.or_else(|| number(headers, CONTENT_LENGTH.as_str())).or(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Body;

    fn asked(method: &str, uri: &str, headers: &[(&'static str, &str)]) -> Asked {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = uri.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Asked::of(&mut request, None, OffsetDateTime::UNIX_EPOCH)
    }

    fn replied(status: u16, bytes: u64) -> Replied {
        let (request_id, host_id) = ("R".to_owned(), "H".to_owned());
        let status = StatusCode::from_u16(status).unwrap();
        Replied { status, error_code: None, bytes, request_id, host_id, object_size: Some(bytes) }
    }

    /// Operation, key, uri, status, bytes, size and version of each record, in the log's own text.
    fn told(asked: &Asked, replied: &Replied) -> Vec<(String, String)> {
        let account = Account { canonical_id: "owner".into(), requester: "arn:aws:iam::0:user/test".into() };
        let timeless = |record: Record| Record { total_time: None, turn_around_time: None, ..record };
        let line = |record: Record| timeless(record).line().split(" R ").nth(1).unwrap().trim_end().to_owned();
        asked.records(replied, &account).into_iter().map(|(bucket, record)| (bucket.to_string(), line(record))).collect()
    }

    const SIGNED: (&str, &str) = ("authorization", "AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/s3/aws4_request");

    #[test]
    fn a_get_tells_key_size_and_signature() {
        let asked = asked("GET", "/photos/a%20b%2Bc.jpg?versionId=v1", &[SIGNED, ("user-agent", "x y"), ("host", "h:1")]);
        let expected = "REST.GET.OBJECT a%2520b%252Bc.jpg \"GET /photos/a%20b%2Bc.jpg?versionId=v1 HTTP/1.1\" 200 - 5 5 - - \
             \"-\" \"x y\" v1 H SigV4 - AuthHeader h:1 - - - -";
        assert_eq!(told(&asked, &replied(200, 5)), [("photos".to_owned(), expected.to_owned())]);
    }

    #[test]
    fn a_presigned_url_leaves_no_signature_behind() {
        let asked = asked("GET", "/photos/a?X-Amz-Credential=test&X-Amz-Signature=abc&X-Amz-Security-Token=t", &[]);
        let line = told(&asked, &replied(200, 5)).remove(0).1;
        assert!(line.contains("?X-Amz-Credential=test&X-Amz-Signature=REDACTED&X-Amz-Security-Token=REDACTED HTTP/1.1\""));
        assert!(line.contains(" SigV4 - QueryString "), "{line}");
    }

    #[test]
    fn a_batch_delete_makes_a_record_for_each_object() {
        let asked = asked("POST", "/photos?delete", &[SIGNED]);
        asked.noted.deleted("a b", None, None);
        asked.noted.deleted("c", Some("v"), Some("AccessDenied"));
        let lines: Vec<String> = told(&asked, &replied(200, 9)).into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "REST.POST.MULTI_OBJECT_DELETE - \"POST /photos?delete HTTP/1.1\" 200 - 9 - - - \"-\" \"-\" - H SigV4 - AuthHeader - - - - -",
                "BATCH.DELETE.OBJECT a%20b - 204 - - - - - - - - H SigV4 - AuthHeader - - - - -",
                "BATCH.DELETE.OBJECT c - 500 AccessDenied - - - - - - v H SigV4 - AuthHeader - - - - -",
            ]
        );
    }

    #[test]
    fn a_copy_is_told_in_both_buckets() {
        let asked = asked("PUT", "/derived/b", &[SIGNED, ("x-amz-copy-source", "/photos/a")]);
        asked.noted.copied(&BucketName::new("photos"), &ObjectKey::new("a").unwrap(), None, 7);
        assert_eq!(
            told(&asked, &replied(200, 3)),
            [
                (
                    "derived".to_owned(),
                    "REST.COPY.OBJECT b \"PUT /derived/b HTTP/1.1\" 200 - 3 7 - - \"-\" \"-\" - H SigV4 - AuthHeader - - - - -"
                        .to_owned()
                ),
                ("photos".to_owned(), "REST.COPY.OBJECT_GET a - 200 - - 7 - - - - - H SigV4 - AuthHeader - - - - -".to_owned()),
            ]
        );
    }

    #[test]
    fn an_upload_is_as_large_as_its_content() {
        let headers = [SIGNED, ("content-length", "190"), ("x-amz-decoded-content-length", "20")];
        let line = told(&asked("PUT", "/photos/a", &headers), &replied(200, 0)).remove(0).1;
        assert!(line.starts_with("REST.PUT.OBJECT a \"PUT /photos/a HTTP/1.1\" 200 - - 20 "), "{line}");
    }

    #[test]
    fn bucket_and_key_are_told_by_host_or_path() {
        for (host, path, expected) in [
            (None, "/", (None, None)),
            (None, "/b", (Some("b"), None)),
            (None, "/b/", (Some("b"), None)),
            (None, "/b/x%2Fy/z", (Some("b"), Some("x/y/z"))),
            (Some("b"), "/", (Some("b"), None)),
            (Some("b"), "/x/y", (Some("b"), Some("x/y"))),
        ] {
            let (bucket, key) = addressed(host, path);
            assert_eq!((bucket.as_deref(), key.as_deref()), expected, "{host:?} {path}");
        }
    }
}
