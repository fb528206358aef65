//! What thumbnail and cleanup share.
