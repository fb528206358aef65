//! Whose request is it? Pure.

use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, Method, Uri};

/// The parts of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The runtime API and the invoke API.
    Lambda,
    /// SQS in AWS JSON 1.0.
    Sqs,
    /// A form, likely of the query protocol: SNS, STS, older SQS clients. Its body decides.
    Query,
    /// This cloud's own pages, under `/_brigade/`. No bucket's name starts with an underscore.
    Brigade,
    /// Everything else.
    S3,
}

/// The region and the service that a request is signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Such as `us-east-1`.
    pub region: &'a str,
    /// Such as `s3`.
    pub service: &'a str,
}

/// The scope in the `Authorization` header, or in a presigned query string.
#[must_use]
pub fn scope<'a>(headers: &'a HeaderMap, query: &'a str) -> Option<Scope<'a>> {
    let header =
        headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|text| text.split_once("Credential="));
    if let Some((_, credential)) = header {
        return parse_scope(credential.split([',', ' ']).next()?, "/");
    }
    let presigned = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?;
    // A slash in a query string may be escaped.
    parse_scope(presigned, "%2F").or_else(|| parse_scope(presigned, "/"))
}

/// Reads `KEY/20261122/us-east-1/s3/aws4_request`; a key may hold slashes.
fn parse_scope<'a>(credential: &'a str, slash: &str) -> Option<Scope<'a>> {
    let mut parts = credential.rsplit(slash);
    let (_terminator, service, region) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().map(|_date| Scope { region, service })
}

/// Decides by what a request shows before its body. What is signed for S3 is S3's, whatever its path looks like.
#[must_use]
pub fn classify(method: &Method, uri: &Uri, headers: &HeaderMap) -> Target {
    let text = |name| headers.get(name).and_then(|value: &hyper::header::HeaderValue| value.to_str().ok()).unwrap_or_default();
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    if scope(headers, query).is_some_and(|scope| matches!(scope.service, "s3" | "s3express")) {
        return Target::S3;
    }
    if path == "/_brigade" || path.starts_with("/_brigade/") {
        return Target::Brigade;
    }
    if text("x-amz-target").starts_with("AmazonSQS.") {
        return Target::Sqs;
    }
    if is_lambda(path) {
        return Target::Lambda;
    }
    let form = text(CONTENT_TYPE.as_str()).starts_with("application/x-www-form-urlencoded");
    let names_action = query.split('&').any(|pair| pair.starts_with("Action="));
    if (method == Method::POST && form) || (method == Method::GET && names_action) {
        return Target::Query;
    }
    Target::S3
}

/// `/2018-06-01/runtime/…`, the same after a function's name, and the invoke API's `/2015-03-31/functions/…`.
fn is_lambda(path: &str) -> bool {
    let mut segments = path.split('/').skip(1);
    matches!(
        (segments.next(), segments.next(), segments.next()),
        (Some("2018-06-01"), Some("runtime"), _)
            | (Some(_), Some("2018-06-01"), Some("runtime"))
            | (Some("2015-03-31"), Some("functions" | "event-source-mappings"), _)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(service: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential=test/20261122/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=00")
    }

    #[test]
    fn each_request_has_one_owner() {
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(&str, &str, Headers, Target)] = &[
            ("GET", "/bucket/key", &[], Target::S3),
            ("PUT", "/bucket/2018-06-01/runtime/x", &[("authorization", &signed("s3"))], Target::S3),
            ("GET", "/2018-06-01/runtime/invocation/next", &[], Target::Lambda),
            ("POST", "/brigade-thumbnail/2018-06-01/runtime/invocation/1/response", &[], Target::Lambda),
            ("POST", "/2015-03-31/functions/f/invocations", &[("authorization", &signed("lambda"))], Target::Lambda),
            ("POST", "/", &[("x-amz-target", "AmazonSQS.SendMessage")], Target::Sqs),
            (
                "POST",
                "/000000000000/q",
                &[("x-amz-target", "AmazonSQS.SendMessage"), ("authorization", &signed("sqs"))],
                Target::Sqs,
            ),
            ("POST", "/", &[("content-type", form), ("authorization", &signed("sns"))], Target::Query),
            ("POST", "/b/k?uploads", &[("content-type", form), ("authorization", &signed("s3"))], Target::S3),
            ("POST", "/b", &[("content-type", "multipart/form-data; boundary=x")], Target::S3),
            ("PUT", "/b/k", &[("content-type", form)], Target::S3),
            ("GET", "/?Action=Unsubscribe&SubscriptionArn=x", &[], Target::Query),
            ("GET", "/b/k?X-Amz-Credential=test%2F20261122%2Fus-east-1%2Fs3%2Faws4_request&Action=x", &[], Target::S3),
            ("GET", "/_brigade/health", &[], Target::Brigade),
            ("GET", "/_brigadex/health", &[], Target::S3),
            ("GET", "/", &[], Target::S3),
        ];
        for (method, uri, headers, expected) in cases {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                map.insert(hyper::header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            assert_eq!(
                classify(&method.parse().unwrap(), &uri.parse().unwrap(), &map),
                *expected,
                "{method} {uri} {headers:?}"
            );
        }
    }

    #[test]
    fn the_scope_is_read_from_header_and_query() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, signed("sqs").parse().unwrap());
        assert_eq!(scope(&headers, ""), Some(Scope { region: "eu-west-1", service: "sqs" }));
        let none = HeaderMap::new();
        let query = "x=1&X-Amz-Credential=a%2F20261122%2Fus-west-2%2Fs3%2Faws4_request&y=2";
        assert_eq!(scope(&none, query), Some(Scope { region: "us-west-2", service: "s3" }));
        for broken in ["", "X-Amz-Credential=", "X-Amz-Credential=a/b"] {
            assert_eq!(scope(&none, broken), None, "{broken}");
        }
    }
}
