//! The declaration of one variable.

/// One `BRIGADE_*` variable, as users see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Such as `BRIGADE_INPUT`.
    pub name: &'static str,
    /// What it means, in one sentence without a full stop.
    pub meaning: &'static str,
    /// What holds where it is not set.
    pub fallback: Fallback,
    /// A value to copy.
    pub example: &'static str,
}

/// What holds where a variable is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The function does not start.
    Required,
    /// The feature is off; the text says what that means.
    Unset(&'static str),
    /// This value.
    Value(&'static str),
    /// A value that is computed; the text says from what.
    Computed(&'static str),
}

impl Fallback {
    /// The default as tables show it.
    pub fn describe(self) -> String {
        match self {
            Self::Required => "required".to_owned(),
            Self::Unset(text) | Self::Computed(text) => text.to_owned(),
            Self::Value(value) => format!("`{value}`"),
        }
    }
}
