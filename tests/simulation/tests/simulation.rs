//! The functions in a simulated world, seed by seed.
#![expect(clippy::panic, reason = "a test that panics is a test that fails")]

use brigade_simulation::{
    Announcing, Compacting, Company, Forwarding, Keeping, Sabotage, Scenario, first_caught, search, simulate,
};

/// Seeds of an ordinary test run; `BRIGADE_SIMULATION_SEEDS` asks for more.
const SEEDS: u64 = 150;
/// Of worlds that take longer, or of which there is a larger one.
const FEWER: u64 = 50;

/// Every kind of fault that a search must have seen, and what else must have happened in it.
const KINDS: &[&str] = &[
    "acknowledgement lost",
    "body cut",
    "crash",
    "delete marker removed",
    "deployment",
    "event duplicated",
    "event reordered",
    "late landing",
    "late look",
    "message dead-lettered",
    "message redelivered",
    "re-sent",
    "reply lost",
    "send refused",
    "send reply lost",
    "throttled",
    "timeout",
    "unavailable",
    "version removed",
    "visibility refused",
];
/// Those of them that need no source.
const OF_REQUESTS: &[&str] = &[
    "acknowledgement lost",
    "body cut",
    "crash",
    "event duplicated",
    "event reordered",
    "late landing",
    "message redelivered",
    "re-sent",
    "reply lost",
    "throttled",
    "timeout",
    "unavailable",
];
/// What cleanup adds to them.
const OF_CLEANUP: &[&str] = &["publication refused", "publication's reply lost", "source announced again"];

/// What dedupe adds to them.
const OF_DEDUPE: &[&str] = &[
    "change forwarded again",
    "change refused for good",
    "duplicate dropped by FIFO",
    "entry refused",
    "head crowded",
    "marks sealed",
    "old event told again",
    "outage",
    "request to the target late",
    "request to the target lost",
    "request to the target refused",
    "send landed late",
    "shard split",
    "shard strained",
    "target's reply lost",
];

/// What compact adds to them.
const OF_COMPACT: &[&str] = &[
    "access-denied",
    "batch taken over",
    "claimed",
    "duplicate",
    "gone",
    "log object announced again",
    "log object deleted by somebody",
    "log object delivered",
    "log object denied",
    "part published",
];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn holds(name: &str, most: u64, scenario: impl Fn(u64) -> Scenario + Sync, kinds: &[&[&str]]) {
    let first = number("BRIGADE_SIMULATION_FIRST", 0);
    let seeds = first..first + number("BRIGADE_SIMULATION_SEEDS", most);
    let found = search(seeds, scenario);
    println!("{name}: {found}");
    assert!(found.first_wrong.is_none(), "{}", found.first_wrong.map(|report| report.explain()).unwrap_or_default());
    assert!(found.least_changes >= 20 && found.least_faults >= 5, "a run with too few changes or faults");
    let never: Vec<_> = kinds.concat().into_iter().filter(|kind| found.fired.get(*kind).is_none_or(|n| *n == 0)).collect();
    assert!(never.is_empty(), "never happened: {never:?}");
}

fn company_holds(company: Company, kinds: &[&[&str]]) {
    holds(&format!("{company:?}"), SEEDS, |seed| Scenario::of_seed(seed, company), kinds);
}

#[test]
fn thumbnail_holds_whatever_fails() {
    company_holds(Company::Thumbnail, &[KINDS]);
}

#[test]
fn thumbnail_and_cleanup_hold_whatever_fails() {
    company_holds(Company::Cleanup, &[KINDS, OF_CLEANUP]);
}

#[test]
fn they_and_compact_hold_whatever_fails() {
    // What is rare and no matter of compact's, the smaller companies show.
    holds("Compact", FEWER, |seed| Scenario::of_seed(seed, Company::Compact), &[OF_REQUESTS, OF_COMPACT]);
}

#[test]
fn compact_alone_holds_whatever_fails() {
    holds("compact alone", FEWER, Scenario::of_compact_alone, &[OF_REQUESTS, OF_COMPACT]);
}

