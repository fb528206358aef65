//! The parser against tables of lines, and against records that were written as S3 writes them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy exempts test functions alone, not what they share"
)]

use brigade_compact::lines::MAX_LINE;
use brigade_compact::record::{FIELDS, Kind, Number, Record, Reject, Text, Value, parse, write_rfc3339};
use proptest::prelude::*;

/// Every field as text; `-` is none.
fn shown(record: &Record<'_>) -> Vec<String> {
    let one = |kind: Kind| match record.value(kind) {
        Value::Null => "-".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Time(seconds) => {
            let mut text = String::new();
            write_rfc3339(seconds, &mut text).unwrap();
            text
        }
    };
    FIELDS.iter().map(|field| one(field.kind)).collect()
}

/// What is not `-`, as `name=value`.
fn named(line: &str) -> String {
    let record = parse(line.as_bytes()).unwrap_or_else(|reject| panic!("{reject}: {line}"));
    let values = shown(&record).into_iter();
    let told: Vec<_> = FIELDS.iter().zip(values).filter(|(_, v)| v != "-").map(|(f, v)| format!("{}={v}", f.name)).collect();
    told.join("\n")
}

const OWNER: &str = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be";
const HEAD: &str = "o b [06/Feb/2019:00:00:38 +0000] 192.0.2.3 r 3E57427F3EXAMPLE";
const TAIL: &str = "v h SigV4 c AuthHeader e TLSv1.2 - - -";

