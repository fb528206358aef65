//! A line into a record, or the reason why it is none.
//!
//! S3 escapes nothing inside quotes, so a raw `"` in a request URI, a referrer or a user agent is told from a closing one by
//! what must follow it:
//!
//! - The first eight fields stand before any quote, and are split by spaces. The time has a fixed width; only the requester
//!   may hold spaces, and only as the origin access identity of CloudFront.
//! - The request URI ends at the *first* `" ` that status, error code and four numbers follow, and then a referrer's beginning.
//! - The user agent ends at the *last* quote of the line: no later field can hold one.
//! - Referrer and user agent part at the first `" "` between them.
//!
//! What does not fit is rejected, never guessed. By this alone two records on one line, whose line break was lost, would be
//! one with a strange user agent or strange fields behind it; so what holds the beginning of another record is rejected too. A
//! client can imitate all of a response in its user agent; no reader of this format can tell.

use memchr::{memchr, memchr_iter, memrchr};

use super::{Record, Reject, TEXTS, Text, time};
use crate::lines::MAX_LINE;

/// The fields between the time and the request URI.
const ASKED: [Text; 5] = [Text::RemoteIp, Text::Requester, Text::RequestId, Text::Operation, Text::Key];

/// The fields behind the user agent.
const TAIL: [Text; 10] = [
    Text::VersionId,
    Text::HostId,
    Text::SignatureVersion,
    Text::CipherSuite,
    Text::AuthType,
    Text::Endpoint,
    Text::TlsVersion,
    Text::AccessPointArn,
    Text::AclRequired,
    Text::SourceRegion,
];

/// Bytes of a bucket owner: a canonical id is 64 hexadecimal digits.
const MAX_OWNER: usize = 64;

/// What a text file may begin with, and what files that were joined may have before any line.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What follows the partition's name in the ARN of an origin access identity, which holds unquoted spaces.
const IDENTITY: &[u8] = b":iam::cloudfront:user/CloudFront Origin Access Identity ";

/// Whether nothing is on the line: such lines are skipped, and are no rejects.
pub fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Reads one line, without its `\n`; a `\r` at its end belongs to the line break, and a byte order mark before it to nothing.
/// Never allocates.
pub fn parse(line: &[u8]) -> Result<Record<'_>, Reject> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_LINE {
        return Err(Reject::TooLong);
    }
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    let mut texts = [None; TEXTS];
    let mut put = |field: Text, value: Option<_>| {
        if let Some(text) = texts.get_mut(field as usize) {
            *text = value;
        }
    };
    let mut rest = line;
    put(Text::BucketOwner, owner(&mut rest)?);
    put(Text::Bucket, word(&mut rest)?);
    let time = bracketed_time(&mut rest)?;
    let behind_time = rest;
    for (field, value) in ASKED.into_iter().zip(asked(&mut rest)?) {
        put(field, value);
    }
    let head = line.get(..line.len() - rest.len()).unwrap_or_default();
    let (uri, response) = request(rest)?;
    put(Text::RequestUri, uri);
    put(Text::ErrorCode, response.error);
    let client = client(response.rest)?;
    put(Text::Referrer, client.referrer);
    put(Text::UserAgent, client.agent);
    if has_control(head) || has_control(client.rest) {
        return Err(Reject::ControlCharacter);
    }
    if holds_another(behind_time) {
        return Err(Reject::TwoRecords);
    }
    let mut rest = Some(client.rest);
    for field in TAIL {
        let Some(text) = rest else { break };
        let (value, after) = match memchr(b' ', text).and_then(|at| text.split_at_checked(at)) {
            Some((value, after)) => (value, after.get(1..)),
            None => (text, None),
        };
        put(field, filled(value)?);
        rest = after;
    }
    if let Some(extra) = rest {
        let bare = extra.first().is_none_or(|first| *first == b' ') || extra.last() == Some(&b' ');
        put(Text::Extra, if bare { return Err(Reject::EmptyField) } else { filled(extra)? });
    }
    Ok(Record { time, status: response.status, numbers: response.numbers, texts })
}

/// A field's text; `-` is none.
fn filled(text: &[u8]) -> Result<Option<&[u8]>, Reject> {
    match text {
        b"" => Err(Reject::EmptyField),
        b"-" => Ok(None),
        text => Ok(Some(text)),
    }
}

/// The inside of quotes: it may be empty, and `"-"` is none as a bare `-` is.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    (text != b"-").then_some(text)
}

/// Takes the field before the next space, and the space. No field that is read by this one is the line's last.
fn token<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Reject> {
    let split = memchr(b' ', rest).and_then(|at| rest.split_at_checked(at));
    let (token, after) = split.ok_or(Reject::TooFewFields)?;
    *rest = after.get(1..).unwrap_or_default();
    Ok(token)
}

