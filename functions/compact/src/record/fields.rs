//! The fields of a record, in the order of the line, under the names that Athena's documentation gives them.
//!
//! Rule: [Amazon S3 server access log format](https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html); names:
//! "Using Amazon S3 server access logs to identify requests" there. S3 extends records at the end only.

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: &'static str,
    /// The column's type, and where the record has its value.
    pub kind: Kind,
}

/// Type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTC, to the second.
    Time,
    /// Three digits.
    Status,
    /// 64 bits: bytes or milliseconds.
    Number(Number),
    /// As it is in the line.
    Text(Text),
}

/// The fields that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Bytes of the response, without HTTP's own.
    BytesSent,
    /// Bytes of the object.
    ObjectSize,
    /// Milliseconds from the request's reception to the last byte sent.
    TotalTime,
    /// Milliseconds that S3 worked on it.
    TurnaroundTime,
}

/// The fields of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// Canonical id of the bucket's owner.
    BucketOwner,
    /// The bucket that was asked.
    Bucket,
    /// Address of the requester; none for S3's own work.
    RemoteIp,
    /// Canonical id, ARN, or a name of a service; the only unquoted field that may hold spaces.
    Requester,
    /// Not unique: a multi-object delete's records share one.
    RequestId,
    /// Such as `REST.GET.OBJECT`.
    Operation,
    /// URL-encoded, by most operations twice.
    Key,
    /// Quoted in the line.
    RequestUri,
    /// Such as `NoSuchKey`.
    ErrorCode,
    /// Quoted in the line.
    Referrer,
    /// Quoted in the line.
    UserAgent,
    /// The version that was asked for or made.
    VersionId,
    /// `x-amz-id-2`.
    HostId,
    /// `SigV2` or `SigV4`.
    SignatureVersion,
    /// Of TLS.
    CipherSuite,
    /// `AuthHeader` or `QueryString`.
    AuthType,
    /// The `Host` header.
    Endpoint,
    /// Such as `TLSv1.2`.
    TlsVersion,
    /// Of the access point, where one was used.
    AccessPointArn,
    /// `Yes` where only an ACL allowed the request.
    AclRequired,
    /// The region that the request came from.
    SourceRegion,
    /// What a later S3 appends, unread.
    Extra,
}

/// How many fields are text.
pub const TEXTS: usize = Text::Extra as usize + 1;

const fn text(name: &'static str, field: Text) -> Field {
    Field { name, kind: Kind::Text(field) }
}

const fn number(name: &'static str, field: Number) -> Field {
    Field { name, kind: Kind::Number(field) }
}

/// All of them. The last one, `extra`, is not S3's: it holds what follows the 27th field, as it is.
pub const FIELDS: [Field; 28] = [
    text("bucketowner", Text::BucketOwner),
    text("bucket_name", Text::Bucket),
    Field { name: "requestdatetime", kind: Kind::Time },
    text("remoteip", Text::RemoteIp),
    text("requester", Text::Requester),
    text("requestid", Text::RequestId),
    text("operation", Text::Operation),
    text("key", Text::Key),
    text("request_uri", Text::RequestUri),
    Field { name: "httpstatus", kind: Kind::Status },
    text("errorcode", Text::ErrorCode),
    number("bytessent", Number::BytesSent),
    number("objectsize", Number::ObjectSize),
    number("totaltime", Number::TotalTime),
    number("turnaroundtime", Number::TurnaroundTime),
    text("referrer", Text::Referrer),
    text("useragent", Text::UserAgent),
    text("versionid", Text::VersionId),
    text("hostid", Text::HostId),
    text("sigv", Text::SignatureVersion),
    text("ciphersuite", Text::CipherSuite),
    text("authtype", Text::AuthType),
    text("endpoint", Text::Endpoint),
    text("tlsversion", Text::TlsVersion),
    text("accesspointarn", Text::AccessPointArn),
    text("aclrequired", Text::AclRequired),
    text("sourceregion", Text::SourceRegion),
    text("extra", Text::Extra),
];