#[test]
fn the_documented_sample_is_read() {
    let line = format!(
        "{OWNER} amzn-s3-demo-bucket1 [06/Feb/2019:00:00:38 +0000] 192.0.2.3 {OWNER} 3E57427F3EXAMPLE REST.GET.VERSIONING - \
         \"GET /amzn-s3-demo-bucket1?versioning HTTP/1.1\" 200 - 113 - 7 - \"-\" \"S3Console/0.4\" - \
         s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234= SigV4 ECDHE-RSA-AES128-GCM-SHA256 \
         AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com TLSV1.2 \
         arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes us-east-1"
    );
    insta::assert_snapshot!(named(&line), @"
    bucketowner=79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be
    bucket_name=amzn-s3-demo-bucket1
    requestdatetime=2019-02-06T00:00:38Z
    remoteip=192.0.2.3
    requester=79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be
    requestid=3E57427F3EXAMPLE
    operation=REST.GET.VERSIONING
    request_uri=GET /amzn-s3-demo-bucket1?versioning HTTP/1.1
    httpstatus=200
    bytessent=113
    totaltime=7
    useragent=S3Console/0.4
    hostid=s9lzHYrFp76ZVxRcpX9+5cjAnEH2ROuNkd2BHfIa6UkFVdtjf5mKR3/eTPFvsiP/XV/VLi31234=
    sigv=SigV4
    ciphersuite=ECDHE-RSA-AES128-GCM-SHA256
    authtype=AuthHeader
    endpoint=amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com
    tlsversion=TLSV1.2
    accesspointarn=arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP
    aclrequired=Yes
    sourceregion=us-east-1
    ");
}

/// The fields of a line that tell something, from the requester on, short.
fn told(line: &str) -> String {
    let record = parse(line.as_bytes()).unwrap_or_else(|reject| panic!("{reject}: {line}"));
    let text = |field| record.text(field).map_or("-".into(), |text| String::from_utf8_lossy(text).into_owned());
    let (uri, referrer, agent) = (text(Text::RequestUri), text(Text::Referrer), text(Text::UserAgent));
    let status = record.status.map_or(-1, i64::from);
    let size = record.number(Number::ObjectSize).unwrap_or(-1);
    format!("{uri}|{status}|{size}|{referrer}|{agent}|{}|{}", text(Text::VersionId), text(Text::Extra))
}

#[test]
fn quotes_are_told_apart_by_what_follows() {
    let cases = [
        // Bare and quoted dashes, in every mixture.
        (r#"- 204 - - 57 - - - -"#, "-|204|57|-|-|v|-"),
        (r#""-" - - - 57 - - "-" "-""#, "-|-1|57|-|-|v|-"),
        (r#"- 200 - - 57 - - "-" "-""#, "-|200|57|-|-|v|-"),
        (r#""GET /" 200 - 1 57 3 4 - "ua""#, "GET /|200|57|-|ua|v|-"),
        (r#""GET /" 200 - 1 57 3 4 "ref" -"#, "GET /|200|57|ref|-|v|-"),
        (r#""GET /" 200 - 1 57 3 4 "" """#, "GET /|200|57|||v|-"),
        (r#""GET /" 200 - 1 57 3 4 "" -"#, "GET /|200|57||-|v|-"),
        (r#""GET /" 200 - 1 57 3 4 - """#, "GET /|200|57|-||v|-"),
        (r#""" 200 - 1 57 3 4 "-" "ua""#, "|200|57|-|ua|v|-"),
        // Raw quotes.
        (r#""GET /" HTTP/1.1" 404 NoSuchKey 1 57 3 4 "-" "ua""#, r#"GET /" HTTP/1.1|404|57|-|ua|v|-"#),
        (r#""GET /"" HTTP/1.1" 404 NoSuchKey 1 57 3 4 "-" "ua""#, r#"GET /"" HTTP/1.1|404|57|-|ua|v|-"#),
        (r#""GET /?q=" 200 OK" HTTP/1.1" 400 - 1 57 3 4 "-" "ua""#, r#"GET /?q=" 200 OK" HTTP/1.1|400|57|-|ua|v|-"#),
        (r#""GET /" 200 - 1 57 3 4 "http://x/?q="" "ua""#, r#"GET /|200|57|http://x/?q="|ua|v|-"#),
        (r#""GET /" 200 - 1 57 3 4 "a"b"c" "ua""#, r#"GET /|200|57|a"b"c|ua|v|-"#),
        (r#""GET /" 200 - 1 57 3 4 "-" "ua "quoted"""#, r#"GET /|200|57|-|ua "quoted"|v|-"#),
        (r#""GET /" 200 - 1 57 3 4 "-" "a" "b""#, r#"GET /|200|57|-|a" "b|v|-"#),
        (r#""GET /" 200 - 1 57 3 4 "-" "ua" - 9 "x""#, r#"GET /|200|57|-|ua" - 9 "x|v|-"#),
        (r#""GET /" 200 - 1 57 3 4 "-" """""#, r#"GET /|200|57|-|""|v|-"#),
        // What looks like a time, and is no other record.
        (
            r#""GET /[06/Feb/2019:00:00:38 +0000] x" 200 - 1 57 3 4 "[06/Feb/2019:00:00:38 +0000]" "[06/Feb/2019:00:00:38 +0000] a b""#,
            "GET /[06/Feb/2019:00:00:38 +0000] x|200|57|[06/Feb/2019:00:00:38 +0000]|[06/Feb/2019:00:00:38 +0000] a b|v|-",
        ),
        // White space that separates nothing.
        ("\"GET /\ta\" 200 - 1 57 3 4 \"re f\" \"u\ta\"", "GET /\ta|200|57|re f|u\ta|v|-"),
    ];
    for (middle, expected) in cases {
        let line = format!("{HEAD} REST.GET.OBJECT k {middle} {TAIL}");
        assert_eq!(told(&line), expected, "{line}");
    }
}

#[test]
fn every_age_and_every_writer_of_lines_is_read() {
    let canonical = format!("{OWNER} b [06/Feb/2019:00:00:38 +0000]");
    let identity = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLE1234";
    let old = r#""GET /k HTTP/1.1" 200 - 5 5 7 6 "-" "ua""#;
    let cases = [
        // 18 fields, then one more with each.
        (format!("{canonical} 192.0.2.3 - ID REST.GET.OBJECT k {old} -"), "requester - versionid - extra -"),
        (format!("{canonical} 192.0.2.3 - ID REST.GET.OBJECT k {old} v h"), "requester - versionid v extra -"),
        (format!("{canonical} ::1 - ID REST.GET.OBJECT k {old} {TAIL}"), "requester - versionid v extra -"),
        (format!("{canonical} ::1 - ID REST.GET.OBJECT k {old} {TAIL} n1 n2"), "requester - versionid v extra n1 n2"),
        (format!("{canonical} ::1 - ID REST.GET.OBJECT k {old} {TAIL} -"), "requester - versionid v extra -"),
        (format!("{canonical} ::1 - ID REST.GET.OBJECT k {old} {TAIL} - n2"), "requester - versionid v extra - n2"),
        (
            format!("{canonical} ::1 - ID REST.GET.OBJECT k {old} {TAIL} [06/Feb/2019:00:00:39 +0000] n2 n3 n4 n5 n6 - n8"),
            "requester - versionid v extra [06/Feb/2019:00:00:39 +0000] n2 n3 n4 n5 n6 - n8",
        ),
        (format!("{canonical} ::1 - ID REST.GET.OBJECT k {old} {TAIL}\r"), "requester - versionid v extra -"),
        // An editor saved it.
        (format!("\u{feff}{canonical} ::1 - ID REST.GET.OBJECT k {old} {TAIL}"), "requester - versionid v extra -"),
        // Requesters.
        (
            format!("{canonical} ::1 {identity} ID REST.GET.OBJECT k {old} {TAIL}"),
            "requester arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLE1234 versionid v extra -",
        ),
        (
            format!("{canonical} ::1 {} ID REST.GET.OBJECT k {old} {TAIL}", identity.replace("aws", "aws-cn")),
            "requester arn:aws-cn:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLE1234 versionid v extra -",
        ),
        (
            format!("{canonical} ::1 arn:aws:sts::123456789012:assumed-role/r/s@x ID REST.GET.OBJECT k {old} {TAIL}"),
            "requester arn:aws:sts::123456789012:assumed-role/r/s@x versionid v extra -",
        ),
        (
            format!("{canonical} - AmazonS3 ID S3.EXPIRE.OBJECT k \"-\" - - - 9 - - \"-\" \"-\" v h - - - - - - -"),
            "requester AmazonS3 versionid v extra -",
        ),
        (
            format!("{canonical} - svc:lambda.amazonaws.com ID BATCH.DELETE.OBJECT k - 204 - - 9 - - - - v h"),
            "requester svc:lambda.amazonaws.com versionid v extra -",
        ),
        // Nothing but the time.
        ("- - [06/Feb/2019:00:00:38 +0000] - - - - - - - - - - - - - - -".to_owned(), "requester - versionid - extra -"),
        (
            "- - [06/Feb/2019:00:00:38 +0000] - - - - - \"-\" - - - - - - \"-\" \"-\" -".to_owned(),
            "requester - versionid - extra -",
        ),
    ];
    for (line, expected) in cases {
        let record = parse(line.as_bytes()).unwrap_or_else(|reject| panic!("{reject}: {line}"));
        let text = |field| record.text(field).map_or("-".into(), String::from_utf8_lossy);
        let seen = [Text::Requester, Text::VersionId, Text::Extra].map(text);
        assert_eq!(format!("requester {} versionid {} extra {}", seen[0], seen[1], seen[2]), expected, "{line}");
    }
}

#[test]
fn what_does_not_fit_is_rejected_with_its_reason() {
    use Reject::*;
    let with = |middle: &str| format!("{HEAD} REST.GET.OBJECT k {middle} {TAIL}");
    let time = |time: &str| format!("o b {time} 192.0.2.3 r ID OP k - 204 - - 57 - - - - v h");
    let cases = [
        ("x".to_owned(), TooFewFields),
        ("o b".to_owned(), TooFewFields),
        (HEAD.to_owned(), TooFewFields),
        (format!("{HEAD} OP k "), TooFewFields),
        (time("06/Feb/2019:00:00:38 +0000"), BadTime),
        (time("[06/Feb/2019:00:00:38]"), BadTime),
        (time("[06/Feb/2019:00:00:38 +0100]"), BadTime),
        (time("[31/Feb/2019:00:00:38 +0000]"), BadTime),
        (time("[2019-02-06T00:00:38Z]"), BadTime),
        (time("-"), BadTime),
        (with(r#"GET /k HTTP/1.1 200 - 1 57 3 4 "-" "ua""#), BadRequestUri),
        (with(r#"'GET /k' 200 - 1 57 3 4 "-" "ua""#), BadRequestUri),
        (with(r#""GET /k HTTP/1.1 200 - 1 57 3 4 - -"#), OpenRequestUri),
        (with(r#""GET /k HTTP/1.1 200 - 1 57 3 4 "-" "ua""#), BadStatus),
        (with(r#""GET /k" 20 - 1 57 3 4 "-" "ua""#), BadStatus),
        (with(r#""GET /k" 2000 - 1 57 3 4 "-" "ua""#), BadStatus),
        (with(r#""GET /k" 2x0 - 1 57 3 4 "-" "ua""#), BadStatus),
        (with(r#""GET /k" OK - 1 57 3 4 "-" "ua""#), BadStatus),
        // An old record ends in a `-` that another quote stands before.
        (format!(r#"{HEAD} OP k "GET /k" 20x - 1 57 3 4 "-" "ua" -"#), BadStatus),
        (with(r#""GET /k" 200 - x 57 3 4 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200 - 1 5.7 3 4 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200 - 1 57 -3 4 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200 - 1 57 +3 4 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200 - 1 57 3 0x4 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200 - 1 57 9223372036854775808 4 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200 - 1 57 ٣ 4 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200  1 57 3 4 "-" "ua""#), EmptyField),
        (with(r#""GET /k" 200 - 1 57 3  "-" "ua""#), EmptyField),
        (with(r#""GET /k" 200 - 1 57 3 4 ref "ua""#), BadReferrer),
        (with(r#""GET /k" 200 - 1 57 3 4 5 "-" "ua""#), BadReferrer),
        (with(r#""GET /k" 200 - 1 57 3 "-" "ua""#), BadNumber),
        (with(r#""GET /k" 200 - 1 57 3 4 "-" ua"#), BadUserAgent),
        (with(r#""GET /k" 200 - 1 57 3 4 "-" "ua"#), BadUserAgent),
        (with(r#""GET /k" 200 - 1 57 3 4 - "ua"#), BadUserAgent),
        (with(r#""GET /k" 200 - 1 57 3 4 - ua"#), BadUserAgent),
        (with(r#""GET /k" 200 - 1 57 3 4 "-" "ua"x"#), BadUserAgent),
        (with(r#""GET /k" 200 - 1 57 3 4 "a"b" -"#), BadUserAgent),
        (with(r#""GET /k" 200 - 1 57 3 4 "-""ua""#), BadUserAgent),
        // A field too many before the referrer, so that the one before stands for it.
        (with(r#""GET /k" 200 200 - 1 57 3 - "-" "ua""#), BadUserAgent),
        (with(r#""GET /k" 200 - 1 57 57 3 - "-" "ua""#), BadUserAgent),
        (with(r#"- 204 - - 57 - - - - v"h"#), StrayQuote),
        // 17 fields.
        (format!(r#"{HEAD} OP k "GET /k" 200 - 1 57 3 4 "-" "ua""#), TooFewFields),
        (format!(r#"{HEAD} OP k "GET /k" 200 - 1 57 3 4 "-" "ua" "#), TooFewFields),
        (format!("{HEAD} OP k - 204 - - 57 - - - -"), TooFewFields),
        (format!("{HEAD} OP k - 204 - - 57 - - - - "), TooFewFields),
        (format!("{HEAD} OP k - 204 - - 57 - - -"), TooFewFields),
        (format!("{HEAD} OP k - 204 - - 57 - -"), TooFewFields),
        (format!("{HEAD} OP k \"GET /k\" 200 - 1 57 3 4 \"ref\" -"), TooFewFields),
        // Spaces that are too many.
        (with("- 204 - - 57 - - - - "), EmptyField),
        (format!("{} ", with("- 204 - - 57 - - - -")), EmptyField),
        (format!(" {}", with("- 204 - - 57 - - - -")), EmptyField),
        (with("- 204 - - 57 - - - -").replace("192", " 192"), EmptyField),
        (with("- 204 - - 57 - - - -").replace(' ', "\t"), TooFewFields),
        (with("- 204 - - 57 - - - -").replace("b [", "b\t["), BadTime),
        // A requester with spaces that is no origin access identity.
        (with("- 204 - - 57 - - - -").replace(" r ", " some one "), BadRequestUri),
        (
            with("- 204 - - 57 - - - -").replace(" r ", " arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity  "),
            EmptyField,
        ),
        (with(&format!("\"{}\" 200 - 1 57 3 4 \"-\" \"ua\"", "x".repeat(MAX_LINE))), TooLong),
        // Something stands before the record.
        (format!("x{OWNER}{}", &with("- 204 - - 57 - - - -")[1..]), BadBucketOwner),
        (format!("2026-11-22-00-10-00-0123456789ABCDEF:{OWNER}{}", &with("- 204 - - 57 - - - -")[1..]), BadBucketOwner),
        // No space, and no line break.
        (format!("\t{}", with("- 204 - - 57 - - - -")), ControlCharacter),
        (with("- 204 - - 57 - - - -").replace("v h", "v\th"), ControlCharacter),
        (format!("{}\r\r", with("- 204 - - 57 - - - -")), ControlCharacter),
    ];
    for (line, expected) in cases {
        let start: String = line.chars().take(300).collect();
        assert_eq!(parse(line.as_bytes()).unwrap_err(), expected, "{start}");
        assert!(include_str!("../README.md").contains(&format!("`{}`", expected.code())), "{}", expected.code());
    }
}

#[test]
fn two_records_on_one_line_are_none() {
    let quoted =
        format!("{OWNER} b [06/Feb/2019:00:00:38 +0000] - - ID REST.GET.OBJECT k \"GET /\" 200 - 1 57 3 4 \"-\" \"ua\" v");
    let bare = format!("{OWNER} b [06/Feb/2019:00:00:39 +0000] - - ID BATCH.DELETE.OBJECT k - 204 - - 57 - - - - v");
    for first in [&quoted, &bare] {
        for second in [&quoted, &bare] {
            for (first, second) in [(first.clone(), format!("{second} {TAIL}")), (format!("{first} {TAIL}"), second.clone())] {
                assert!(parse(first.as_bytes()).is_ok() && parse(second.as_bytes()).is_ok());
                for between in ["", " ", "\r", "\\n", ","] {
                    let line = format!("{first}{between}{second}");
                    assert!(parse(line.as_bytes()).is_err(), "{line}");
                }
                // The first one's writer died, and the next one went on.
                for cut in 1..first.len() {
                    let line = format!("{}{second}", &first[..cut]);
                    assert!(parse(line.as_bytes()).is_err(), "{line}");
                }
            }
        }
    }
    let forged = format!("{HEAD} OP k \"GET /\" 200 - 1 57 3 4 \"-\" \"{bare}\" v");
    assert_eq!(parse(forged.as_bytes()), Err(Reject::TwoRecords));
}

#[test]
fn a_line_of_the_greatest_length_is_read() {
    let around = format!("{HEAD} OP k \"\" 200 - 1 57 3 4 \"-\" \"ua\" {TAIL}");
    let line = around.replace("\"\"", &format!("\"{}\"", "x".repeat(MAX_LINE - around.len())));
    assert_eq!(line.len(), MAX_LINE);
    assert!(parse(line.as_bytes()).is_ok());
    assert!(parse(format!("{line}\r").as_bytes()).is_ok());
    assert_eq!(parse(format!("{line}x").as_bytes()), Err(Reject::TooLong));
}

/// A record as S3 writes it, with what is quoted told apart from what is bare.
#[derive(Clone, Debug)]
struct Written {
    line: String,
    /// Where the 18th field begins.
    tail: usize,
    expected: Vec<String>,
}

fn token() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[!#-~]{1,40}", 1 => Just("-".to_owned()), 1 => "[a-zé漢]{1,6}"]
}

/// Anything but a line break, full of quotes and dashes.
fn inside(quotes: bool) -> impl Strategy<Value = String> {
    let pieces = ["\"", "\" ", " ", "-", "200", "a", "é", "\t", "GET /k"];
    let pieces = if quotes { &pieces[..] } else { &pieces[2..] }.to_vec();
    prop::collection::vec(prop::sample::select(pieces), 0..12).prop_map(|pieces| pieces.concat())
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![Just("-".to_owned()), (0..=i64::MAX).prop_map(|n| n.to_string()), (0..1000_i64).prop_map(|n| n.to_string())]
}

fn time() -> impl Strategy<Value = (String, String)> {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    (1_i32..10_000, 1_usize..13, 1_u8..29, 0_u8..24, 0_u8..60, 0_u8..60).prop_map(move |(year, month, day, h, m, s)| {
        let written = format!("[{day:02}/{}/{year:04}:{h:02}:{m:02}:{s:02} +0000]", months[month - 1]);
        (written, format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z"))
    })
}

/// Whether the rule can find the referrer's end in the line at all.
fn resolvable(referrer: &str) -> bool {
    format!("{referrer}\" \"").find("\" \"") == Some(referrer.len())
}

fn written(quotes: bool) -> impl Strategy<Value = Written> {
    let requester = prop_oneof![
        5 => token(),
        1 => "[A-Z0-9]{1,14}".prop_map(|id| format!("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {id}")),
    ];
    let head = (token(), token(), time(), token(), requester, token(), token(), token());
    let status = prop_oneof![Just("-".to_owned()), (100..600_i32).prop_map(|n| n.to_string())];
    // Imitates no response: then its end could not be told from another one.
    let uri = inside(quotes).prop_filter("imitates a response", |uri| !uri.contains("\" 200 ") && !uri.contains("\" - "));
    let referrer = inside(quotes).prop_filter("has no end", |referrer| resolvable(referrer));
    let bare = any::<[bool; 2]>();
    let middle = (uri, status, token(), [number(), number(), number(), number()], referrer, inside(quotes), bare);
    let tail = prop::collection::vec(token(), 1..14);
    (head, middle, tail).prop_map(|(head, middle, tail)| {
        let (owner, bucket, (time, rfc3339), ip, requester, id, operation, key) = head;
        let (uri, status, error, numbers, referrer, agent, [bare_uri, bare_client]) = middle;
        let quote =
            |bare: bool, text: String| if bare { ("-".to_owned(), "-".to_owned()) } else { (format!("\"{text}\""), text) };
        let ((uri, uri_is), (referrer, referrer_is)) = (quote(bare_uri, uri), quote(bare_client, referrer));
        let (agent, agent_is) = quote(bare_client, agent);
        let line = [
            vec![
                owner.clone(),
                bucket.clone(),
                time,
                ip.clone(),
                requester.clone(),
                id.clone(),
                operation.clone(),
                key.clone(),
            ],
            vec![uri, status.clone(), error.clone()],
            numbers.to_vec(),
            vec![referrer, agent],
        ];
        let head = format!("{} ", line.concat().join(" "));
        let line = format!("{head}{}", tail.join(" "));
        let mut expected = vec![owner, bucket, rfc3339, ip, requester, id, operation, key, uri_is, status, error];
        expected.extend(numbers);
        expected.extend([referrer_is, agent_is]);
        expected.extend((0..10).map(|n| tail.get(n).cloned().unwrap_or("-".to_owned())));
        expected.push(if tail.len() > 10 { tail[10..].join(" ") } else { "-".to_owned() });
        Written { line, tail: head.len(), expected }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_written_is_read(written in written(true)) {
        let record = parse(written.line.as_bytes()).map_err(|reject| TestCaseError::fail(reject.to_string()))?;
        prop_assert_eq!(shown(&record), written.expected);
    }

    #[test]
    fn no_damage_makes_the_parser_panic_or_shift_the_time(
        written in written(true),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
    ) {
        let mut line = written.line.into_bytes();
        for (at, byte, how) in damage {
            let at = at.index(line.len());
            match how {
                0 => line[at] = byte,
                1 => line.insert(at, byte),
                _ => line.truncate(at.max(1)),
            }
        }
        if let Ok(record) = parse(&line) {
            // Whatever was read lies in the line, and the time is the bracketed one.
            let mut rfc3339 = String::new();
            write_rfc3339(record.time, &mut rfc3339).unwrap();
            prop_assert_eq!(rfc3339.len(), 20);
            let begin = line.as_ptr() as usize;
            for value in FIELDS.iter().map(|field| record.value(field.kind)) {
                if let Value::Text(text) = value {
                    let at = text.as_ptr() as usize;
                    prop_assert!(text.is_empty() || (at >= begin && at + text.len() <= begin + line.len()));
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_record_or_a_reject(line in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&line);
    }

    #[test]
    fn a_record_cut_before_its_18th_field_is_rejected(written in written(false), cut in any::<prop::sample::Index>()) {
        // (An inner quote can stand where a closing one would: that is what the format leaves open.)
        let short = &written.line.as_bytes()[..cut.index(written.tail + 1)];
        prop_assert!(parse(short).is_err(), "{}", String::from_utf8_lossy(short));
    }
}
