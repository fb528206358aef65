//! The function's own variables.

use brigade::budget::Memory;
use brigade::config::{Common, Environment, Fallback, Mistakes, Reader, Variable, choice, parse_bytes, parse_count, read};
use brigade::derived::{ConfigId, Template};

use crate::pixels::{Enlarge, Fit, Format, Limits, SIZE_RANGE, Settings};

const OUTPUT: Variable = Variable {
    name: "BRIGADE_OUTPUT",
    meaning: "template of the outputs' places; {version} in its last segment gives versioned names",
    fallback: Fallback::Required,
    example: "s3://DERIVED/thumbnails/{bucket}/{key}/{size}.{ext}",
};
/// `BRIGADE_SIZES`.
pub const SIZES: Variable = Variable {
    name: "BRIGADE_SIZES",
    meaning: "comma list of edge lengths in pixels, 1 to 8192, at most 16 of them",
    fallback: Fallback::Value("128,256,512"),
    example: "64,1024",
};
/// `BRIGADE_FIT`.
pub const FIT: Variable = Variable {
    name: "BRIGADE_FIT",
    meaning: "inside (ratio kept), cover (square, centre cropped) or contain (square, padded)",
    fallback: Fallback::Value("inside"),
    example: "cover",
};
/// `BRIGADE_FORMAT`.
pub const FORMAT: Variable = Variable {
    name: "BRIGADE_FORMAT",
    meaning: "auto (PNG if the picture has alpha, else JPEG), jpeg, png or webp (lossless)",
    fallback: Fallback::Value("auto"),
    example: "webp",
};
/// `BRIGADE_QUALITY`.
pub const QUALITY: Variable =
    Variable { name: "BRIGADE_QUALITY", meaning: "JPEG quality, 1 to 100", fallback: Fallback::Value("80"), example: "90" };
/// `BRIGADE_ENLARGE`.
pub const ENLARGE: Variable = Variable {
    name: "BRIGADE_ENLARGE",
    meaning: "never (a smaller source keeps its size) or always",
    fallback: Fallback::Value("never"),
    example: "always",
};
const CACHE_CONTROL: Variable = Variable {
    name: "BRIGADE_CACHE_CONTROL",
    meaning: "Cache-Control of the outputs",
    fallback: Fallback::Computed("`public, max-age=86400`; with `, immutable` where names are versioned"),
    example: "private, max-age=60",
};
/// `BRIGADE_LIMITS`.
pub const LIMITS: Variable = Variable {
    name: "BRIGADE_LIMITS",
    meaning: "what a source may cost: bytes, pixels, frames, memory (auto: what the function's memory size leaves)",
    fallback: Fallback::Value("bytes=100MB,pixels=100M,frames=1000,memory=auto"),
    example: "bytes=20MB,pixels=50M",
};
const GENERATION: Variable = Variable {
    name: "BRIGADE_GENERATION",
    meaning: "raise it with each change of the variables above: while two versions run, the lower one yields",
    fallback: Fallback::Value("1"),
    example: "2",
};

/// The function's own variables; [`brigade::config::COMMON`] ones come beside them.
pub const VARIABLES: &[Variable] = &[OUTPUT, SIZES, FIT, FORMAT, QUALITY, ENLARGE, CACHE_CONTROL, LIMITS, GENERATION];

/// Raised when a release makes other bytes of the same source and settings.
const PIPELINE: u32 = 2;
/// Sizes that one source may have.
const MAX_SIZES: usize = 16;
/// What the process itself needs: code, clients, buffers.
const PROCESS: u64 = 48 << 20;
/// The least that is left for pictures, however small the function.
const LEAST: u64 = 16 << 20;

/// The configuration of one process.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every function has.
    pub common: Common,
    /// Where outputs go.
    pub template: Template,
    /// What is made of a picture.
    pub settings: Settings,
    /// Of the outputs.
    pub cache_control: String,
    /// The part that outputs depend on.
    pub id: ConfigId,
}

impl Config {
    /// Reads the configuration, or reports every mistake in it.
    pub fn read(environment: &Environment) -> Result<Self, Mistakes> {
        read(environment, VARIABLES, Self::read_from)
    }

    /// The bound on what the pictures in flight hold together.
    pub fn memory(&self) -> Memory {
        Memory::new(for_pictures(self.common.memory))
    }