#[test]
fn thumbnail_cleanup_and_dedupe_hold_whatever_fails() {
    company_holds(Company::Dedupe, &[KINDS, OF_CLEANUP, OF_DEDUPE]);
}

/// cleanup took back the withdrawn sidecar of a source that was rejected and had gone before it was parked: nobody parked it.
#[test]
fn a_rejected_source_that_was_withdrawn_is_parked_when_it_is_back() {
    for seed in [10_692, 11_813, 15_907] {
        let report = simulate(&Scenario::of_seed(seed, Company::Cleanup), None);
        assert!(report.divergences.is_empty(), "{}", report.explain());
    }
}

/// The largest company.
const ALL: Company = Company::Compact;

#[test]
fn a_world_without_faults_converges() {
    for seed in 0..20 {
        let report = simulate(&Scenario::of_seed(seed, ALL).without_faults(), None);
        assert!(report.divergences.is_empty(), "{}", report.explain());
    }
}

#[test]
fn crashes_and_duplicates_alone_do_no_harm() {
    for seed in 0..20 {
        let report = simulate(&Scenario::of_seed(seed, ALL).with_crashes_and_duplicates_only(), None);
        assert!(report.divergences.is_empty(), "{}", report.explain());
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [1, 2, 3, 5, 8] {
        let scenario = Scenario::of_seed(seed, ALL);
        let (first, second) = (simulate(&scenario, None), simulate(&scenario, None));
        assert!(first.timeline.len() > 100, "seed {seed} does too little");
        assert_eq!(first.timeline, second.timeline, "seed {seed}");
        assert_eq!(first.fired, second.fired, "seed {seed}");
    }
}

/// Within how many seeds each sabotage must show.
const SABOTAGE_SEEDS: u64 = 1000;

/// `by`: the invariants that may catch it, where they have names.
/// `from`: where seeds that show it are known to begin to come, if that is late.
fn is_caught(company: Company, sabotage: Sabotage, by: &[&str], from: u64) {
    let scenario = |seed| match company {
        Company::Compact => Scenario::of_compact_alone(seed),
        _ => Scenario::of_seed(seed, company),
    };
    let report = first_caught(from..from + SABOTAGE_SEEDS, scenario, sabotage, by);
    let report = report.unwrap_or_else(|| panic!("{sabotage:?} was not caught by {by:?} within {SABOTAGE_SEEDS} seeds"));
    println!("{sabotage:?} is caught by seed {}: {}", report.seed, report.divergences.join("; "));
}

macro_rules! sabotages {
    ($module:ident: $table:ident of $company:ident;
     $($name:ident: $kind:ident($sabotage:expr) $(by [$($invariant:literal),+])? $(from $seed:literal)?,)*) => {
        mod $module {
            use super::*;

            $(#[test] fn $name() {
                is_caught(Company::$company, Sabotage::$kind($sabotage), &[$($($invariant),+)?], 0 $(+ $seed)?);
            })*

            #[test]
            fn every_sabotage_is_in_the_table() {
                assert_eq!([$(Sabotage::$kind($sabotage)),*], Sabotage::$table);
            }
        }
    };
}

sabotages! { thumbnail: THUMBNAIL of Thumbnail;
    no_look_after_a_put_is_caught: Thumbnail(Keeping::NoLookAfterPut),
    no_look_after_a_delete_is_caught: Thumbnail(Keeping::NoLookAfterDelete),
    source_first_is_caught: Thumbnail(Keeping::SourceFirst),
    unconditional_writes_are_caught: Thumbnail(Keeping::Unconditional),
    a_refused_condition_taken_as_done_is_caught: Thumbnail(Keeping::RefusedIsDone),
    no_late_look_is_caught: Thumbnail(Keeping::NoLateLook),
    the_sidecar_as_the_only_test_is_caught: Thumbnail(Keeping::SidecarAlone),
    removal_of_own_writes_only_is_caught: Thumbnail(Keeping::OnlyOwnWrites),
}

