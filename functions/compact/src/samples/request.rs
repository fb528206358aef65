//! Requests of every family of operations, and the lines that S3 writes of them.

use std::fmt::Write as _;

use fastrand::Rng;

use super::Traffic;
use super::pools::{AGENTS, Pools, REFERRERS, any, base64, hex};
use crate::record::{FIELDS, write_rfc3339};

/// Places in [`FIELDS`].
mod at {
    pub(super) const TIME: usize = 2;
    pub(super) const REMOTE_IP: usize = 3;
    pub(super) const REQUESTER: usize = 4;
    pub(super) const REQUEST_ID: usize = 5;
    pub(super) const OPERATION: usize = 6;
    pub(super) const KEY: usize = 7;
    pub(super) const URI: usize = 8;
    pub(super) const STATUS: usize = 9;
    pub(super) const ERROR: usize = 10;
    pub(super) const SENT: usize = 11;
    pub(super) const SIZE: usize = 12;
    pub(super) const TOTAL: usize = 13;
    pub(super) const TURNAROUND: usize = 14;
    pub(super) const REFERRER: usize = 15;
    pub(super) const AGENT: usize = 16;
    pub(super) const VERSION: usize = 17;
    pub(super) const HOST_ID: usize = 18;
    pub(super) const SIGNATURE: usize = 19;
    pub(super) const CIPHER: usize = 20;
    pub(super) const AUTH: usize = 21;
    pub(super) const ENDPOINT: usize = 22;
    pub(super) const TLS: usize = 23;
    pub(super) const ACCESS_POINT: usize = 24;
    pub(super) const ACL: usize = 25;
    pub(super) const REGION: usize = 26;
    pub(super) const EXTRA: usize = 27;
}

/// One record.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) fields: [Option<String>; FIELDS.len()],
    /// As the line has it.
    time: String,
    /// Fields that the line has: 18 to 28.
    length: usize,
    /// Request URI, referrer and user agent are bare dashes where they are none.
    bare: bool,
}

impl Request {
    fn set(&mut self, at: usize, value: impl Into<String>) {
        if let Some(field) = self.fields.get_mut(at) {
            *field = Some(value.into());
        }
    }