    fn read_from(reader: &mut Reader<'_>, common: Option<Common>) -> Option<Self> {
        // Without the common part there are mistakes already; the rest is still read, so that its mistakes show too.
        let memory = common.as_ref().map_or(u64::MAX, |common| for_pictures(common.memory));
        let template = reader.value(&OUTPUT, Template::parse);
        let sizes = reader.value(&SIZES, parse_sizes);
        let fit = reader.value(&FIT, parse_fit);
        let format = reader.value(&FORMAT, parse_format);
        let quality = reader.value(&QUALITY, parse_quality);
        let enlarge = reader.value(&ENLARGE, parse_enlarge);
        let limits = reader.value(&LIMITS, |text| parse_limits(text, memory));
        let cache_control = reader.optional(&CACHE_CONTROL, parse_header);
        let generation = reader.value(&GENERATION, parse_generation);
        let settings =
            Settings { sizes: sizes?, fit: fit?, format: format?, quality: quality?, enlarge: enlarge?, limits: limits? };
        let template = template?;
        let cache_control = cache_control?.unwrap_or_else(|| usual_cache_control(template.is_versioned()));
        let id = ConfigId::new(generation?, &format!("{PIPELINE} {template} {cache_control} {settings:?}"));
        let config = Self { common: common?, template, settings, cache_control, id };
        config.refuse_loops(reader);
        Some(config)
    }

    /// The proof that the function can't trigger itself: no output can lie in the input.
    fn refuse_loops(&self, reader: &mut Reader<'_>) {
        if let Some(span) = self.template.meets(&self.common.input) {
            let problem = format!(
                "{} could match BRIGADE_INPUT's {span}: the function would trigger itself; use another bucket or prefix",
                self.template
            );
            reader.mistake(OUTPUT.name, problem);
        }
    }
}

fn for_pictures(memory: u64) -> u64 {
    memory.saturating_sub(PROCESS).max(LEAST)
}

fn usual_cache_control(versioned: bool) -> String {
    format!("public, max-age=86400{}", if versioned { ", immutable" } else { "" })
}

/// Parses `128,256,512`.
pub fn parse_sizes(text: &str) -> Result<Vec<u32>, String> {
    let parse = |part: &str| part.trim().parse::<u32>().ok().filter(|size| SIZE_RANGE.contains(size));
    let sizes: Option<Vec<u32>> = text.split(',').map(parse).collect();
    let sizes =
        sizes.ok_or_else(|| format!("expected a comma list of pixels from 1 to 8192, such as 128,256, not {text:?}"))?;
    let mut distinct = sizes.clone();
    distinct.sort_unstable();
    distinct.dedup();
    match sizes.len() {
        n if n != distinct.len() => Err(format!("{text:?} names a size twice")),
        n if n > MAX_SIZES => Err(format!("has {n} sizes; at most {MAX_SIZES} are made")),
        _ => Ok(sizes),
    }
}

/// Parses `inside`, `cover` or `contain`.
pub fn parse_fit(text: &str) -> Result<Fit, String> {
    choice(text, &[("inside", Fit::Inside), ("cover", Fit::Cover), ("contain", Fit::Contain)])
}

/// Parses `auto`, `jpeg`, `png` or `webp`.
pub fn parse_format(text: &str) -> Result<Format, String> {
    choice(text, &[("auto", Format::Auto), ("jpeg", Format::Jpeg), ("png", Format::Png), ("webp", Format::Webp)])
}

/// Parses 1 to 100.
pub fn parse_quality(text: &str) -> Result<u8, String> {
    text.parse::<u8>().ok().filter(|q| (1..=100).contains(q)).ok_or_else(|| format!("expected 1 to 100, not {text:?}"))
}

/// Parses `never` or `always`.
pub fn parse_enlarge(text: &str) -> Result<Enlarge, String> {
    choice(text, &[("never", Enlarge::Never), ("always", Enlarge::Always)])
}

/// Parses `bytes=100MB,pixels=100M,frames=1000,memory=auto`; what is left out keeps its default. `auto` in bytes.
pub fn parse_limits(text: &str, auto: u64) -> Result<Limits, String> {
    let mut limits = Limits { bytes: 100_000_000, pixels: 100_000_000, frames: 1000, memory: auto };
    let problems: Vec<String> = text.split(',').filter_map(|part| limit(&mut limits, part.trim(), auto).err()).collect();
    if problems.is_empty() { Ok(limits) } else { Err(problems.join("; ")) }
}

