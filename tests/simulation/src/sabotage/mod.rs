//! The protocols with one condition removed: what the simulator is there to catch.
//!
//! The product's code has no switches for this. What stands before the worker (its store, its topic) lies about what the
//! missing condition would have shown, and the worker does what it would do without that condition.

mod announcing;
mod compacting;
mod forwarding;
mod keeping;

pub(crate) use announcing::{AsRemovals, Reticent};
pub(crate) use compacting::Tampered;
pub(crate) use forwarding::{ByIdentity, Lies};
pub(crate) use keeping::{Sabotaged, Saboteur};

/// A condition that is removed, and of which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// thumbnail, in the loop that makes derived objects.
    Thumbnail(Keeping),
    /// cleanup, in the same loop.
    Cleanup(Keeping),
    /// cleanup, in what it announces.
    Announcing(Announcing),
    /// dedupe, in its ledger.
    Dedupe(Forwarding),
    /// compact.
    Compacting(Compacting),
}

/// A condition of the loop that makes derived objects what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// After a PUT, the source is not looked at again.
    NoLookAfterPut,
    /// After a pass that only removed, the source is not looked at again.
    NoLookAfterDelete,
    /// The source is looked at before the derived objects.
    SourceFirst,
    /// What is written and removed carries no condition.
    Unconditional,
    /// A condition that does not hold is taken as "somebody else did it", also where it was the worker's own first attempt.
    RefusedIsDone,
    /// No key is queued for a late look.
    NoLateLook,
    /// A sidecar of the current source is believed without looking at the outputs.
    SidecarAlone,
    /// When the source is gone, only what this worker wrote itself goes.
    OnlyOwnWrites,
    /// Only what the first configuration names is looked for.
    OneConfiguration,
}

/// A condition of cleanup's announcements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcing {
    /// A source without derived objects is not announced, only one whose are stale.
    OnlyStale,
    /// A source with stale derived objects is not announced, only one without any.
    OnlyMissing,
    /// cleanup is told of creations, too, and looks at them as it does at removals.
    OfCreations,
}

/// A guard of dedupe's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Neither a write nor a claim is known as one's own, when its reply was lost.
    NoNonce,
    /// A claim is ended whatever its number. While leases hold, nobody can meet another's claim at the end of his own; so
    /// they don't, here.
    NoToken,
    /// Whatever lies there, a claim whose lease has run out is taken over: also a newer change's by an older one.
    OlderTakesOver,
    /// Changes are claimed by identity and not by key.
    ByIdentity,
    /// A lease is a minute too short: every other invocation's clock is so far ahead.
    LeaseTooShort,
    /// What a head has forgotten is not looked for in sealed segments.
    NoSegments,
    /// The same as [`Forwarding::LeaseTooShort`], and only that the newest change is forwarded is asked: what
    /// [`Forwarding::NoToken`] is compared with.
    Outlived,
}

/// A guard of compact's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compacting {
    /// Nobody sees another's claim.
    NoClaim,
    /// Log objects are read when the ledger is, before the claim, while what is done and gone is forgotten.
    ReadBeforeClaim,
    /// A batch that misses a log object publishes the rest under another name.
    Regroup,
    /// A log object is deleted as soon as it is read.
    DeleteBeforeCommit,
    /// The batch is done before its parts are written.
    CommitBeforeParts,
    /// Done log objects are forgotten although they are there.
    ForgetWithoutLooking,
    /// What another has claimed is acknowledged.
    AcknowledgeOthers,
    /// Parts are written without a condition.
    Overwrite,
    /// A log object that may not be read is left out as one that is gone.
    DeniedIsGone,
    /// A batch is finished as is configured by now, and not as it was begun.
    WayOfNow,
    /// That a batch is being published is forgotten, so that a log object may leave it.
    NoMark,
}

impl Sabotage {
    /// All of thumbnail's.
    pub const THUMBNAIL: [Self; 8] = [
        Self::Thumbnail(Keeping::NoLookAfterPut),
        Self::Thumbnail(Keeping::NoLookAfterDelete),
        Self::Thumbnail(Keeping::SourceFirst),
        Self::Thumbnail(Keeping::Unconditional),
        Self::Thumbnail(Keeping::RefusedIsDone),
        Self::Thumbnail(Keeping::NoLateLook),
        Self::Thumbnail(Keeping::SidecarAlone),
        Self::Thumbnail(Keeping::OnlyOwnWrites),
    ];

    /// All of cleanup's. It makes nothing, so what concerns making has no place here.
    pub const CLEANUP: [Self; 9] = [
        Self::Cleanup(Keeping::NoLookAfterDelete),
        Self::Cleanup(Keeping::SourceFirst),
        Self::Cleanup(Keeping::Unconditional),
        Self::Cleanup(Keeping::RefusedIsDone),
        Self::Cleanup(Keeping::NoLateLook),
        Self::Cleanup(Keeping::OneConfiguration),
        Self::Announcing(Announcing::OnlyStale),
        Self::Announcing(Announcing::OnlyMissing),
        Self::Announcing(Announcing::OfCreations),
    ];

    /// All of dedupe's.
    pub const DEDUPE: [Self; 6] = [
        Self::Dedupe(Forwarding::NoNonce),
        Self::Dedupe(Forwarding::NoToken),
        Self::Dedupe(Forwarding::OlderTakesOver),
        Self::Dedupe(Forwarding::ByIdentity),
        Self::Dedupe(Forwarding::LeaseTooShort),
        Self::Dedupe(Forwarding::NoSegments),
    ];

    /// All of compact's.
    pub const COMPACT: [Self; 11] = [
        Self::Compacting(Compacting::NoClaim),
        Self::Compacting(Compacting::ReadBeforeClaim),
        Self::Compacting(Compacting::Regroup),
        Self::Compacting(Compacting::DeleteBeforeCommit),
        Self::Compacting(Compacting::CommitBeforeParts),
        Self::Compacting(Compacting::ForgetWithoutLooking),
        Self::Compacting(Compacting::AcknowledgeOthers),
        Self::Compacting(Compacting::Overwrite),
        Self::Compacting(Compacting::DeniedIsGone),
        Self::Compacting(Compacting::WayOfNow),
        Self::Compacting(Compacting::NoMark),
    ];

    /// Late looks of this function are lost.
    pub(super) fn loses_late_looks_of(self, function: &str) -> bool {
        match self {
            Self::Thumbnail(Keeping::NoLateLook) => function == "thumbnail",
            Self::Cleanup(Keeping::NoLateLook) => function == "cleanup",
            _ => false,
        }
    }
}
