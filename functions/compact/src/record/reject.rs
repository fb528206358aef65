//! Why a line is no record.

/// The reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The line is longer than the bound.
    #[error("longer than {} bytes", crate::lines::MAX_LINE)]
    TooLong,
    /// Two spaces in a row, or one at the end.
    #[error("an empty field")]
    EmptyField,
    /// The line ends before the 18th field does.
    #[error("fewer than 18 fields")]
    TooFewFields,
    /// The first field is longer than a canonical id.
    #[error("the bucket owner is longer than a canonical id")]
    BadBucketOwner,
    /// The third field is not `[06/Feb/2019:00:00:38 +0000]`, or no such time exists.
    #[error("the time is not [dd/Mon/yyyy:hh:mm:ss +0000]")]
    BadTime,
    /// The ninth field is neither quoted nor `-`.
    #[error("the request URI is neither quoted nor -")]
    BadRequestUri,
    /// No quote ends the ninth field.
    #[error("the request URI's closing quote is missing")]
    OpenRequestUri,
    /// Neither three digits nor `-`.
    #[error("the HTTP status is neither three digits nor -")]
    BadStatus,
    /// Bytes sent, object size, total time or turn-around time: neither digits of 64 bits nor `-`.
    #[error("a size or a time is neither a number nor -")]
    BadNumber,
    /// The 16th field is neither quoted nor `-`.
    #[error("the referrer is neither quoted nor -")]
    BadReferrer,
    /// The 17th field is neither quoted nor `-`, or not closed.
    #[error("the user agent is neither quoted nor -")]
    BadUserAgent,
    /// A quote behind an unquoted user agent: no such field may hold one.
    #[error("a quote in an unquoted field")]
    StrayQuote,
    /// A tab, a NUL, a `\r` or the like in a field that is not quoted.
    #[error("a control character in an unquoted field")]
    ControlCharacter,
    /// The line break between two records was lost.
    #[error("another record begins on the same line")]
    TwoRecords,
}

impl Reject {
    /// A short name that stays the same from release to release.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too-long",
            Self::EmptyField => "empty-field",
            Self::TooFewFields => "too-few-fields",
            Self::BadBucketOwner => "bad-bucket-owner",
            Self::BadTime => "bad-time",
            Self::BadRequestUri => "bad-request-uri",
            Self::OpenRequestUri => "open-request-uri",
            Self::BadStatus => "bad-status",
            Self::BadNumber => "bad-number",
            Self::BadReferrer => "bad-referrer",
            Self::BadUserAgent => "bad-user-agent",
            Self::StrayQuote => "stray-quote",
            Self::ControlCharacter => "control-character",
            Self::TwoRecords => "two-records",
        }
    }
}