fn limit(limits: &mut Limits, part: &str, auto: u64) -> Result<(), String> {
    let (name, value) = part.split_once('=').ok_or_else(|| format!("expected name=value, not {part:?}"))?;
    let of = |problem: String| format!("{name}: {problem}");
    match (name, value) {
        ("bytes", _) => limits.bytes = parse_bytes(value).map_err(of)?,
        ("pixels", _) => limits.pixels = parse_count(value).map_err(of)?,
        ("frames", _) => {
            let frames = parse_count(value).map_err(of)?;
            limits.frames = u32::try_from(frames).map_err(|_| format!("{value} frames are too many"))?;
        }
        ("memory", "auto") => limits.memory = auto,
        ("memory", _) => limits.memory = parse_bytes(value).map_err(of)?,
        _ => return Err(format!("expected bytes, pixels, frames or memory, not {name:?}")),
    }
    Ok(())
}

fn parse_header(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    fits.then(|| text.to_owned()).ok_or_else(|| format!("expected visible ASCII characters, not {text:?}"))
}

fn parse_generation(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("expected a whole number, not {text:?}"))
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
        let config = read(&[INPUT, DERIVED, ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")]).unwrap();
        assert_eq!(config.settings.sizes, [128, 256, 512]);
        assert_eq!(config.cache_control, "public, max-age=86400");
        assert_eq!(config.settings.limits.memory, (512 - 48) << 20);
    }

    #[test]
    fn a_function_that_would_trigger_itself_does_not_start() {
        let same = ("BRIGADE_OUTPUT", "s3://photos/uploads/t/{bucket}/{key}/{size}.{ext}");
        insta::assert_snapshot!(read(&[INPUT, same]).unwrap_err(), @"
        the configuration has 1 mistake:
          BRIGADE_OUTPUT: s3://photos/uploads/t/{bucket}/{key}/{size}.{ext} could match BRIGADE_INPUT's s3://photos/uploads/*: the function would trigger itself; use another bucket or prefix
        ");
    }

    #[test]
    fn every_mistake_is_reported() {
        let pairs = [
            ("BRIGADE_OUTPUT", "s3://derived/{key}.jpg"),
            ("BRIGADE_SIZES", "128,128"),
            ("BRIGADE_FIT", "crop"),
            ("BRIGADE_FORMAT", "avif"),
            ("BRIGADE_QUALITY", "0"),
            ("BRIGADE_ENLARGE", "yes"),
            ("BRIGADE_LIMITS", "bytes=100,px=5"),
            ("BRIGADE_SIZE", "3"),
        ];
        insta::assert_snapshot!(read(&pairs).unwrap_err(), @r#"
        the configuration has 9 mistakes:
          BRIGADE_SIZE: is not a variable of this function; did you mean BRIGADE_SIZES?
          BRIGADE_INPUT: is not set; comma list of s3://bucket/prefix*suffix that are taken; anything else is skipped as not-mine, such as s3://photos/uploads/*
          BRIGADE_OUTPUT: must contain {bucket}, or two buckets' outputs would meet
          BRIGADE_SIZES: "128,128" names a size twice
          BRIGADE_FIT: expected inside, cover or contain, not "crop"
          BRIGADE_FORMAT: expected auto, jpeg, png or webp, not "avif"
          BRIGADE_QUALITY: expected 1 to 100, not "0"
          BRIGADE_ENLARGE: expected never or always, not "yes"
          BRIGADE_LIMITS: bytes: expected a whole number with a unit, such as 100MB or 64KiB, not "100"; expected bytes, pixels, frames or memory, not "px"
        "#);
    }

    #[test]
    fn what_changes_outputs_changes_the_configuration_id() {
        let base = read(&[INPUT, DERIVED]).unwrap().id;
        assert_eq!(base, read(&[INPUT, DERIVED, ("BRIGADE_LOG", "all")]).unwrap().id);
        assert_ne!(base, read(&[INPUT, DERIVED, ("BRIGADE_SIZES", "64")]).unwrap().id);
        assert_ne!(base, read(&[INPUT, DERIVED, ("BRIGADE_GENERATION", "2")]).unwrap().id);
    }
}
