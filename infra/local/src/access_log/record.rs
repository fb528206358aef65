//! One record: its 27 fields in the log's order, and the line they make. Pure.

use std::fmt::Write;

use time::OffsetDateTime;

/// A field that S3 puts between quotes. Nothing inside is escaped, as in S3's own logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Quoted {
    /// `"text"`, or `"-"` where the request brought none.
    Text(Option<String>),
    /// `-`: the record is not of a request of its own.
    Bare,
}

/// What a record tells; `None` is written as `-`. Keys come percent-encoded, as often as the operation asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) bucket_owner: String,
    pub(super) bucket: String,
    pub(super) time: OffsetDateTime,
    pub(super) remote_ip: Option<String>,
    pub(super) requester: Option<String>,
    pub(super) request_id: String,
    pub(super) operation: String,
    pub(super) key: Option<String>,
    pub(super) request_uri: Quoted,
    pub(super) status: u16,
    pub(super) error_code: Option<String>,
    pub(super) bytes_sent: Option<u64>,
    pub(super) object_size: Option<u64>,
    /// In milliseconds, from the request's arrival to the end of the reply.
    pub(super) total_time: Option<u64>,
    /// In milliseconds, from the request's last byte to the reply's first.
    pub(super) turn_around_time: Option<u64>,
    pub(super) referer: Quoted,
    pub(super) user_agent: Quoted,
    pub(super) version_id: Option<String>,
    pub(super) host_id: String,
    pub(super) signature_version: Option<&'static str>,
    pub(super) authentication_type: Option<&'static str>,
    pub(super) host: Option<String>,
}

impl Record {
    /// The line with its newline. What this cloud never has is always `-`: cipher suite and TLS version (it speaks plain
    /// HTTP), access points, ACLs and the region that a request came from.
    pub(super) fn line(&self) -> String {
        let mut line = String::with_capacity(512);
        let fields = [
            Some(self.bucket_owner.clone()),
            Some(self.bucket.clone()),
            Some(bracketed(self.time)),
            self.remote_ip.clone(),
            self.requester.clone(),
            Some(self.request_id.clone()),
            Some(self.operation.clone()),
            self.key.clone(),
            self.request_uri.text(),
            Some(self.status.to_string()),
            self.error_code.clone(),
            number(self.bytes_sent),
            number(self.object_size),
            number(self.total_time),
            number(self.turn_around_time),
            self.referer.text(),
            self.user_agent.text(),
            self.version_id.clone(),
            Some(self.host_id.clone()),
            self.signature_version.map(str::to_owned),
            None,
            self.authentication_type.map(str::to_owned),
            self.host.clone(),
            None,
            None,
            None,
            None,
        ];
        for (n, field) in fields.into_iter().enumerate() {
            let separator = if n == 0 { "" } else { " " };
            // A record is one line, whatever a header held.
            let field = field.as_deref().unwrap_or("-").replace(['\n', '\r'], "");
            let _ = write!(line, "{separator}{field}");
        }
        line.push('\n');
        line
    }
}

impl Quoted {
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(format!("\"{}\"", text.as_deref().unwrap_or("-"))),
            Self::Bare => None,
        }
    }
}

fn number(figure: Option<u64>) -> Option<String> {
    figure.map(|figure| figure.to_string())
}

/// `[06/Feb/2019:00:00:38 +0000]`.
fn bracketed(time: OffsetDateTime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let time = time.to_offset(time::UtcOffset::UTC);
    let month = MONTHS.get(usize::from(u8::from(time.month())) - 1).copied().unwrap_or("Jan");
    let (day, year, hour, minute, second) = (time.day(), time.year(), time.hour(), time.minute(), time.second());
    format!("[{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000]")
}

#[cfg(test)]
pub(super) mod tests {
    use time::macros::datetime;

    use super::*;

    /// The first sample of S3's page, as far as this cloud can make it: no cipher suite and no TLS version.
    pub(in super::super) fn sample() -> Record {
        Record {
            bucket_owner: "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be".into(),
            bucket: "amzn-s3-demo-bucket1".into(),
            time: datetime!(2019-02-06 00:00:38.9 UTC),
            remote_ip: Some("192.0.2.3".into()),
            requester: Some("79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be".into()),
            request_id: "3E57427F3EXAMPLE".into(),
            operation: "REST.GET.VERSIONING".into(),
            key: None,
            request_uri: Quoted::Text(Some("GET /amzn-s3-demo-bucket1?versioning HTTP/1.1".into())),
            status: 200,
            error_code: None,
            bytes_sent: Some(113),
            object_size: None,
            total_time: Some(7),
            turn_around_time: None,
            referer: Quoted::Text(None),
            user_agent: Quoted::Text(Some("S3Console/0.4".into())),
            version_id: None,
            host_id: "s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234=".into(),
            signature_version: Some("SigV4"),
            authentication_type: Some("AuthHeader"),
            host: Some("amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com".into()),
        }
    }

    #[test]
    fn a_record_is_written_as_s3_writes_it() {
        let expected = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be amzn-s3-demo-bucket1 \
             [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be \
             3E57427F3EXAMPLE REST.GET.VERSIONING - \"GET /amzn-s3-demo-bucket1?versioning HTTP/1.1\" 200 - 113 - 7 - \"-\" \
             \"S3Console/0.4\" - s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 - \
             AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com - - - -\n";
        assert_eq!(sample().line(), expected);
    }

    #[test]
    fn a_part_of_another_request_has_bare_dashes() {
        let (request_uri, referer, user_agent) = (Quoted::Bare, Quoted::Bare, Quoted::Bare);
        let line = Record { request_uri, referer, user_agent, key: Some("a%20b".into()), ..sample() }.line();
        assert!(line.contains(" a%20b - 200 - 113 - 7 - - - - s9lz"), "{line}");
    }

    #[test]
    fn a_record_stays_one_line() {
        let user_agent = Quoted::Text(Some("a\r\nb".into()));
        assert_eq!(Record { user_agent, ..sample() }.line().lines().count(), 1);
    }
}
