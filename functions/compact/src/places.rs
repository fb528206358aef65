//! Where everything lies that the function writes. Pure.

use brigade::config::{Place, Span};
use brigade::event::{BucketName, KeyError, ObjectKey};
use brigade::hex;
use brigade::storage::Location;
use sha2::{Digest, Sha256};

/// Below `BRIGADE_STATE`.
const STATE: &str = "compact/v1/";

/// Which of its places a function was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The table's, and by it that of its rejects.
    Tables,
    /// The state's.
    State,
}

/// The table, its rejects and the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    table: Place,
    rejects: Place,
    state: Place,
}

impl Places {
    /// The table at `output` (a slash at its end is added where there is none), and the function's part of `state`.
    pub fn new(output: &Place, state: &Place) -> Self {
        Self { table: beside(output, "/"), rejects: beside(output, "_rejects/"), state: state.folder(STATE) }
    }

    /// The same state, and the table at `output`.
    pub(crate) fn with_table(&self, output: &Place) -> Self {
        Self { table: beside(output, "/"), rejects: beside(output, "_rejects/"), state: self.state.clone() }
    }

    /// The table's place, with a slash at its end.
    pub(crate) fn table(&self) -> &Place {
        &self.table
    }

    /// Why these places can't be, and which of them: it could trigger the function, or the state lies in a table.
    pub fn refusals(&self, input: &[Span]) -> Vec<(Written, String)> {
        if self.table.prefix == "/" {
            let problem = "names a bucket alone; a table needs a prefix, beside which its rejects lie";
            return vec![(Written::Tables, problem.to_owned())];
        }
        let tables = [&self.table, &self.rejects];
        let loops = tables.iter().find_map(|table| table.refusal(input, ".parquet"));
        let meet = |table: &Place| {
            let (one, other) = (&table.prefix, &self.state.prefix);
            table.bucket == self.state.bucket && (one.starts_with(other) || other.starts_with(one))
        };
        let met = || tables.into_iter().find(|table| meet(table));
        let within = || met().map(|table| format!("{} and {table} overlap: nothing but parts lies in a table", self.state));
        let of_state = self.state.refusal(input, "").or_else(within);
        let named = [loops.map(|problem| (Written::Tables, problem)), of_state.map(|problem| (Written::State, problem))];
        named.into_iter().flatten().collect()
    }

    /// The ledger document of a shard. Spread by a digest: what is listed from anywhere is a fair sample of all.
    pub fn shard(&self, bucket: &BucketName, stem: &str) -> Result<Location, KeyError> {
        let digest = Sha256::new().chain_update(bucket.as_str()).chain_update([0]).chain_update(stem).finalize();
        let name = hex(digest.iter().take(16));
        self.of_state(&format!("logs/{name}"))
    }

    /// What the keys of all shards' documents begin with.
    pub fn shards(&self) -> String {
        format!("{}logs/", self.state.prefix)
    }

    /// The ledger document of a window: `YYYY-MM-DD.s`, or `YYYY-MM-DD-hh.s`.
    pub fn window(&self, window: &str) -> Result<Location, KeyError> {
        self.of_state(&format!("windows/{window}"))
    }

    /// What the keys of all collected logs begin with; a window, a slash and a name follow.
    pub fn collected(&self) -> String {
        format!("{}_open/", self.state.prefix)
    }

    /// What the keys of a window's collected logs begin with.
    pub fn collected_in(&self, window: &str) -> String {
        format!("{}{window}/", self.collected())
    }

    /// Where a batch's logs are collected until their window closes.
    pub fn bundle(&self, window: &str, batch: &str) -> Result<Location, KeyError> {
        self.of_state(&format!("_open/{window}/{batch}.zst"))
    }

    /// The bucket of the state.
    pub fn state_bucket(&self) -> &BucketName {
        &self.state.bucket
    }

    /// A batch's part in a partition of the table; `partition` ends in a slash.
    pub fn part(&self, partition: &str, batch: &str) -> Result<Location, KeyError> {
        Self::below(&self.table, &format!("{partition}{batch}.parquet"))
    }

