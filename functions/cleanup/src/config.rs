//! The function's own variables.

use brigade::config::{Common, Environment, Fallback, Mistakes, Place, Reader, Span, Variable, parse_count, read};
use brigade::derived::Template;
use brigade::worker::topic::parse_topic_arn;

const OUTPUT: Variable = Variable {
    name: "BRIGADE_OUTPUT",
    meaning: "comma list of the templates that other functions write to; nothing outside of them is touched",
    fallback: Fallback::Required,
    example: "s3://DERIVED/thumbnails/{bucket}/{key}/{size}.{ext}",
};
const ON_DELETE: Variable = Variable {
    name: "BRIGADE_ON_DELETE",
    meaning: "delete, or tag: keep what has no source, tagged brigade-state=withdrawn for a lifecycle rule to remove",
    fallback: Fallback::Value("delete"),
    example: "tag",
};
const NONCURRENT: Variable = Variable {
    name: "BRIGADE_NONCURRENT",
    meaning: "keep, or delete: remove also the older versions of what has no source, in a versioned bucket, for good",
    fallback: Fallback::Value("keep"),
    example: "delete",
};
const ANNOUNCE: Variable = Variable {
    name: "BRIGADE_ANNOUNCE",
    meaning: "ARN of the topic that is told of sources whose derived objects are missing or stale, to have them made",
    fallback: Fallback::Unset("none: such a source is parked"),
    example: "arn:aws:sns:eu-west-1:123456789012:photos",
};
const MAX_DELETES: Variable = Variable {
    name: "BRIGADE_MAX_DELETES",
    meaning: "derived objects that one sweep may remove; above it nothing is removed",
    fallback: Fallback::Value("1000"),
    example: "100k",
};

/// The function's part of `BRIGADE_STATE`, in its first format.
const FOLDER: &str = "cleanup/v1/";

/// The function's own variables; [`brigade::config::COMMON`] ones come beside them.
pub const VARIABLES: &[Variable] = &[OUTPUT, ON_DELETE, NONCURRENT, ANNOUNCE, MAX_DELETES];

/// What happens to derived objects whose source is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// They are removed.
    Delete,
    /// They are withdrawn: nobody takes them for current any more, and a lifecycle rule removes them later.
    Tag,
}

/// What happens to their older versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noncurrent {
    /// Nothing: a lifecycle rule of the bucket's sees to them, or nobody.
    Keep,
    /// They are removed for good, delete markers too.
    Delete,
}

/// The configuration of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every function has.
    pub common: Common,
    /// Where derived objects are: at least one, no two the same.
    pub templates: Vec<Template>,
    /// What happens to derived objects whose source is gone.
    pub on_delete: OnDelete,
    /// What happens to their older versions.
    pub noncurrent: Noncurrent,
    /// The topic for rebuilds.
    pub announce: Option<String>,
    /// The brake of a sweep.
    pub max_deletes: u64,
    /// The function's folder of `BRIGADE_STATE`, where a sweep that had no time keeps where it ended.
    pub state: Option<Place>,
}

impl Config {
    /// Reads the configuration, or reports every mistake in it.
    pub fn read(environment: &Environment) -> Result<Self, Mistakes> {
        read(environment, VARIABLES, Self::read_from)
    }

    fn read_from(reader: &mut Reader<'_>, common: Option<Common>) -> Option<Self> {
        let templates = reader.value(&OUTPUT, parse_templates);
        let on_delete = reader.choice(&ON_DELETE, &[("delete", OnDelete::Delete), ("tag", OnDelete::Tag)]);
        let noncurrent = reader.choice(&NONCURRENT, &[("keep", Noncurrent::Keep), ("delete", Noncurrent::Delete)]);
        let announce = reader.optional(&ANNOUNCE, parse_topic_arn);
        let max_deletes = reader.value(&MAX_DELETES, parse_count);
        let state = common.as_ref().and_then(|common| common.state.as_ref()).map(|state| state.folder(FOLDER));
        let config = Self {
            common: common?,
            templates: templates?,
            on_delete: on_delete?,
            noncurrent: noncurrent?,
            announce: announce?,
            max_deletes: max_deletes?,
            state,
        };
        config.refuse(reader);
        Some(config)
    }

    /// What only shows in the light of several variables.
    fn refuse(&self, reader: &mut Reader<'_>) {
        let input = &self.common.input;
        for (template, span) in self.templates.iter().filter_map(|template| Some((template, template.meets(input)?))) {
            let problem = format!(
                "{template} could match BRIGADE_INPUT's {span}: a source could be taken for an output, and removed; \
                 use another bucket or prefix"
            );
            reader.mistake(OUTPUT.name, problem);
        }
        if let Some(problem) = self.state.as_ref().and_then(|state| state.refusal(input, "")) {
            reader.mistake("BRIGADE_STATE", problem);
        }
        let among = |state: &&Place| self.templates.iter().find(|template| has_among(template, input, state));
        if let Some((state, template)) = self.state.as_ref().and_then(|state| Some((state, among(&state)?))) {
            let problem = format!(
                "{state} lies among the derived objects of {template}: a sweep could take its own place for one of them; use \
                 another bucket or prefix"
            );
            reader.mistake("BRIGADE_STATE", problem);
        }
        if self.on_delete == OnDelete::Tag && self.noncurrent == Noncurrent::Delete {
            let problem = "delete goes with BRIGADE_ON_DELETE=delete; with tag, let the lifecycle rule that removes what is \
                           tagged remove noncurrent versions too";
            reader.mistake(NONCURRENT.name, problem);
        }
    }
}

