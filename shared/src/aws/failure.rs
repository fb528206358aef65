//! The SDK's errors, reduced to what the ports' errors are made from.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use time::OffsetDateTime;

/// The longest message that is kept, in bytes; the rest is cut off.
const MAX_MESSAGE_BYTES: usize = 500;

const UNREADABLE: &str = "the answer could not be read";

/// A failed request, without the service's or the operation's own types.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The service's error code.
    pub code: Option<String>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The service's message or the cause. It never holds a body, a header or a credential.
    pub message: String,
    /// Whether the request was carried out is unknown: no answer, or one that could not be read.
    pub unanswered: bool,
    /// The bucket's region, where S3 says that the request went to the wrong one.
    pub region: Option<String>,
    /// The server's clock, where it answered.
    pub date: Option<OffsetDateTime>,
}

/// Reads an error of the SDK.
pub fn failure<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let local = |code: &str, message: String, unanswered| Failure {
        code: Some(code.to_owned()),
        status: None,
        message: cut(message),
        unanswered,
        region: None,
        date: None,
    };
    match error {
        SdkError::ConstructionFailure(_) => local("BadRequestArguments", causes(error), false),
        SdkError::TimeoutError(_) => local("Timeout", "no answer in time".to_owned(), true),
        SdkError::DispatchFailure(dispatch) if dispatch.is_user() => local("BadRequestArguments", causes(error), false),
        SdkError::DispatchFailure(_) => local("NoConnection", causes(error), true),
        // The cause could quote the body that was not understood.
        SdkError::ResponseError(_) => local("BadResponse", UNREADABLE.to_owned(), true),
        // It was answered, and not with an error: with what the SDK cannot read, such as a page of a proxy in between.
        SdkError::ServiceError(answer) if answer.err().code().is_none() && answer.raw().status().is_success() => {
            local("BadResponse", UNREADABLE.to_owned(), true)
        }
        SdkError::ServiceError(answer) => Failure {
            code: answer.err().code().map(str::to_owned),
            status: Some(answer.raw().status().as_u16()),
            message: cut(answer.err().message().unwrap_or("no message").to_owned()),
            unanswered: false,
            region: answer.raw().headers().get("x-amz-bucket-region").map(str::to_owned),
            date: date_of(answer.raw()),
        },
        _ => local("Unknown", "an error of a kind that this version does not know".to_owned(), true),
    }
}

/// The `Date` of an answer: the server's clock, to the second.
pub(crate) fn date_of(answer: &HttpResponse) -> Option<OffsetDateTime> {
    let text = answer.headers().get("date")?;
    let date = aws_smithy_types::DateTime::from_str(text, Format::HttpDate).ok()?;
    OffsetDateTime::from_unix_timestamp(date.secs()).ok()
}

/// An error and its causes in one line.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Many wrappers repeat the text of what they wrap.
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    cut(line)
}

fn cut(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}
