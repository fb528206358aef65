//! One line per configuration that S3 takes or refuses.

use super::*;

const CREATED: &str = "s3:ObjectCreated:*";
const PUT: &str = "s3:ObjectCreated:Put";
const COPY: &str = "s3:ObjectCreated:Copy";
const REMOVED: &str = "s3:ObjectRemoved:*";

/// A queue's rule from its events, prefix and suffix; an empty one is left out.
fn draft(events: &[&str], prefix: &str, suffix: &str) -> Draft {
    let mut filter = Vec::new();
    if !prefix.is_empty() {
        filter.push(("prefix".to_owned(), prefix.to_owned()));
    }
    if !suffix.is_empty() {
        filter.push(("Suffix".to_owned(), suffix.to_owned()));
    }
    Draft {
        id: None,
        destination: Destination::Queue("arn:aws:sqs:us-east-1:000000000000:q".to_owned()),
        events: events.iter().map(|e| (*e).to_owned()).collect(),
        filter,
    }
}

fn check(drafts: Vec<Draft>) -> Result<Configuration, ConfigurationError> {
    let mut n = 0;
    Configuration::new(drafts, false, || {
        n += 1;
        format!("id-{n}")
    })
}

type Case<'a> = (&'a [&'a str], &'a str, &'a str, &'a [&'a str], &'a str, &'a str, &'a str);

#[test]
fn two_rules_conflict_where_a_change_could_match_both() {
    let (ok, overlap, ambiguous) = ("", "Configurations overlap.", "Configuration is ambiguously defined.");
    // events, prefix, suffix of the one and of the other; what S3 says
    let cases: &[Case] = &[
        (&[CREATED], "", "", &[REMOVED], "", "", ok),
        (&[CREATED], "", "", &[CREATED], "", "", overlap),
        (&[CREATED], "", "", &[PUT], "", "", overlap),
        (&[PUT], "", "", &[COPY], "", "", ok),
        (&[PUT, REMOVED], "", "", &[COPY, "s3:ObjectRemoved:Delete"], "", "", overlap),
        (&[CREATED], "images/", "", &[CREATED], "logs/", "", ok),
        (&[CREATED], "images/", "", &[CREATED], "images/cats/", "", ambiguous),
        (&[CREATED], "images/", "", &[CREATED], "", "", ambiguous),
        (&[CREATED], "", ".jpg", &[CREATED], "", ".png", ok),
        (&[CREATED], "", "jpg", &[CREATED], "", "pg", ambiguous),
        (&[CREATED], "", ".jpg", &[CREATED], "images/", "", ambiguous),
        (&[CREATED], "images/", ".jpg", &[CREATED], "images/", ".png", ok),
        (&[CREATED], "images/", ".jpg", &[CREATED], "logs/", ".jpg", ok),
        (&[CREATED], "images/", ".jpg", &[CREATED], "images/", ".jpg", ambiguous),
        (&[CREATED], "images/", ".jpg", &[REMOVED], "images/", ".jpg", ok),
        (&[CREATED], "a+b/", "", &[CREATED], "a%20b/", "", ambiguous),
        (&[CREATED], "a+b/", "", &[CREATED], "a%2Bb/", "", ok),
    ];
    for (events, prefix, suffix, others, other_prefix, other_suffix, expected) in cases {
        let result = check(vec![draft(events, prefix, suffix), draft(others, other_prefix, other_suffix)]);
        let said = result.err().map(|e| e.message).unwrap_or_default();
        let situation = format!("{events:?} {prefix:?} {suffix:?} / {others:?} {other_prefix:?} {other_suffix:?}: {said:?}");
        assert_eq!(said.is_empty(), expected.is_empty(), "{situation}");
        assert!(said.starts_with(expected), "{situation}");
    }
}

#[test]
fn a_rule_is_refused_for_itself() {
    let at = |arn: &str| Draft { destination: Destination::Queue(arn.to_owned()), ..draft(&[PUT], "", "") };
    let topic = |arn: &str| Draft { destination: Destination::Topic(arn.to_owned()), ..draft(&[PUT], "", "") };
    let filtered = |pairs: &[(&str, &str)]| {
        let filter = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Draft { filter, ..draft(&[PUT], "", "") }
    };
    let long = "é".repeat(513);
    let cases: Vec<(Draft, &str)> = vec![
        (draft(&["s3:ObjectCreated:*", PUT], "", ""), "Configurations overlap."),
        (draft(&[PUT, PUT], "", ""), "Configurations overlap."),
        (draft(&[], "", ""), "A specified event is not supported"),
        (draft(&["s3:ObjectEaten:*"], "", ""), "A specified event is not supported"),
        (draft(&["ObjectCreated:Put"], "", ""), "A specified event is not supported"),
        (filtered(&[("prefix", "a"), ("Prefix", "b")]), "Cannot specify more than one prefix rule in a filter."),
        (filtered(&[("suffix", "a"), ("suffix", "a")]), "Cannot specify more than one suffix rule in a filter."),
        (filtered(&[("infix", "a")]), "filter rule name must be either prefix or suffix"),
        (filtered(&[("prefix", &long)]), "Size of filter rule value cannot exceed 1024 bytes"),
        (at("arn:aws:sqs:us-east-1:000000000000:q.fifo"), "FIFO SQS queues are not supported."),
        (topic("arn:aws:sns:us-east-1:000000000000:t.fifo"), "FIFO SNS topics are not supported."),
        (at("arn:aws:sns:us-east-1:000000000000:t"), "The ARN is not well formed"),
        (at("arn:aws:sqs:us-east-1::q"), "The ARN is not well formed"),
        (at("q"), "The ARN is not well formed"),
        (Draft { id: Some("x".repeat(256)), ..draft(&[PUT], "", "") }, "The ID length cannot exceed 255"),
    ];
    for (draft, expected) in cases {
        let error = check(vec![draft.clone()]).expect_err(expected);
        assert!(error.message.starts_with(expected), "{draft:?}: {error}");
        assert_eq!(error.code, "InvalidArgument");
    }
}

#[test]
fn ids_are_kept_or_assigned_and_unique() {
    let with = |id: &str, event: &str| Draft { id: Some(id.to_owned()), ..draft(&[event], "", "") };
    let twice = check(vec![with("a", PUT), with("a", COPY)]).expect_err("twice the same id");
    assert_eq!(twice.message, "Same ID used for multiple configurations. IDs must be unique.");
    let mixed = check(vec![with("a", PUT), with("", COPY)]).expect("one given, one assigned");
    assert_eq!(mixed.rules().iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["a", "id-1"]);
}

#[test]
fn a_hundred_rules_and_no_more() {
    let rules = |n: usize| (0..n).map(|i| draft(&[CREATED], &format!("{i:03}/"), "")).collect::<Vec<_>>();
    assert_eq!(check(rules(MAX_RULES)).expect("a hundred").rules().len(), MAX_RULES);
    assert_eq!(check(rules(MAX_RULES + 1)).expect_err("one more").code, "InvalidRequest");
}
