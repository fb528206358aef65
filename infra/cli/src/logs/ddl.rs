//! `brigade logs ddl`: how query engines are told of the tables.

use brigade_compact::record::Kind;
use brigade_compact::{COLUMNS, Columns, Interval, PARTITION};
use serde_json::json;

use crate::failure::Failure;
use crate::print;

/// Print the statements that make the tables known to Athena (Glue), DuckDB and Spark.
///
/// Athena's tables have partition projection: no crawler, no MSCK REPAIR, no partition in the catalog. Every query has to name
/// buckets of the list given by --buckets; without one, each query has to say WHERE bucket = '…' ("injected").
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  brigade logs ddl --location s3://TABLES/access_logs --buckets photos,logs\n  \
    brigade logs ddl --location access_logs --engine duckdb")]
pub(super) struct Arguments {
    /// Where the table is: s3://bucket/prefix, or a folder, which Athena gets no statement for.
    #[arg(long, value_name = "PLACE", default_value = "s3://TABLES/access_logs", value_parser = parse_location)]
    location: String,
    /// The table's name; that of the rejects has _rejects behind it.
    #[arg(long, value_name = "NAME", default_value = "access_logs", value_parser = parse_name)]
    table: String,
    /// Buckets whose logs are in the table.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    buckets: Vec<String>,
    /// First day of the table: `2026-11-01`, or so long ago as `NOW-3YEARS` (DAYS, WEEKS, MONTHS).
    #[arg(long, value_name = "DAY", default_value = "NOW-3YEARS", value_parser = parse_since)]
    since: String,
    /// Only of this engine.
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    #[arg(long, default_value = "all", help = COLUMNS.meaning, value_parser = Columns::parse, allow_hyphen_values = true)]
    columns: Columns,
    #[arg(long, default_value = "day", help = PARTITION.meaning, value_parser = Interval::parse)]
    partition: Interval,
    /// Print an object of JSON, with a text for each engine.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Engine {
    Athena,
    Duckdb,
    Spark,
}

fn parse_name(text: &str) -> Result<String, String> {
    let valid = !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    valid.then(|| text.to_owned()).ok_or_else(|| "expected lower-case letters, digits and _".to_owned())
}

/// The rejects' table is beside it, which it can't be in another bucket.
fn parse_location(text: &str) -> Result<String, String> {
    let is_bucket = text.strip_prefix("s3://").is_some_and(|rest| rest.trim_end_matches('/').split_once('/').is_none());
    if is_bucket { Err("expected s3://bucket/prefix, or a folder".to_owned()) } else { Ok(text.to_owned()) }
}

/// A day, or so many whole units ago, as Athena takes it
/// ([partition projection](https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html)).
fn parse_since(text: &str) -> Result<String, String> {
    let is_unit = |rest: &str| ["DAY", "DAYS", "WEEK", "WEEKS", "MONTH", "MONTHS", "YEAR", "YEARS"].contains(&rest);
    let is_ago = text.strip_prefix("NOW-").is_some_and(|ago| {
        let unit = ago.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < ago.len() && is_unit(unit)
    });
    (is_ago || is_day(text)).then(|| text.to_owned()).ok_or_else(|| "expected a day as 2026-11-01, or as NOW-3YEARS".to_owned())
}

/// `YYYY-MM-DD`, of a day that there is.
fn is_day(text: &str) -> bool {
    let shape = text.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b });
    let mut numbers = text.split('-').filter_map(|part| part.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (numbers.next(), numbers.next(), numbers.next()) else { return false };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    shape.eq(*b"0000-00-00") && (1..=days).contains(&day)
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let location = &arguments.location;
    let is_local = !location.starts_with("s3://");
    if is_local && arguments.engine == Some(Engine::Athena) {
        return Err(Failure::Usage(format!("--location: Athena reads s3://bucket/prefix, not {location:?}")));
    }
    let all = [
        (Engine::Athena, "athena", athena(arguments)),
        (Engine::Duckdb, "duckdb", duckdb(arguments)),
        (Engine::Spark, "spark", spark(arguments)),
    ];
    // What lies on this machine is none of Athena's.
    let all = all.into_iter().filter(|(engine, ..)| !is_local || *engine != Engine::Athena);
    let chosen = all.filter(|(engine, ..)| arguments.engine.is_none_or(|only| only == *engine));
    if arguments.json {
        let texts: serde_json::Map<_, _> = chosen.map(|(_, name, text)| (name.to_owned(), json!(text))).collect();
        return Ok(print::line(serde_json::Value::Object(texts))?);
    }
    let texts: Vec<String> = chosen.map(|(_, name, text)| format!("-- {name}\n{text}")).collect();
    Ok(print::line(texts.join("\n\n"))?)
}

