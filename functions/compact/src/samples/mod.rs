//! Access logs by seed, as S3 writes them, with what each line says: for tests, benchmarks and first steps.

mod damage;
mod pools;
mod request;

use std::fmt::Write as _;

use fastrand::Rng;

use crate::record::{Day, FIELDS, Kind, hour};
use pools::Pools;

/// What kind of traffic the logs tell of. Shares are of 10,000 lines.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// The same seed gives the same lines.
    pub seed: u64,
    /// The bucket that was asked.
    pub bucket: String,
    /// Seconds since 1970 of the first request, about: as log lines are, they are only nearly in order.
    pub start: i64,
    /// Requests in a second.
    pub rate: f64,
    /// Lines that are no records.
    pub malformed: u32,
    /// Lines with nothing on them.
    pub blank: u32,
    /// Records with a raw quote in what a client chose.
    pub quotes: u32,
    /// Records of an age that had fewer fields.
    pub old: u32,
}

impl Default for Traffic {
    /// A seventh day of traffic in 100,000 lines, from 2026-11-22T00:00:00Z.
    fn default() -> Self {
        Self {
            seed: 7,
            bucket: "photos".to_owned(),
            start: 1_795_305_600,
            rate: 8.0,
            malformed: 20,
            blank: 3,
            quotes: 40,
            old: 1000,
        }
    }
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    /// A record with these fields, in the order of [`FIELDS`].
    Record(Box<[Option<String>; FIELDS.len()]>),
    /// No record.
    Malformed,
    /// Nothing.
    Blank,
}

/// Lines, without end.
#[derive(Debug)]
pub struct Lines {
    traffic: Traffic,
    rng: Rng,
    pools: Pools,
    /// Thousandths of seconds since the start.
    millis: i64,
    /// Records that belong to a request before: those of the keys that a multi-object delete named.
    pending: Vec<request::Request>,
}

impl Lines {
    /// The lines of this traffic.
    pub fn new(traffic: Traffic) -> Self {
        let mut rng = Rng::with_seed(traffic.seed);
        Self { pools: Pools::new(&mut rng), rng, traffic, millis: 0, pending: Vec::new() }
    }

    /// Writes the next line, without its end, behind what is in `line`, and tells what it is.
    pub fn write(&mut self, line: &mut String) -> Truth {
        if self.rng.u32(..10_000) < self.traffic.blank {
            return Truth::Blank;
        }
        let request = self.request();
        if self.rng.u32(..10_000) < self.traffic.malformed {
            let mut sound = String::new();
            let tail = request.write(&mut sound);
            damage::write(&sound, tail, &mut self.rng, line);
            return Truth::Malformed;
        }
        request.write(line);
        Truth::Record(Box::new(request.fields))
    }

    fn request(&mut self) -> request::Request {
        if let Some(request) = self.pending.pop() {
            return request;
        }
        // Requests come at random moments, at the rate on average.
        self.millis += (-self.rng.f64().max(1e-9).ln() * 1000.0 / self.traffic.rate) as i64;
        // A log lists requests by their end, but has the time of their beginning.
        let seconds = self.traffic.start + (self.millis - self.rng.i64(0..3000)).div_euclid(1000);
        let mut requests = request::next(&self.pools, &self.traffic, seconds, &mut self.rng);
        let first = requests.pop();
        self.pending = requests;
        first.unwrap_or_default()
    }

    /// When S3 would deliver what was written so far, as the beginning of a log object's name: `2026-11-22-05-17-09`.
    pub fn delivery(&self) -> String {
        let seconds = self.traffic.start + self.millis / 1000 + 600;
        format!("{}-{:02}-{:02}-{:02}", Day::of(seconds), hour(seconds), seconds / 60 % 60, seconds % 60)
    }

    /// What is unique in a log object's name: 16 hexadecimal digits.
    pub fn unique(&mut self) -> String {
        pools::hex(&mut self.rng, 16).to_uppercase()
    }
}

impl Truth {
    /// The line as `brigade logs parse` has to print it: an object, or `None` where it prints nothing. `line` is its number,
    /// from 1. Of a malformed line nobody knows what its author meant, so `reject` is only `true`.
    pub fn json(&self, line: u64) -> Option<String> {
        match self {
            Self::Blank => None,
            Self::Malformed => Some(format!("{{\"reject\":true,\"line\":{line}}}")),
            Self::Record(fields) => {
                let mut out = String::from("{");
                for (field, value) in FIELDS.iter().zip(fields.iter()) {
                    let comma = if out.len() > 1 { "," } else { "" };
                    // Writing to a String can't fail.
                    let _ = match (value, field.kind) {
                        (None, _) => write!(out, "{comma}\"{}\":null", field.name),
                        (Some(value), Kind::Status | Kind::Number(_)) => write!(out, "{comma}\"{}\":{value}", field.name),
                        (Some(value), _) => write!(out, "{comma}\"{}\":{}", field.name, escaped(value)),
                    };
                }
                out.push('}');
                Some(out)
            }
        }
    }
}

/// A JSON string.
fn escaped(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            '\0'..='\x1f' => write!(out, "\\u{:04x}", u32::from(c)),
            c => write!(out, "{c}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Value, is_blank, parse, write_rfc3339};

    #[test]
    fn the_parser_agrees_with_the_truth_on_every_line() {
        let mut seen = [0_u32; 3];
        for seed in 0..8 {
            let traffic = Traffic { seed, malformed: 500, quotes: 800, blank: 100, ..Traffic::default() };
            let mut lines = Lines::new(traffic);
            for _ in 0..5_000 {
                let mut line = String::new();
                match lines.write(&mut line) {
                    Truth::Blank => {
                        assert!(is_blank(line.as_bytes()));
                        seen[0] += 1;
                    }
                    Truth::Malformed => {
                        assert!(parse(line.as_bytes()).is_err(), "{line}");
                        seen[1] += 1;
                    }
                    Truth::Record(fields) => {
                        let record = parse(line.as_bytes()).unwrap_or_else(|reject| panic!("{reject}: {line}"));
                        let shown = FIELDS.map(|field| match record.value(field.kind) {
                            Value::Null => None,
                            Value::Number(number) => Some(number.to_string()),
                            Value::Text(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
                            Value::Time(seconds) => {
                                let mut text = String::new();
                                write_rfc3339(seconds, &mut text).unwrap();
                                Some(text)
                            }
                        });
                        assert_eq!(shown, *fields, "{line}");
                        seen[2] += 1;
                    }
                }
            }
        }
        assert!(seen[0] > 100 && seen[1] > 1000 && seen[2] > 30_000, "{seen:?}");
    }

    #[test]
    fn a_seed_tells_everything() {
        let text = |seed| {
            let mut lines = Lines::new(Traffic { seed, ..Traffic::default() });
            let mut text = String::new();
            (0..200).for_each(|_| drop(lines.write(&mut text)));
            (text, lines.delivery(), lines.unique())
        };
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }
}
