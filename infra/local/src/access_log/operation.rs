//! The operation of a request, in the log's words: `REST.GET.OBJECT`. Pure.

use hyper::Method;

/// What a request addresses. (The list of buckets is in no bucket's log.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    /// A bucket, or one of its configurations.
    Bucket,
    /// An object, or something of it.
    Object,
}

/// Sub-resources of a bucket, by the query parameter that names them.
const OF_BUCKETS: [(&str, &str); 24] = [
    ("accelerate", "ACCELERATE"),
    ("acl", "ACL"),
    ("analytics", "ANALYTICS"),
    ("cors", "CORS"),
    ("delete", "MULTI_OBJECT_DELETE"),
    ("encryption", "ENCRYPTION"),
    ("intelligent-tiering", "INTELLIGENT_TIERING"),
    ("inventory", "INVENTORY"),
    ("lifecycle", "LIFECYCLE"),
    ("location", "LOCATION"),
    ("logging", "LOGGING_STATUS"),
    ("metrics", "METRICS"),
    ("notification", "NOTIFICATION"),
    ("object-lock", "OBJECT_LOCK_CONFIGURATION"),
    ("ownershipControls", "OWNERSHIP_CONTROLS"),
    ("policy", "BUCKETPOLICY"),
    ("policyStatus", "POLICY_STATUS"),
    ("publicAccessBlock", "PUBLIC_ACCESS_BLOCK"),
    ("replication", "REPLICATION"),
    ("requestPayment", "REQUEST_PAYMENT"),
    ("tagging", "TAGGING"),
    ("uploads", "UPLOADS"),
    ("versioning", "VERSIONING"),
    ("versions", "BUCKETVERSIONS"),
];

/// Sub-resources of an object.
const OF_OBJECTS: [(&str, &str); 9] = [
    ("acl", "ACL"),
    ("attributes", "OBJECT_ATTRIBUTES"),
    ("legal-hold", "LEGAL_HOLD"),
    ("partNumber", "PART"),
    ("restore", "RESTORE"),
    ("retention", "RETENTION"),
    ("tagging", "OBJECT_TAGGING"),
    ("uploadId", "UPLOAD"),
    ("uploads", "UPLOADS"),
];

/// The operation's name. `query` is the query string as sent; `copies` says that the request names a source to copy.
pub(super) fn operation(method: &Method, resource: Resource, query: &str, copies: bool) -> String {
    let named = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let of = |table: &[(&str, &'static str)], whole| {
        table.iter().find(|(name, _)| named(name)).map_or(whole, |(_, resource)| *resource)
    };
    let resource = match resource {
        Resource::Bucket => of(&OF_BUCKETS, if *method == Method::OPTIONS { "PREFLIGHT" } else { "BUCKET" }),
        // A GET of one part is a GET of the object: only an upload's parts are parts.
        Resource::Object if named("partNumber") && !named("uploadId") => "OBJECT",
        Resource::Object => of(&OF_OBJECTS, if *method == Method::OPTIONS { "PREFLIGHT" } else { "OBJECT" }),
    };
    let verb = if copies && *method == Method::PUT { "COPY" } else { method.as_str() };
    format!("REST.{verb}.{resource}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_the_logs_name() {
        use Resource::*;
        for (method, resource, query, copies, expected) in [
            ("GET", Bucket, "list-type=2&prefix=a", false, "REST.GET.BUCKET"),
            ("GET", Bucket, "versions", false, "REST.GET.BUCKETVERSIONS"),
            ("GET", Bucket, "logging", false, "REST.GET.LOGGING_STATUS"),
            ("PUT", Bucket, "versioning=", false, "REST.PUT.VERSIONING"),
            ("POST", Bucket, "delete", false, "REST.POST.MULTI_OBJECT_DELETE"),
            ("HEAD", Bucket, "", false, "REST.HEAD.BUCKET"),
            ("GET", Object, "", false, "REST.GET.OBJECT"),
            ("GET", Object, "partNumber=2", false, "REST.GET.OBJECT"),
            ("GET", Object, "versionId=x&tagging", false, "REST.GET.OBJECT_TAGGING"),
            ("PUT", Object, "", true, "REST.COPY.OBJECT"),
            ("PUT", Object, "partNumber=1&uploadId=u", false, "REST.PUT.PART"),
            ("PUT", Object, "partNumber=1&uploadId=u", true, "REST.COPY.PART"),
            ("POST", Object, "uploads", false, "REST.POST.UPLOADS"),
            ("POST", Object, "uploadId=u", false, "REST.POST.UPLOAD"),
            ("DELETE", Object, "uploadId=u", false, "REST.DELETE.UPLOAD"),
            ("DELETE", Object, "", false, "REST.DELETE.OBJECT"),
        ] {
            let method = method.parse().unwrap();
            assert_eq!(operation(&method, resource, query, copies), expected, "{method} {resource:?} {query}");
        }
    }
}
