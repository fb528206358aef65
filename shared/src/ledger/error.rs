//! Why a ledger document could not be read or written.

use crate::storage::StoreError;
use crate::verdict::{Reason, Verdict};

/// A request of the ledger that failed. Nothing of it is known to have happened, and all of it may be tried again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// S3 refused or did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A change's object could not be looked at, so that nobody can tell where the change stands. Others of its batch go on.
    #[error("the object decides, and can't be looked at: {0}")]
    Unseen(#[source] StoreError),
    /// What lies there is no document of this kind. Somebody must look; nothing is written over it.
    #[error("{place}: not a ledger document: {reason}")]
    Damaged {
        /// The object.
        place: String,
        /// What is wrong with it; never its contents.
        reason: String,
    },
    /// A newer version of the program wrote it: this one must be replaced first.
    #[error("{place}: written in format {found}, and this program reads up to {known}")]
    Newer {
        /// The object.
        place: String,
        /// Its `"v"`.
        found: u32,
        /// The newest one that is known here.
        known: u32,
    },
    /// The document would grow beyond its bound. Nothing was written.
    #[error("{place}: {bytes} bytes, and a ledger document has at most {limit}")]
    TooLarge {
        /// The object.
        place: String,
        /// What it would have had, or has.
        bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// A change may be in more segments than one claim reads. Others of its batch go on.
    #[error("{place}: not read, for there are more segments of that time than one claim may read")]
    Unread {
        /// The newest of those that were left.
        place: String,
    },
    /// Others' writes always came first.
    #[error("{place}: others' writes always came first")]
    Contended {
        /// The object.
        place: String,
    },
    /// The answer has no `Date`, so that no lease can be judged by it.
    #[error("{place}: the answer has no date")]
    Undated {
        /// The object.
        place: String,
    },
}

impl LedgerError {
    /// A `Retry` where it is the ledger that needs time or somebody's hand: the record is as good as it was. What the
    /// record's own object refuses is judged like any other request for it, but never a `Skip`: the change was not settled.
    pub fn verdict(&self) -> Verdict {
        let code = match self {
            Self::Unseen(error) => match Verdict::of_error(error) {
                Verdict::Skip(reason) => return Verdict::Retry(reason, None),
                verdict => return verdict,
            },
            Self::Store(error) => match Verdict::of_error(error) {
                again @ Verdict::Retry(..) => return again,
                _ => "ledger-refused",
            },
            Self::Damaged { .. } => "ledger-damaged",
            Self::Newer { .. } => "ledger-newer",
            Self::TooLarge { .. } => "ledger-full",
            Self::Unread { .. } => "ledger-behind",
            Self::Contended { .. } => "contended",
            Self::Undated { .. } => "ledger-undated",
        };
        Verdict::Retry(Reason::new(code, self.to_string()), None)
    }
}