fn word<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Reject> {
    filled(token(rest)?)
}

/// The bucket owner. What is longer has something before it: the rest of another line, or a file's name as `grep` prints it.
fn owner<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Reject> {
    let owner = word(rest)?;
    if owner.is_some_and(|owner| owner.len() > MAX_OWNER) { Err(Reject::BadBucketOwner) } else { Ok(owner) }
}

/// The fields that `ASKED` names.
fn asked<'a>(rest: &mut &'a [u8]) -> Result<[Option<&'a [u8]>; 5], Reject> {
    Ok([word(rest)?, requester(rest)?, word(rest)?, word(rest)?, word(rest)?])
}

/// Control characters: what is not quoted is made by S3, or URL-encoded, and has none. A tab or a `\r` there took a space's or
/// a line break's place. (It looks at all bytes, since that is the fastest.)
fn has_control(text: &[u8]) -> bool {
    text.iter().filter(|byte| **byte < b' ').count() > 0
}

/// Whether another record begins behind the time of this one: a time with what follows it up to a request URI, and an operation
/// among it that is named as S3 names them. (A time alone could be a field that a later S3 appends.)
fn holds_another(behind_time: &[u8]) -> bool {
    memchr_iter(b'[', behind_time).filter_map(|at| behind_time.get(at..)).any(|mut rest| {
        let asked = bracketed_time(&mut rest).and_then(|_| asked(&mut rest));
        let is_head = asked.is_ok_and(|[.., operation, _]| operation.is_some_and(|name| memchr(b'.', name).is_some()));
        is_head && (rest.starts_with(b"\"") || rest.starts_with(b"- "))
    })
}

/// `[06/Feb/2019:00:00:38 +0000] `.
fn bracketed_time(rest: &mut &[u8]) -> Result<i64, Reject> {
    let (field, after) = rest.split_first_chunk::<29>().ok_or(Reject::TooFewFields)?;
    let [b'[', inside @ .., b']', b' '] = field else { return Err(Reject::BadTime) };
    *rest = after;
    time::seconds(inside).ok_or(Reject::BadTime)
}

/// A requester is one word, or the ARN of an origin access identity with the identity's id.
fn requester<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Reject> {
    let Some(identity) = identity_length(rest) else { return word(rest) };
    let begin = *rest;
    *rest = rest.get(identity..).unwrap_or_default();
    let id = token(rest)?;
    if id.is_empty() {
        return Err(Reject::EmptyField);
    }
    Ok(begin.get(..identity + id.len()))
}

/// The bytes of `arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity `, in any partition.
fn identity_length(text: &[u8]) -> Option<usize> {
    let after = text.strip_prefix(b"arn:aws")?;
    let partition = memchr(b':', after)?;
    after.get(partition..)?.starts_with(IDENTITY).then_some(b"arn:aws".len() + partition + IDENTITY.len())
}

/// Fields 10 to 15, and what follows them.
struct Response<'a> {
    status: Option<i32>,
    error: Option<&'a [u8]>,
    numbers: [Option<i64>; 4],
    rest: &'a [u8],
}

/// The request URI, and the response behind it.
fn request(rest: &[u8]) -> Result<(Option<&[u8]>, Response<'_>), Reject> {
    if let Some(after) = rest.strip_prefix(b"- ") {
        return Ok((None, response(after)?));
    }
    let inside = rest.strip_prefix(b"\"").ok_or(if rest.is_empty() { Reject::TooFewFields } else { Reject::BadRequestUri })?;
    let mut failure = Reject::OpenRequestUri;
    for (uri, after) in memchr_iter(b'"', inside).filter_map(|at| inside.split_at_checked(at)) {
        let Some(after) = after.strip_prefix(b"\" ") else { continue };
        match response(after) {
            Ok(response) => return Ok((quoted(uri), response)),
            // The quote that a status follows is the most likely one to have been meant, and then the first one.
            Err(reject) if failure == Reject::OpenRequestUri || (failure == Reject::BadStatus && begins_with_status(after)) => {
                failure = reject;
            }
            Err(_) => {}
        }
    }
    Err(failure)
}

fn begins_with_status(mut rest: &[u8]) -> bool {
    token(&mut rest).and_then(status).is_ok()
}

/// `-` or three digits.
fn status(text: &[u8]) -> Result<Option<i32>, Reject> {
    match text {
        b"-" => Ok(None),
        [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Ok(Some(i32::from(a - b'0') * 100 + i32::from(b - b'0') * 10 + i32::from(c - b'0')))
        }
        _ => Err(Reject::BadStatus),
    }
}

