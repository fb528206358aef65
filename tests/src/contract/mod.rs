//! The contract suite: S3's semantics as the workers rely on them, one small case each, for every store.
//!
//! A runner makes two fresh buckets, one with versioning enabled, and calls [`run`]. What a store is known to do
//! otherwise is listed as a [`Quirk`] with S3's documented behaviour; the suite runs it all the same, and a quirk that is
//! gone fails the run, so that the list can only shrink.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a case that panics is a case that fails")]

mod batch;
mod conditions;
mod copies;
mod keys;
mod listing;
mod multipart;
mod objects;
pub mod quirks;
mod reads;
mod tags;
mod versions;
mod world;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

pub use self::world::{Quirk, World};

/// A case: it panics where the store breaks the contract.
pub type CaseFn = for<'a> fn(&'a World<'a>) -> BoxFuture<'a, ()>;

macro_rules! cases {
    ($($module:ident: $($case:ident)*;)*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), |world| Box::pin($module::$case(world))),)*)*]
    };
}

/// All cases by name.
pub const CASES: &[(&str, CaseFn)] = cases! {
    objects: what_was_put_is_read an_empty_object_is_an_object a_large_body_streams identical_bytes_have_one_etag
        metadata_round_trips content_type_and_cache_control_round_trip a_storage_class_is_kept_and_listed
        an_archived_object_has_a_head_but_no_body the_checksum_is_of_the_full_object a_missing_key_is_not_found
        a_missing_bucket_is_told_from_a_missing_key removing_what_is_absent_succeeds an_unversioned_object_has_no_version;
    reads: a_range_is_a_part_of_the_body a_range_outside_is_refused a_read_condition_holds_or_says_which
        every_answer_tells_the_servers_date;
    conditions: one_of_eight_creators_wins if_absent_is_refused_over_an_object if_absent_holds_over_a_delete_marker
        if_match_holds_for_the_current_etag if_match_is_refused_for_a_stale_etag if_match_on_what_is_gone_is_not_found
        if_match_over_a_delete_marker_is_not_found a_conditional_removal_needs_the_current_etag
        a_conditional_removal_of_what_is_absent_fails;
    versions: each_write_is_a_version a_removal_leaves_a_marker_that_can_be_undone a_version_can_be_removed_for_good
        a_marker_has_no_content an_unknown_version_is_not_found versions_are_listed_by_two
        versions_are_rolled_up_at_a_delimiter;
    listing: keys_come_in_byte_order pages_of_two_hold_every_key_once a_delimiter_rolls_up_across_pages
        a_listing_begins_after_a_key a_prefix_is_no_folder an_empty_listing_is_a_page;
    keys: strange_keys_round_trip strange_keys_are_listed the_longest_key_is_1024_bytes;
    tags: tags_come_with_a_put tags_are_replaced_and_removed tags_belong_to_a_version tags_of_what_is_absent_are_not_found
        too_many_tags_are_refused;
    copies: a_copy_keeps_metadata_and_tags a_copy_can_replace_everything a_copy_onto_itself_changes_the_class
        a_copy_onto_itself_without_a_change_is_refused a_copy_of_a_version_brings_it_back
        a_copy_needs_its_source_unchanged a_copy_needs_its_destination_as_expected a_copy_of_what_is_absent_is_not_found;
    multipart: parts_become_one_object a_small_part_is_only_allowed_at_the_end an_upload_keeps_its_options
        parts_must_exist_and_be_in_order a_conditional_completion_has_one_winner
        a_completion_that_expects_an_etag_is_refused_when_stale an_aborted_upload_is_gone unfinished_uploads_are_listed;
    batch: a_batch_removal_answers_each_key_in_order a_batch_removal_removes_versions
        a_batch_removal_in_a_missing_bucket_fails_as_a_whole too_many_removals_are_refused;
};

/// No case needs this long on any store; one that does has hung.
const CASE_LIMIT: Duration = Duration::from_secs(120);

/// How the cases ended.
#[derive(Debug, Default)]
pub struct Report {
    /// Held.
    pub passed: Vec<&'static str>,
    /// Did not hold, as a quirk says.
    pub quirks: Vec<&'static str>,
    /// Did not hold, or a quirk is not true (any more), or names no case.
    pub failed: Vec<String>,
}

/// Runs every case and prints it by name. The caller asserts that `failed` is empty.
pub async fn run(world: &World<'_>) -> Report {
    let mut report = Report::default();
    for (name, case) in CASES {
        let caught = tokio::time::timeout(CASE_LIMIT, AssertUnwindSafe(case(world)).catch_unwind()).await;
        let held = matches!(caught, Ok(Ok(())));
        match (held, world.quirks.iter().find(|quirk| quirk.case == *name)) {
            (true, None) => {
                println!("ok     {name}");
                report.passed.push(name);
            }
            (false, Some(quirk)) => {
                println!("quirk  {name}: S3: {}; here: {}", quirk.documented, quirk.here);
                report.quirks.push(name);
            }
            (false, None) => {
                println!("FAILED {name}");
                report.failed.push((*name).to_owned());
            }
            (true, Some(quirk)) => {
                println!("FAILED {name}: it holds now, remove the quirk {:?}", quirk.here);
                report.failed.push(format!("{name}: stale quirk"));
            }
        }
    }
    let unknown = world.quirks.iter().filter(|quirk| CASES.iter().all(|(name, _)| *name != quirk.case));
    report.failed.extend(unknown.map(|quirk| format!("{}: a quirk of no case", quirk.case)));
    report
}