    /// Writes the line, and returns where its 18th field begins.
    pub(super) fn write(&self, line: &mut String) -> usize {
        let begin = line.len();
        let mut tail = begin;
        for (at, field) in self.fields.iter().enumerate().take(self.length) {
            if at > 0 {
                line.push(' ');
            }
            if at == at::VERSION {
                tail = line.len() - begin;
            }
            // Writing to a String can't fail.
            let _ = match (at, field) {
                (at::TIME, _) => write!(line, "{}", self.time),
                (at::URI | at::REFERRER | at::AGENT, Some(text)) => write!(line, "\"{text}\""),
                (at::URI | at::REFERRER | at::AGENT, None) if !self.bare => write!(line, "\"-\""),
                (_, Some(text)) => write!(line, "{text}"),
                (_, None) => write!(line, "-"),
            };
        }
        tail
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `2026-11-22T05:17:09Z` as `[22/Nov/2026:05:17:09 +0000]`.
fn bracketed(rfc3339: &str) -> String {
    let part = |range| rfc3339.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"");
    format!("[{}/{month}/{}:{} +0000]", part(8..10), part(0..4), part(11..19))
}

/// The records of the next request, the first one last.
pub(super) fn next(pools: &Pools, traffic: &Traffic, seconds: i64, rng: &mut Rng) -> Vec<Request> {
    let mut request = begun(pools, traffic, seconds, rng);
    let key = pools.key(rng).to_owned();
    let mut more = Vec::new();
    match rng.u32(..1000) {
        0..620 => get(&mut request, &key, traffic, rng),
        620..740 => head(&mut request, &key, traffic, rng),
        740..850 => put(&mut request, &key, traffic, rng),
        850..900 => list(&mut request, traffic, rng),
        900..930 => refused(&mut request, &key, traffic, rng),
        930..945 => website(&mut request, &key, traffic, rng),
        945..960 => configuration(&mut request, traffic, rng),
        960..970 => copy(&mut request, &key, traffic, rng),
        970..990 => lifecycle(&mut request, &key, rng),
        _ => more = multi_delete(&mut request, pools, traffic, rng),
    }
    age(&mut request, traffic, rng);
    if rng.u32(..10_000) < traffic.quotes {
        quote(&mut request, rng);
    }
    more.push(request);
    more
}

/// What all have.
fn begun(pools: &Pools, traffic: &Traffic, seconds: i64, rng: &mut Rng) -> Request {
    let mut request = Request { length: 27, ..Request::default() };
    let mut time = String::new();
    let _ = write_rfc3339(seconds, &mut time);
    request.time = bracketed(&time);
    request.set(0, pools.owner.clone());
    request.set(1, traffic.bucket.clone());
    request.set(at::TIME, time);
    request.set(at::REMOTE_IP, pools.address(rng));
    let requester = pools.requester(rng);
    if requester != "-" {
        request.set(at::REQUESTER, requester);
        request.set(at::SIGNATURE, if rng.u8(..50) == 0 { "SigV2" } else { "SigV4" });
        request.set(at::AUTH, if rng.u8(..10) == 0 { "QueryString" } else { "AuthHeader" });
    }
    request.set(at::REQUEST_ID, hex(rng, 16).to_uppercase());
    let host_id = if rng.u8(..4) == 0 { 56 } else { 76 };
    request.set(at::HOST_ID, base64(rng, host_id));
    request.set(at::CIPHER, if rng.u8(..5) == 0 { "ECDHE-RSA-AES128-GCM-SHA256" } else { "TLS_AES_128_GCM_SHA256" });
    request.set(at::TLS, if rng.u8(..5) == 0 { "TLSv1.2" } else { "TLSv1.3" });
    request.set(at::ENDPOINT, format!("{}.s3.eu-central-1.amazonaws.com", traffic.bucket));
    let agent = any(AGENTS, rng);
    if rng.u8(..50) != 0 {
        request.set(at::AGENT, agent);
    }
    if rng.u8(..4) == 0 {
        request.set(at::REFERRER, any(REFERRERS, rng));
    }
    if rng.u8(..30) == 0 {
        request.set(at::ACCESS_POINT, "arn:aws:s3:eu-central-1:123456789012:accesspoint/analytics-ap");
        request.set(at::ENDPOINT, "analytics-ap-123456789012.s3-accesspoint.eu-central-1.amazonaws.com");
    }
    if rng.u8(..40) == 0 {
        request.set(at::ACL, "Yes");
    }
    request.set(at::REGION, if rng.u8(..8) == 0 { "us-east-1" } else { "eu-central-1" });
    let turnaround = rng.u32(3..60);
    request.set(at::TURNAROUND, turnaround.to_string());
    request.set(at::TOTAL, (turnaround + rng.u32(..40)).to_string());
    request
}

/// What the client asked for: `verb`, and the key and query behind the bucket.
fn asked(request: &mut Request, operation: &str, verb: &str, path: &str) {
    request.set(at::OPERATION, operation);
    // The URI is encoded once, where the key field is encoded twice.
    request.set(at::URI, format!("{verb} /{} HTTP/1.1", path.replace("%25", "%")));
}

fn get(request: &mut Request, key: &str, traffic: &Traffic, rng: &mut Rng) {
    let query = if rng.u8(..10) == 0 { "?x-id=GetObject" } else { "" };
    let path = if rng.bool() { format!("{key}{query}") } else { format!("{}/{key}{query}", traffic.bucket) };
    asked(request, "REST.GET.OBJECT", "GET", &path);
    request.set(at::KEY, key);
    let bits = rng.u32(8..34);
    let size = rng.u64(..1 << bits);
    let (status, sent) = match rng.u8(..20) {
        0 => (304, None),
        1..4 => (206, Some(size.min(8 << 20))),
        _ => (200, Some(size)),
    };
    request.set(at::STATUS, status.to_string());
    if let Some(sent) = sent {
        request.set(at::SENT, sent.to_string());
    }
    request.set(at::SIZE, size.to_string());
    if rng.u8(..3) == 0 {
        request.set(at::VERSION, base64(rng, 32).replace(['+', '/'], "_"));
    }
}

fn head(request: &mut Request, key: &str, traffic: &Traffic, rng: &mut Rng) {
    asked(request, "REST.HEAD.OBJECT", "HEAD", &format!("{}/{key}", traffic.bucket));
    request.set(at::KEY, key);
    if rng.u8(..6) == 0 {
        request.set(at::STATUS, "404");
        request.set(at::ERROR, "NoSuchKey");
        request.set(at::SENT, "327");
    } else {
        request.set(at::STATUS, "200");
        request.set(at::SIZE, rng.u64(..1 << 30).to_string());
    }
}

fn put(request: &mut Request, key: &str, traffic: &Traffic, rng: &mut Rng) {
    let (operation, verb, query) = match rng.u8(..10) {
        0 => ("REST.POST.UPLOADS", "POST", "?uploads"),
        1..4 => ("REST.PUT.PART", "PUT", "?partNumber=7&uploadId=dZ3.kQb_1vT"),
        4 => ("REST.POST.UPLOAD", "POST", "?uploadId=dZ3.kQb_1vT"),
        5 => ("REST.DELETE.OBJECT", "DELETE", ""),
        _ => ("REST.PUT.OBJECT", "PUT", ""),
    };
    asked(request, operation, verb, &format!("{}/{key}{query}", traffic.bucket));
    request.set(at::KEY, key);
    request.set(at::STATUS, if verb == "DELETE" { "204" } else { "200" });
    if verb == "PUT" {
        request.set(at::SIZE, rng.u64(..1 << 33).to_string());
        request.set(at::VERSION, base64(rng, 32).replace(['+', '/'], "."));
    }
}

fn list(request: &mut Request, traffic: &Traffic, rng: &mut Rng) {
    let path = format!("{}?list-type=2&prefix=uploads%2F2026%2F&max-keys={}&x-team=web", traffic.bucket, rng.u16(1..1001));
    asked(request, "REST.GET.BUCKET", "GET", &path);
    request.set(at::STATUS, "200");
    request.set(at::SENT, rng.u32(300..400_000).to_string());
}

fn refused(request: &mut Request, key: &str, traffic: &Traffic, rng: &mut Rng) {
    get(request, key, traffic, rng);
    let (status, error) = match rng.u8(..10) {
        0..6 => ("403", "AccessDenied"),
        6 => ("403", "SignatureDoesNotMatch"),
        7 => ("503", "SlowDown"),
        8 => ("400", "InvalidArgument"),
        _ => ("404", "NoSuchKey"),
    };
    request.set(at::STATUS, status);
    request.set(at::ERROR, error);
    request.set(at::SENT, rng.u32(200..400).to_string());
    for field in [at::SIZE, at::VERSION] {
        if let Some(field) = request.fields.get_mut(field) {
            *field = None;
        }
    }
}

fn website(request: &mut Request, key: &str, traffic: &Traffic, rng: &mut Rng) {
    get(request, key, traffic, rng);
    request.set(at::OPERATION, "WEBSITE.GET.OBJECT");
    request.set(at::ENDPOINT, format!("{}.s3-website.eu-central-1.amazonaws.com", traffic.bucket));
    for field in [at::REQUESTER, at::SIGNATURE, at::AUTH, at::CIPHER, at::TLS] {
        if let Some(field) = request.fields.get_mut(field) {
            *field = None;
        }
    }
}

fn configuration(request: &mut Request, traffic: &Traffic, rng: &mut Rng) {
    let (operation, query) = match rng.u8(..6) {
        0 => ("REST.GET.VERSIONING", "versioning"),
        1 => ("REST.GET.LOGGING_STATUS", "logging"),
        2 => ("REST.GET.BUCKETPOLICY", "policy"),
        3 => ("REST.GET.LIFECYCLE", "lifecycle"),
        4 => ("SOAP.ListBucket", "soap"),
        _ => ("REST.GET.ACL", "acl"),
    };
    asked(request, operation, "GET", &format!("{}?{query}", traffic.bucket));
    request.set(at::STATUS, "200");
    request.set(at::SENT, rng.u32(100..900).to_string());
}

/// The record of the source; the one of the destination is in the destination's log.
fn copy(request: &mut Request, key: &str, traffic: &Traffic, rng: &mut Rng) {
    request.set(at::KEY, key);
    request.set(at::STATUS, "200");
    request.set(at::SIZE, rng.u64(..1 << 32).to_string());
    if rng.bool() {
        asked(request, "REST.COPY.OBJECT", "PUT", &format!("{}/{key}", traffic.bucket));
        return;
    }
    request.set(at::OPERATION, "REST.COPY.OBJECT_GET");
    nobody(request, &[at::URI, at::REFERRER, at::AGENT, at::TURNAROUND, at::TOTAL]);
    request.bare = true;
}

fn lifecycle(request: &mut Request, key: &str, rng: &mut Rng) {
    let operations = [
        "S3.EXPIRE.OBJECT",
        "S3.CREATE.DELETEMARKER",
        "S3.TRANSITION_SIA.OBJECT",
        "S3.TRANSITION_GDA.OBJECT",
        "S3.TRANSITION.OBJECT",
        "S3.DELETE.UPLOAD",
    ];
    request.set(at::OPERATION, any(&operations, rng));
    request.set(at::KEY, key.replace("%25", "%"));
    request.set(at::REQUESTER, "AmazonS3");
    let asked = [at::REMOTE_IP, at::REFERRER, at::AGENT, at::TURNAROUND, at::TOTAL, at::SIGNATURE, at::CIPHER, at::AUTH];
    nobody(request, &asked);
    nobody(request, &[at::ENDPOINT, at::TLS, at::ACCESS_POINT, at::ACL, at::REGION]);
    request.set(at::SIZE, rng.u64(..1 << 34).to_string());
    request.set(at::VERSION, base64(rng, 32).replace(['+', '/'], "a"));
}

/// The records of the deleted keys; the request's own has the same request id and host id.
fn multi_delete(request: &mut Request, pools: &Pools, traffic: &Traffic, rng: &mut Rng) -> Vec<Request> {
    asked(request, "REST.POST.MULTI_OBJECT_DELETE", "POST", &format!("{}?delete", traffic.bucket));
    request.set(at::STATUS, "200");
    request.set(at::SENT, rng.u32(300..4000).to_string());
    let one = |rng: &mut Rng| {
        let mut deleted = request.clone();
        deleted.set(at::OPERATION, "BATCH.DELETE.OBJECT");
        deleted.set(at::KEY, pools.key(rng).replace("%25", "%"));
        deleted.set(at::STATUS, "204");
        nobody(&mut deleted, &[at::URI, at::SENT, at::TURNAROUND, at::TOTAL, at::REFERRER, at::AGENT]);
        deleted.set(at::SIZE, rng.u64(..1 << 24).to_string());
        deleted.bare = true;
        deleted
    };
    (0..rng.usize(1..20)).map(|_| one(rng)).collect()
}

fn nobody(request: &mut Request, fields: &[usize]) {
    for field in fields {
        if let Some(field) = request.fields.get_mut(*field) {
            *field = None;
        }
    }
}

/// Lines of an earlier S3 end earlier; those of a later one go on.
fn age(request: &mut Request, traffic: &Traffic, rng: &mut Rng) {
    if rng.u32(..10_000) < traffic.old {
        let length = [18, 24, 25, 26].get(rng.usize(..4)).copied().unwrap_or(18);
        request.length = length;
        request.fields.iter_mut().skip(length).for_each(|field| *field = None);
    } else if rng.u8(..200) == 0 {
        request.length = 28;
        request.set(at::EXTRA, "- new-2027 -");
    }
}

/// Puts a raw quote where a client can put one.
fn quote(request: &mut Request, rng: &mut Rng) {
    if request.bare || request.fields.get(at::URI).is_none_or(Option::is_none) {
        return;
    }
    match rng.u8(..5) {
        0 => request.set(at::URI, "GET /\" HTTP/1.1"),
        1 => request.set(at::URI, "GET /?q=' OR \"1\"=\"1\" -- HTTP/1.1"),
        2 => request.set(at::AGENT, "sratoolkit \"fastq-dump\" (phid=\"abc\")"),
        3 => request.set(at::AGENT, "Mozilla/5.0 \"quoted\" - 9 \"\""),
        _ => request.set(at::REFERRER, "http://example.com/?q=\"sea\""),
    }
}