fn athena(arguments: &Arguments) -> String {
    let Arguments { table, location, since, .. } = arguments;
    let location = location.trim_end_matches('/');
    let kind = |kind: Kind| match kind {
        Kind::Time => "timestamp",
        Kind::Status => "int",
        Kind::Number(_) => "bigint",
        Kind::Text(_) => "string",
    };
    let columns: Vec<String> =
        arguments.columns.stored().map(|(field, _)| format!("  {} {}", field.name, kind(field.kind))).collect();
    let bucket = match arguments.buckets.as_slice() {
        [] => "  'projection.bucket.type'='injected',\n".to_owned(),
        buckets => format!("  'projection.bucket.type'='enum',\n  'projection.bucket.values'='{}',\n", buckets.join(",")),
    };
    let (keys, path, hours) = match arguments.partition {
        Interval::Day => ("bucket string, dt string", "bucket=${bucket}/dt=${dt}", String::new()),
        Interval::Hour => (
            "bucket string, dt string, hour string",
            "bucket=${bucket}/dt=${dt}/hour=${hour}",
            "  'projection.hour.type'='integer',\n  'projection.hour.range'='0,23',\n  'projection.hour.digits'='2',\n"
                .to_owned(),
        ),
    };
    format!(
        "CREATE EXTERNAL TABLE {table} (\n{}\n)\nPARTITIONED BY ({keys})\nSTORED AS PARQUET\nLOCATION '{location}/'\nTBLPROPERTIES (\n  \
         'projection.enabled'='true',\n{bucket}  'projection.dt.type'='date',\n  'projection.dt.format'='yyyy-MM-dd',\n  \
         'projection.dt.range'='{since},NOW',\n{hours}  'storage.location.template'='{location}/{path}/'\n);\n\n\
         CREATE EXTERNAL TABLE {table}_rejects (\n  source string,\n  line bigint,\n  reason string,\n  raw_line binary\n)\n\
         STORED AS PARQUET\nLOCATION '{location}_rejects/';",
        columns.join(",\n"),
    )
}

fn duckdb(arguments: &Arguments) -> String {
    let Arguments { table, location, .. } = arguments;
    let location = location.trim_end_matches('/');
    format!(
        "CREATE VIEW {table} AS SELECT * FROM read_parquet('{location}/**/*.parquet', hive_partitioning = true);\n\
         -- DuckDB takes no view of files that aren't there. Once a line was rejected:\n\
         -- CREATE VIEW {table}_rejects AS SELECT * FROM read_parquet('{location}_rejects/*.parquet');"
    )
}

fn spark(arguments: &Arguments) -> String {
    let Arguments { table, location, .. } = arguments;
    let location = location.trim_end_matches('/').replacen("s3://", "s3a://", 1);
    format!(
        "CREATE TABLE {table} USING parquet OPTIONS (path '{location}');\nMSCK REPAIR TABLE {table};\n\
         CREATE TABLE {table}_rejects USING parquet OPTIONS (path '{location}_rejects');"
    )
}

#[cfg(test)]
mod tests {
    use brigade_compact::record::FIELDS;

    use super::*;

    #[test]
    fn every_column_has_its_type() {
        let arguments = Arguments {
            location: "s3://TABLES/access_logs/".to_owned(),
            table: "access_logs".to_owned(),
            buckets: vec!["photos".to_owned(), "films".to_owned()],
            since: "2026-01-01".to_owned(),
            engine: None,
            columns: Columns::parse("-hostid,#remoteip").unwrap_or_default(),
            partition: Interval::Hour,
            json: false,
        };
        let text = athena(&arguments);
        for line in [
            "  requestdatetime timestamp,",
            "  httpstatus int,",
            "  objectsize bigint,",
            "  remoteip string,",
            "LOCATION 's3://TABLES/access_logs/'",
            "  'projection.bucket.values'='photos,films',",
            "  'projection.dt.range'='2026-01-01,NOW',",
            "  'storage.location.template'='s3://TABLES/access_logs/bucket=${bucket}/dt=${dt}/hour=${hour}/'",
            "LOCATION 's3://TABLES/access_logs_rejects/';",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert_eq!(FIELDS.iter().filter(|field| text.contains(&format!("  {} ", field.name))).count(), 27);
        assert!(!text.contains("hostid"));
    }

    #[test]
    fn a_first_day_and_a_place_are_checked() {
        for (text, is_good) in [
            ("2026-11-01", true),
            ("NOW-3YEARS", true),
            ("NOW-90DAYS", true),
            ("x", false),
            ("NOW", false),
            ("NOW-YEARS", false),
            ("2026-11-1", false),
            ("2026-13-01", false),
            ("2026-02-29", false),
            ("2028-02-29", true),
            ("2026-11-01T00", false),
        ] {
            assert_eq!(parse_since(text).is_ok(), is_good, "{text}");
        }
        for (text, is_good) in [("s3://b/t", true), ("access_logs", true), ("s3://b", false), ("s3://b/", false)] {
            assert_eq!(parse_location(text).is_ok(), is_good, "{text}");
        }
    }
}