    /// A batch's part in a partition of the table of rejected lines.
    pub fn rejects(&self, partition: &str, batch: &str) -> Result<Location, KeyError> {
        Self::below(&self.rejects, &format!("{partition}{batch}.parquet"))
    }

    fn of_state(&self, rest: &str) -> Result<Location, KeyError> {
        Self::below(&self.state, rest)
    }

    fn below(place: &Place, rest: &str) -> Result<Location, KeyError> {
        Ok(Location::new(place.bucket.clone(), ObjectKey::new(format!("{}{rest}", place.prefix))?))
    }
}

fn beside(output: &Place, tail: &str) -> Place {
    Place { bucket: output.bucket.clone(), prefix: format!("{}{tail}", output.prefix.trim_end_matches('/')) }
}

#[cfg(test)]
mod tests {
    use brigade::config::parse_spans;

    use super::*;

    fn places(output: &str, state: &str) -> Places {
        Places::new(&Place::parse(output).unwrap(), &Place::parse(state).unwrap())
    }

    #[test]
    fn everything_has_its_place() {
        let places = places("s3://tables/access_logs", "s3://state/brigade/");
        for (place, expected) in [
            (places.part("bucket=b/dt=2026-11-22/", "B"), "s3://tables/access_logs/bucket=b/dt=2026-11-22/B.parquet"),
            (places.rejects("dt=2026-11-22/", "B"), "s3://tables/access_logs_rejects/dt=2026-11-22/B.parquet"),
            (places.window("2026-11-22.7"), "s3://state/brigade/compact/v1/windows/2026-11-22.7"),
            (places.bundle("2026-11-22-10.7", "B"), "s3://state/brigade/compact/v1/_open/2026-11-22-10.7/B.zst"),
        ] {
            assert_eq!(place.unwrap().to_string(), expected);
        }
        let moved = places.with_table(&Place::parse(&places.table().to_string()).unwrap());
        assert_eq!(moved, places, "a table is found again by its place");
        let at = |bucket: &str, stem: &str| places.shard(&BucketName::new(bucket), stem).unwrap();
        assert!(at("logs", "s-").key.as_str().starts_with(&places.shards()));
        assert_ne!(at("a", "bc"), at("ab", "c"), "bucket and stem are kept apart");
    }

    #[test]
    fn places_that_could_trigger_the_function_are_refused() {
        use Written::{State, Tables};
        for (output, state, input, expected) in [
            ("s3://tables/t/", "s3://state/", "s3://logs/*", vec![]),
            ("s3://logs/t/", "s3://state/", "s3://logs/*", vec![(Tables, "s3://logs/t/ could match")]),
            ("s3://logs/t/", "s3://state/", "s3://logs/raw/*", vec![]),
            ("s3://logs/raw", "s3://state/", "s3://logs/raw_rejects/*", vec![(Tables, "s3://logs/raw_rejects/ could match")]),
            ("s3://tables/t/", "s3://logs/state/", "s3://logs/*", vec![(State, "s3://logs/state/compact/v1/ could match")]),
            ("s3://logs/t", "s3://logs/s", "s3://logs/*", vec![(Tables, "could match"), (State, "could match")]),
            ("s3://tables/t", "s3://tables/t/state", "s3://logs/*", vec![(State, "s3://tables/t/ overlap")]),
            ("s3://tables/t", "s3://tables/t_rejects", "s3://logs/*", vec![(State, "s3://tables/t_rejects/ overlap")]),
            ("s3://tables/", "s3://state/", "s3://logs/*", vec![(Tables, "names a bucket alone")]),
            ("s3://tables/a/", "s3://tables/b/", "s3://logs/*", vec![]),
        ] {
            let refusals = places(output, state).refusals(&parse_spans(input).unwrap());
            let fits = |((blamed, problem), (place, text)): (&(Written, String), &(Written, &str))| {
                blamed == place && problem.contains(text)
            };
            let all = refusals.len() == expected.len() && refusals.iter().zip(&expected).all(fits);
            assert!(all, "{output} {state} {input}: {refusals:?}");
        }
    }
}