/// Some derived object of the template's could lie below the place. Errs to the side of yes.
fn has_among(template: &Template, input: &[Span], place: &Place) -> bool {
    let meet = |root: String| root.starts_with(&place.prefix) || place.prefix.starts_with(&root);
    place.bucket == *template.bucket() && input.iter().any(|span| meet(template.root(span.bucket())))
}

fn parse_templates(text: &str) -> Result<Vec<Template>, String> {
    let templates = text.split(',').map(|part| Template::parse(part.trim())).collect::<Result<Vec<_>, _>>()?;
    let twice =
        templates.iter().enumerate().find(|(n, one)| templates.iter().take(*n).any(|other| other.shares_directories(one)));
    match twice {
        Some((_, template)) => {
            Err(format!("names the place of {template} twice; one template stands for all sizes and formats of it"))
        }
        None => Ok(templates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: (&str, &str) = ("BRIGADE_INPUT", "s3://photos/uploads/*");
    const DERIVED: (&str, &str) = ("BRIGADE_OUTPUT", "s3://derived/thumbnails/{bucket}/{key}/{size}.{ext}");

    fn read(pairs: &[(&str, &str)]) -> Result<Config, Mistakes> {
        Config::read(&pairs.iter().copied().collect())
    }

    #[test]
    fn input_and_output_are_enough() {
        let config = read(&[INPUT, DERIVED]).unwrap();
        assert_eq!((config.on_delete, config.noncurrent), (OnDelete::Delete, Noncurrent::Keep));
        assert_eq!((config.announce, config.max_deletes), (None, 1000));
    }

    #[test]
    fn several_functions_outputs_may_be_in_several_buckets() {
        let two = "s3://derived/t/{bucket}/{key}/{size}.{ext}, s3://more/{bucket}/{key}/{size}";
        assert_eq!(read(&[INPUT, ("BRIGADE_OUTPUT", two)]).unwrap().templates.len(), 2);
    }

    #[test]
    fn a_template_that_could_match_a_source_is_refused() {
        let same = ("BRIGADE_OUTPUT", "s3://photos/uploads/t/{bucket}/{key}/{size}.{ext}");
        insta::assert_snapshot!(read(&[INPUT, same]).unwrap_err(), @"
        the configuration has 1 mistake:
          BRIGADE_OUTPUT: s3://photos/uploads/t/{bucket}/{key}/{size}.{ext} could match BRIGADE_INPUT's s3://photos/uploads/*: a source could be taken for an output, and removed; use another bucket or prefix
        ");
    }

    #[test]
    fn the_state_lies_outside_of_the_input() {
        let state = |place| read(&[INPUT, DERIVED, ("BRIGADE_STATE", place)]);
        assert_eq!(state("s3://state/brigade").unwrap().state.unwrap().to_string(), "s3://state/brigade/cleanup/v1/");
        let mistakes = state("s3://photos/uploads/state").unwrap_err();
        assert_eq!((mistakes.0.len(), mistakes.0[0].name.as_str()), (1, "BRIGADE_STATE"), "{mistakes}");
    }

    #[test]
    fn the_state_lies_outside_of_the_derived_objects() {
        for (place, refused) in [
            ("s3://derived/thumbnails/photos", true),
            ("s3://derived/thumbnails/photos/a/b", true),
            ("s3://derived/thumbnails/other", false),
            ("s3://derived/thumbnails", false),
            ("s3://derived", false),
        ] {
            let read = read(&[INPUT, DERIVED, ("BRIGADE_STATE", place)]);
            let mistakes = read.as_ref().err().map(|mistakes| mistakes.0[0].problem.contains("among the derived objects"));
            assert_eq!(mistakes, refused.then_some(true), "{place}: {read:?}");
        }
    }

    #[test]
    fn every_mistake_is_reported() {
        let pairs = [
            INPUT,
            ("BRIGADE_OUTPUT", "s3://d/t/{bucket}/{key}/{size}.jpg,s3://d/t/{bucket}/{key}/{size}.png"),
            ("BRIGADE_ON_DELETE", "remove"),
            ("BRIGADE_NONCURRENT", "yes"),
            ("BRIGADE_ANNOUNCE", "arn:aws:sqs:eu-west-1:123456789012:q"),
            ("BRIGADE_MAX_DELETES", "many"),
            ("BRIGADE_SIZES", "64"),
        ];
        insta::assert_snapshot!(read(&pairs).unwrap_err(), @r#"
        the configuration has 6 mistakes:
          BRIGADE_SIZES: is not a variable of this function
          BRIGADE_OUTPUT: names the place of s3://d/t/{bucket}/{key}/{size}.png twice; one template stands for all sizes and formats of it
          BRIGADE_ON_DELETE: expected delete or tag, not "remove"
          BRIGADE_NONCURRENT: expected keep or delete, not "yes"
          BRIGADE_ANNOUNCE: expected a topic's ARN, such as arn:aws:sns:eu-west-1:123456789012:photos, not "arn:aws:sqs:eu-west-1:123456789012:q"
          BRIGADE_MAX_DELETES: expected a whole number, such as 1000 or 100M, not "many"
        "#);
    }

    #[test]
    fn a_tag_leaves_older_versions_to_the_rule_that_acts_on_it() {
        let mistakes = read(&[INPUT, DERIVED, ("BRIGADE_ON_DELETE", "tag"), ("BRIGADE_NONCURRENT", "delete")]).unwrap_err();
        assert_eq!(mistakes.0.len(), 1, "{mistakes}");
        assert_eq!(mistakes.0[0].name, "BRIGADE_NONCURRENT");
    }
}