sabotages! { cleanup: CLEANUP of Cleanup;
    no_look_after_a_removal_is_caught: Cleanup(Keeping::NoLookAfterDelete),
    source_first_is_caught: Cleanup(Keeping::SourceFirst),
    unconditional_removals_are_caught: Cleanup(Keeping::Unconditional),
    a_refused_condition_taken_as_done_is_caught: Cleanup(Keeping::RefusedIsDone),
    no_late_look_is_caught: Cleanup(Keeping::NoLateLook),
    looking_for_one_configuration_only_is_caught: Cleanup(Keeping::OneConfiguration),
    announcing_only_what_is_stale_is_caught: Announcing(Announcing::OnlyStale),
    announcing_only_what_is_missing_is_caught: Announcing(Announcing::OnlyMissing),
    announcing_upon_creations_is_caught: Announcing(Announcing::OfCreations),
}

sabotages! { dedupe: DEDUPE of Dedupe;
    no_nonce_is_caught: Dedupe(Forwarding::NoNonce) by ["own claim"],
    ending_a_claim_whatever_its_number_is_caught: Dedupe(Forwarding::NoToken) by ["newest"],
    an_older_change_that_takes_over_is_caught: Dedupe(Forwarding::OlderTakesOver) by ["order"],
    claims_by_identity_are_caught: Dedupe(Forwarding::ByIdentity) by ["order"],
    a_lease_that_is_too_short_is_caught: Dedupe(Forwarding::LeaseTooShort) by ["order"],
    not_looking_for_what_a_head_has_forgotten_is_caught: Dedupe(Forwarding::NoSegments) by ["order", "same id"] from 380,
}

/// The object was gone, as a removal of long ago had left it, and the head and the hour of that removal had forgotten the key:
/// it was taken for the newest, and forwarded after what had passed it. In the last one a put was overwritten with the same
/// bytes two seconds later.
#[test]
fn a_removal_that_is_told_again_when_the_head_has_forgotten_it_passes_nothing() {
    for seed in [387, 442, 44_853] {
        let report = simulate(&Scenario::of_seed(seed, Company::Dedupe), None);
        assert!(report.divergences.is_empty(), "{}", report.explain());
    }
}

/// The number on a claim is the second line: with it the newest change is forwarded even where leases don't hold.
#[test]
fn with_its_number_dedupe_forwards_the_newest_change_even_where_leases_do_not_hold() {
    let outlived = Sabotage::Dedupe(Forwarding::Outlived);
    let caught = first_caught(0..40, |seed| Scenario::of_seed(seed, Company::Dedupe), outlived, &[]);
    assert!(caught.is_none(), "{}", caught.map(|report| report.explain()).unwrap_or_default());
}

sabotages! { compact: COMPACT of Compact;
    no_claim_is_caught: Compacting(Compacting::NoClaim) by ["at-most-once"],
    reading_before_the_claim_is_caught: Compacting(Compacting::ReadBeforeClaim) by ["at-most-once"] from 400,
    regrouping_is_caught: Compacting(Compacting::Regroup) by ["at-most-once"] from 1200,
    deletion_before_the_commit_is_caught: Compacting(Compacting::DeleteBeforeCommit) by ["deleted-after-published", "raw-logs-stay"],
    a_commit_before_the_parts_is_caught: Compacting(Compacting::CommitBeforeParts) by ["deleted-after-published", "exactly-once"],
    forgetting_without_a_look_is_caught: Compacting(Compacting::ForgetWithoutLooking) by ["at-most-once"],
    acknowledging_others_claims_is_caught: Compacting(Compacting::AcknowledgeOthers) by ["exactly-once", "nothing-open"],
    overwriting_is_caught: Compacting(Compacting::Overwrite) by ["published-stays"] from 1200,
    leaving_out_what_is_denied_is_caught: Compacting(Compacting::DeniedIsGone) by ["deleted-after-published", "exactly-once", "seen-off"],
    finishing_a_batch_in_another_way_is_caught: Compacting(Compacting::WayOfNow) by ["at-most-once"] from 520,
    leaving_a_batch_that_is_being_published_is_caught: Compacting(Compacting::NoMark) by ["at-most-once"] from 120,
}