fn response(mut rest: &[u8]) -> Result<Response<'_>, Reject> {
    let status = status(token(&mut rest)?)?;
    let error = word(&mut rest)?;
    let mut numbers = [None; 4];
    for number in &mut numbers {
        *number = whole(token(&mut rest)?)?;
    }
    if rest.starts_with(b"\"") || rest.starts_with(b"- ") {
        return Ok(Response { status, error, numbers, rest });
    }
    Err(if rest.is_empty() || rest == b"-" { Reject::TooFewFields } else { Reject::BadReferrer })
}

/// `-` or digits, nothing else: no sign, no fraction, at most 2^63 - 1.
fn whole(text: &[u8]) -> Result<Option<i64>, Reject> {
    if text == b"-" {
        return Ok(None);
    }
    if text.is_empty() {
        return Err(Reject::EmptyField);
    }
    let mut number = 0_i64;
    for digit in text {
        if !digit.is_ascii_digit() {
            return Err(Reject::BadNumber);
        }
        let next = number.checked_mul(10).and_then(|tens| tens.checked_add(i64::from(digit - b'0')));
        number = next.ok_or(Reject::BadNumber)?;
    }
    Ok(Some(number))
}

/// Fields 16 and 17, and what follows them: never empty.
struct Client<'a> {
    referrer: Option<&'a [u8]>,
    agent: Option<&'a [u8]>,
    rest: &'a [u8],
}

fn client(rest: &[u8]) -> Result<Client<'_>, Reject> {
    let found = match rest.strip_prefix(b"- ") {
        Some(after) => behind_bare_referrer(after)?,
        None => behind_quote(rest.strip_prefix(b"\"").ok_or(Reject::BadReferrer)?)?,
    };
    if found.rest.is_empty() { Err(Reject::TooFewFields) } else { Ok(found) }
}

fn behind_bare_referrer(rest: &[u8]) -> Result<Client<'_>, Reject> {
    if let Some(rest) = rest.strip_prefix(b"- ") {
        return unquoted(rest).map(|rest| Client { referrer: None, agent: None, rest });
    }
    if rest.is_empty() || rest == b"-" {
        return Err(Reject::TooFewFields);
    }
    let (agent, rest) = to_last_quote(rest.strip_prefix(b"\"").ok_or(Reject::BadUserAgent)?)?;
    // Two quoted values behind a bare one: a field too many is more likely than such a user agent, and nothing tells them
    // apart.
    if parted(agent).is_some() {
        return Err(Reject::BadUserAgent);
    }
    Ok(Client { referrer: None, agent: quoted(agent), rest: behind_space(rest)? })
}

/// `inside` begins behind the referrer's opening quote.
fn behind_quote(inside: &[u8]) -> Result<Client<'_>, Reject> {
    let (both, rest) = to_last_quote(inside)?;
    if let Some((referrer, agent)) = parted(both) {
        return Ok(Client { referrer: quoted(referrer), agent: quoted(agent), rest: behind_space(rest)? });
    }
    // Only a bare user agent is left. Then the last quote is the referrer's own, and nothing tells it from another one
    // inside: there must be none.
    let rest = behind_space(rest)?;
    match rest.strip_prefix(b"- ") {
        Some(rest) if memchr(b'"', both).is_none() => Ok(Client { referrer: quoted(both), agent: None, rest }),
        None if rest == b"-" => Err(Reject::TooFewFields),
        _ => Err(Reject::BadUserAgent),
    }
}

/// What is before and behind the first `" "`.
fn parted(both: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = memchr_iter(b'"', both).filter_map(|at| both.split_at_checked(at));
    parts.find_map(|(referrer, after)| Some((referrer, after.strip_prefix(b"\" \"")?)))
}

fn to_last_quote(inside: &[u8]) -> Result<(&[u8], &[u8]), Reject> {
    let (before, after) = memrchr(b'"', inside).and_then(|at| inside.split_at_checked(at)).ok_or(Reject::BadUserAgent)?;
    Ok((before, after.get(1..).unwrap_or_default()))
}

/// What is behind the one space that must follow a closing quote.
fn behind_space(rest: &[u8]) -> Result<&[u8], Reject> {
    match rest {
        b"" => Err(Reject::TooFewFields),
        rest => rest.strip_prefix(b" ").ok_or(Reject::BadUserAgent),
    }
}

fn unquoted(rest: &[u8]) -> Result<&[u8], Reject> {
    if memchr(b'"', rest).is_some() { Err(Reject::StrayQuote) } else { Ok(rest) }
}
