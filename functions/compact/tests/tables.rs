//! Logs through the compactor and back: every row of every part against what the lines say.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy exempts test functions alone, not what they share"
)]

use std::collections::BTreeMap;
use std::io::{self, Read};

use brigade_compact::record::{FIELDS, Kind, parse, write_rfc3339};
use brigade_compact::samples::{Lines, Traffic, Truth};
use brigade_compact::{Columns, CompactError, Compactor, Counts, InMemory, Interval, Part, Settings, Table};
use bytes::Bytes;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

type Shown = Vec<Option<String>>;
type Parts = Vec<(Part, Vec<u8>)>;

fn compact(settings: &Settings, sources: &[(&str, &[u8])]) -> (Counts, Parts) {
    let mut batch = Compactor::new(settings.clone(), "batch", InMemory::default()).unwrap();
    for (name, text) in sources {
        batch.read(name, *text).unwrap();
    }
    let (counts, sink) = batch.finish().unwrap();
    for (part, bytes) in &sink.parts {
        assert_eq!(part.bytes, bytes.len() as u64, "{part:?}");
    }
    (counts, sink.parts)
}

fn rows(bytes: &[u8]) -> Vec<Row> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

/// A row's values as text, in the order of the columns.
fn shown(row: &Row) -> Shown {
    let one = |field: &Field| match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Int(number) => Some(number.to_string()),
        Field::Long(number) => Some(number.to_string()),
        Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned()),
        Field::TimestampMillis(millis) => {
            let mut text = String::new();
            write_rfc3339(millis / 1000, &mut text).unwrap();
            Some(text)
        }
        other => panic!("{other:?}"),
    };
    row.get_column_iter().map(|(_, field)| one(field)).collect()
}

/// Lines of a seed, what they say, and how many are no records.
fn samples(traffic: Traffic, count: usize) -> (String, Vec<Shown>, usize) {
    let (mut text, mut truth, mut malformed) = (String::new(), Vec::new(), 0);
    let mut lines = Lines::new(traffic);
    for _ in 0..count {
        match lines.write(&mut text) {
            Truth::Record(fields) => truth.push(fields.to_vec()),
            Truth::Malformed => malformed += 1,
            Truth::Blank => {}
        }
        text.push('\n');
    }
    (text, truth, malformed)
}

fn records(parts: &Parts) -> impl Iterator<Item = &(Part, Vec<u8>)> {
    parts.iter().filter(|(part, _)| part.name.table == Table::Records)
}

/// Reads all parts back, and checks of each that it is sorted and lies in its partition.
fn read_back(parts: &Parts) -> Vec<Shown> {
    let mut found = Vec::new();
    for (part, bytes) in records(parts) {
        let rows: Vec<Shown> = rows(bytes).iter().map(shown).collect();
        assert_eq!(part.rows, rows.len() as u64);
        assert!(rows.is_sorted_by_key(|row| row[2].clone()), "{part:?} is not sorted by time");
        let day = |row: &Shown| format!("dt={}", &row[2].as_ref().unwrap()[..10]);
        for row in &rows {
            assert!(part.name.folder.contains(&day(row)), "{part:?} holds {row:?}");
        }
        found.extend(rows);
    }
    found
}

fn sorted(mut rows: Vec<Shown>) -> Vec<Shown> {
    rows.sort();
    rows
}

fn small(memory: usize) -> Settings {
    Settings { memory, ..Settings::default() }
}

#[test]
fn every_record_comes_back_with_every_field_whatever_the_memory() {
    let (text, truth, malformed) = samples(Traffic { malformed: 200, blank: 100, rate: 0.05, ..Traffic::default() }, 30_000);
    let truth = sorted(truth);
    // In one row group for each day; in many; in a part for nearly every block.
    for memory in [64 << 20, 2 << 20, 1 << 10] {
        let (counts, parts) = compact(&small(memory), &[("s3://logs/2026-11-22-05-00-00-A", text.as_bytes())]);
        assert_eq!(sorted(read_back(&parts)), truth, "{memory} bytes");
        assert_eq!(counts.lines as usize, truth.len() + malformed);
        assert_eq!(counts.rejects as usize, malformed);
        assert_eq!(counts.lines + counts.blanks, 30_000);
        assert_eq!(counts.bytes, text.len() as u64);
    }
}

/// How many row groups a part has, and whether each says that it is sorted.
fn row_groups(bytes: &[u8]) -> (usize, bool) {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).unwrap();
    let groups = reader.metadata().row_groups();
    (groups.len(), groups.iter().all(|group| group.sorting_columns().is_some_and(|columns| !columns.is_empty())))
}

#[test]
fn a_part_of_several_row_groups_is_sorted_from_its_beginning_to_its_end() {
    // Log objects of the same hours; the second one begins before the first one ends.
    let logs = [1, 2, 3].map(|seed| samples(Traffic { seed, malformed: 0, rate: 1.0, ..Traffic::default() }, 4_000));
    let sources: Vec<(&str, &[u8])> =
        ["C", "A", "B"].into_iter().zip(&logs).map(|(name, (text, ..))| (name, text.as_bytes())).collect();
    let truth = sorted(logs.iter().flat_map(|(_, truth, _)| truth.clone()).collect());
    let whole = Settings { whole: true, row_group: 256 << 10, ..Settings::default() };
    let cut = Settings { memory: 512 << 10, ..Settings::default() };
    for (settings, sources) in [(&whole, &sources[..]), (&cut, &sources[..1])] {
        let (_, parts) = compact(settings, sources);
        let found = read_back(&parts);
        let most = records(&parts).map(|(_, bytes)| row_groups(bytes).0).max().unwrap();
        assert!(most >= 3, "{most} row groups");
        assert!(records(&parts).all(|(_, bytes)| row_groups(bytes).1), "readers are told");
        if settings.whole {
            assert_eq!(sorted(found), truth);
            let folders: Vec<&String> = records(&parts).map(|(part, _)| &part.name.folder).collect();
            assert!(folders.is_sorted_by(|a, b| a != b), "one part each: {folders:?}");
        }
    }
}

#[test]
fn a_whole_part_that_does_not_fit_the_memory_does_not_say_that_it_is_sorted() {
    let (text, truth, _) = samples(Traffic { malformed: 0, rate: 1.0, ..Traffic::default() }, 4_000);
    let settings = Settings { whole: true, memory: 256 << 10, ..Settings::default() };
    let (_, parts) = compact(&settings, &[("A", text.as_bytes()), ("B", text.as_bytes())]);
    let found: Vec<Shown> = records(&parts).flat_map(|(_, bytes)| rows(bytes)).map(|row| shown(&row)).collect();
    assert_eq!(sorted(found), sorted([truth.clone(), truth].concat()));
    assert!(records(&parts).any(|(_, bytes)| matches!(row_groups(bytes), (3.., false))));
}

#[test]
fn the_same_batch_twice_gives_the_same_bytes() {
    let (text, ..) = samples(Traffic { malformed: 100, ..Traffic::default() }, 5_000);
    let once = compact(&small(1 << 20), &[("a", text.as_bytes()), ("b", text.as_bytes())]);
    let again = compact(&small(1 << 20), &[("a", text.as_bytes()), ("b", text.as_bytes())]);
    assert!(once == again);
    let paths: Vec<String> = once.1.iter().map(|(part, _)| part.name.path()).collect();
    let mut distinct = paths.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), paths.len(), "{paths:?}");
}

#[test]
fn how_a_reader_hands_over_its_bytes_changes_nothing() {
    struct Dripping<'a>(&'a [u8]);
    impl Read for Dripping<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            let n = room.len().min(977);
            self.0.read(&mut room[..n])
        }
    }
    let (text, ..) = samples(Traffic::default(), 2_000);
    let (_, whole) = compact(&Settings::default(), &[("a", text.as_bytes())]);
    let mut batch = Compactor::new(Settings::default(), "batch", InMemory::default()).unwrap();
    batch.read("a", Dripping(text.as_bytes())).unwrap();
    let (_, sink) = batch.finish().unwrap();
    assert!(sink.parts == whole);
}

#[test]
fn rejects_keep_the_line_its_number_its_source_and_the_reason() {
    let good = "o b [06/Feb/2019:00:00:38 +0000] - - ID OP k - 204 - - 57 - - - - v";
    let first = format!("\n{good}\nnot a record at all, but a long line of other words\n{good}\r\n");
    let second = [b"\xff\xfe\0 broken ".as_slice(), good.as_bytes()].concat();
    let (counts, parts) = compact(&Settings::default(), &[("s3://l/one", first.as_bytes()), ("s3://l/two", &second)]);
    assert_eq!((counts.lines, counts.rejects, counts.blanks, counts.inputs), (4, 2, 1, 2));
    let rejects: Vec<_> = parts.iter().filter(|(part, _)| part.name.table == Table::Rejects).collect();
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0].0.name.path(), "batch.parquet");
    let rows = rows(&rejects[0].1);
    let text = |n: usize| shown(&rows[n]).into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_eq!(
        text(0),
        ["s3://l/one", "3", "bad-time", "not a record at all, but a long line of other words"]
            .map(str::to_owned)
            .map(|s| s.replace("bad-time", &text(0)[2]))
    );
    assert_eq!(text(1)[..2], ["s3://l/two", "1"]);
    let raw = rows[1].get_column_iter().nth(3).unwrap().1.clone();
    assert_eq!(raw, Field::Bytes(second.into()));
}

#[test]
fn partitions_are_the_events_day_or_hour_and_the_sources_account() {
    let line = |time: &str| format!("o b [{time} +0000] - - ID OP k - 204 - - 57 - - - - v\n");
    let text = [line("06/Feb/2019:23:59:59"), line("07/Feb/2019:00:00:00"), line("06/Feb/2019:01:00:00")].concat();
    let key = "s3://logs/p/123456789012/eu-central-1/b/2019/02/06/2019-02-06-00-00-00-AB";
    let paths = |settings: &Settings, name: &str| {
        let (_, parts) = compact(settings, &[(name, text.as_bytes())]);
        parts.iter().map(|(part, _)| format!("{} {}", part.name.path(), part.rows)).collect::<Vec<_>>()
    };
    let hours = Settings { interval: Interval::Hour, ..Settings::default() };
    assert_eq!(
        paths(&Settings::default(), key),
        [
            "account=123456789012/region=eu-central-1/bucket=b/dt=2019-02-06/batch.parquet 2",
            "account=123456789012/region=eu-central-1/bucket=b/dt=2019-02-07/batch.parquet 1",
        ]
    );
    assert_eq!(
        paths(&hours, "logs/2019-02-06-00-00-00-AB"),
        [
            "bucket=b/dt=2019-02-06/hour=23/batch.parquet 1",
            "bucket=b/dt=2019-02-07/hour=00/batch.parquet 1",
            "bucket=b/dt=2019-02-06/hour=01/batch.parquet 1",
        ]
    );
    // One partition at a time: the first day is closed, and comes again.
    let one = Settings { partitions: 1, ..Settings::default() };
    assert_eq!(
        paths(&one, "logs/2019-02-06-00-00-00-AB"),
        [
            "bucket=b/dt=2019-02-06/batch.parquet 1",
            "bucket=b/dt=2019-02-07/batch.parquet 1",
            "bucket=b/dt=2019-02-06/batch-1.parquet 1",
        ]
    );
}

#[test]
fn columns_are_left_out_and_hashed() {
    let columns = Columns::parse("-hostid,#remoteip,#requestid,-httpstatus").unwrap();
    let (text, truth, _) = samples(Traffic::default(), 3_000);
    let (_, parts) = compact(&Settings { columns, ..Settings::default() }, &[("a", text.as_bytes())]);
    let read = read_back(&parts);
    assert_eq!(read.len(), truth.len());
    let row = &rows(&parts[0].1)[0];
    let names: Vec<&String> = row.get_column_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 26);
    assert!(!names.iter().any(|name| ["hostid", "httpstatus"].contains(&name.as_str())));
    // As many different addresses as before, none of them readable.
    let count = |rows: &[Shown], column: usize| {
        rows.iter().filter_map(|row| row[column].as_ref()).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(count(&read, 3), count(&truth, 3));
    assert!(read.iter().filter_map(|row| row[3].as_ref()).all(|hash| hash.len() == 32));
}

#[test]
fn bytes_that_are_no_utf8_are_mended_in_their_value_alone() {
    let line =
        b"o b [06/Feb/2019:00:00:38 +0000] - - ID OP k\xff \"GET /\xc3\xa9\" 200 - 1 57 3 4 \"-\" \"ua\xe2\x82\" v\xc3\xa9\n";
    let (counts, parts) = compact(&Settings::default(), &[("a", line)]);
    assert_eq!(counts.mended, 2);
    let row = shown(&rows(&parts[0].1)[0]);
    let text = |column: usize| row[column].as_deref().unwrap();
    assert_eq!([text(7), text(8), text(16), text(17)], ["k\u{fffd}", "GET /é", "ua\u{fffd}", "vé"]);
}

#[test]
fn the_footer_tells_types_statistics_pages_and_the_batch() {
    let (text, truth, malformed) = samples(Traffic { malformed: 100, rate: 1000.0, ..Traffic::default() }, 50_000);
    let (_, parts) = compact(&Settings::default(), &[("a", text.as_bytes())]);
    let (part, bytes) = records(&parts).next().unwrap();
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    reader.try_parse(&Bytes::copy_from_slice(bytes)).unwrap();
    let metadata = reader.finish().unwrap();
    let file = metadata.file_metadata();
    let notes: BTreeMap<_, _> =
        file.key_value_metadata().unwrap().iter().map(|kv| (kv.key.as_str(), kv.value.clone().unwrap())).collect();
    assert_eq!(notes["brigade.v"], "1");
    assert_eq!(notes["brigade.batch"], "batch");
    assert_eq!(notes["brigade.inputs"], "1");
    assert_eq!(notes["brigade.lines"], (truth.len() + malformed).to_string());
    assert_eq!(notes["brigade.rejects"], malformed.to_string());
    assert_eq!(file.num_rows() as u64, part.rows);
    insta::assert_snapshot!(schema(file.schema()), @"
    message access_log {
      OPTIONAL BYTE_ARRAY bucketowner (STRING);
      OPTIONAL BYTE_ARRAY bucket_name (STRING);
      REQUIRED INT64 requestdatetime (TIMESTAMP(MILLIS,true));
      OPTIONAL BYTE_ARRAY remoteip (STRING);
      OPTIONAL BYTE_ARRAY requester (STRING);
      OPTIONAL BYTE_ARRAY requestid (STRING);
      OPTIONAL BYTE_ARRAY operation (STRING);
      OPTIONAL BYTE_ARRAY key (STRING);
      OPTIONAL BYTE_ARRAY request_uri (STRING);
      OPTIONAL INT32 httpstatus;
      OPTIONAL BYTE_ARRAY errorcode (STRING);
      OPTIONAL INT64 bytessent;
      OPTIONAL INT64 objectsize;
      OPTIONAL INT64 totaltime;
      OPTIONAL INT64 turnaroundtime;
      OPTIONAL BYTE_ARRAY referrer (STRING);
      OPTIONAL BYTE_ARRAY useragent (STRING);
      OPTIONAL BYTE_ARRAY versionid (STRING);
      OPTIONAL BYTE_ARRAY hostid (STRING);
      OPTIONAL BYTE_ARRAY sigv (STRING);
      OPTIONAL BYTE_ARRAY ciphersuite (STRING);
      OPTIONAL BYTE_ARRAY authtype (STRING);
      OPTIONAL BYTE_ARRAY endpoint (STRING);
      OPTIONAL BYTE_ARRAY tlsversion (STRING);
      OPTIONAL BYTE_ARRAY accesspointarn (STRING);
      OPTIONAL BYTE_ARRAY aclrequired (STRING);
      OPTIONAL BYTE_ARRAY sourceregion (STRING);
      OPTIONAL BYTE_ARRAY extra (STRING);
    }
    ");
    let told: Vec<String> = metadata.row_group(0).columns().iter().map(told).collect();
    let of = |name: &str| told.iter().find(|line| line.starts_with(name)).unwrap().as_str();
    assert_eq!(of("requestdatetime"), "requestdatetime: range, offset index, column index");
    assert_eq!(of("operation"), "operation: range BATCH.DELETE.OBJECT to WEBSITE.GET.OBJECT, offset index, column index");
    assert_eq!(of("httpstatus"), "httpstatus: range, offset index, column index");
    assert_eq!(of("hostid"), "hostid: offset index");
    assert!(metadata.row_group(0).sorting_columns().is_some_and(|sorting| sorting[0].column_idx == 2));
}

/// What helps a reader to skip.
fn told(column: &ColumnChunkMetaData) -> String {
    let (name, statistics) = (column.column_path().string(), column.statistics().unwrap());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let range = statistics.min_bytes_opt().zip(statistics.max_bytes_opt()).map(|(min, max)| match name.as_str() {
        "operation" => format!(" range {} to {},", text(min), text(max)),
        _ => " range,".to_owned(),
    });
    let index = |at: Option<i64>, kind| at.map(|_| kind).unwrap_or_default();
    let offsets = index(column.offset_index_offset(), " offset index");
    format!("{name}:{}{offsets}{}", range.unwrap_or_default(), index(column.column_index_offset(), ", column index"))
}

fn schema(schema: &parquet::schema::types::Type) -> String {
    let mut out = Vec::new();
    parquet::schema::printer::print_schema(&mut out, schema);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_row_group_that_begins_earlier_goes_to_a_part_of_its_own() {
    let (early, truth, _) = samples(Traffic { malformed: 0, ..Traffic::default() }, 4_000);
    // The same hours twice, in two sources.
    let (_, parts) = compact(&small(512 << 10), &[("a", early.as_bytes()), ("b", early.as_bytes())]);
    assert!(records(&parts).count() >= 2);
    assert_eq!(read_back(&parts).len(), 2 * truth.len());
    // One after the other, they make longer parts of several row groups.
    let groups = |bytes: &Vec<u8>| SerializedFileReader::new(Bytes::from(bytes.clone())).unwrap().metadata().num_row_groups();
    assert!(records(&parts).any(|(_, bytes)| groups(bytes) > 1));
}

#[test]
fn sources_of_the_same_hours_make_a_part_each() {
    let (text, truth, _) = samples(Traffic { malformed: 0, rate: 1.0, ..Traffic::default() }, 4_000);
    let sources: Vec<(&str, &[u8])> = ["a", "b", "c", "d"].into_iter().map(|name| (name, text.as_bytes())).collect();
    let (_, once) = compact(&small(512 << 10), &sources[..1]);
    let (_, parts) = compact(&small(512 << 10), &sources);
    assert_eq!(records(&parts).count(), 4 * records(&once).count());
    assert_eq!(sorted(read_back(&parts)), sorted([&truth[..]; 4].concat()));
}

#[test]
fn a_full_part_is_followed_by_the_next_one() {
    let (text, truth, _) = samples(Traffic { malformed: 0, ..Traffic::default() }, 8_000);
    let settings = Settings { file_size: 200_000, ..small(256 << 10) };
    let (_, parts) = compact(&settings, &[("a", text.as_bytes())]);
    let of_the_day = || records(&parts).filter(|(part, _)| part.name.folder == "bucket=photos/dt=2026-11-22/");
    let sizes: Vec<u64> = of_the_day().map(|(part, _)| part.bytes).collect();
    assert!(sizes.len() > 2 && sizes.iter().rev().skip(1).all(|size| (200_000..500_000).contains(size)), "{sizes:?}");
    assert_eq!(read_back(&parts).len(), truth.len());
    let files: Vec<&str> = of_the_day().map(|(part, _)| part.name.file.as_str()).collect();
    assert_eq!(files[..3], ["batch.parquet", "batch-1.parquet", "batch-2.parquet"]);
}

#[test]
fn columns_of_one_value_of_none_and_of_all_different_ones_come_back() {
    let line = |n: usize| {
        let key = if n.is_multiple_of(3) { "-".to_owned() } else { format!("k{n}") };
        let agent = ["\"\"", "\"-\"", "\"same\""][n % 3];
        let status = ["-", "200", "999"][n % 3];
        let size = [0, 1, i64::MAX][n % 3];
        format!(
            "o b [06/Feb/2019:00:{:02}:{:02} +0000] - - ID OP {key} - {status} - - {size} - - - {agent} v\n",
            n / 60 % 60,
            n % 60
        )
    };
    for count in [1, 2, 7, 8, 9, 129, 3_000, 45_000] {
        let text: String = (0..count).map(line).collect();
        let (_, parts) = compact(&Settings::default(), &[("a", text.as_bytes())]);
        let expected: Vec<Shown> = text
            .lines()
            .map(|line| {
                let record = parse(line.as_bytes()).unwrap();
                let text = |field| record.text(field).map(|text| String::from_utf8(text.to_vec()).unwrap());
                let one = |kind| match kind {
                    Kind::Text(field) => text(field),
                    Kind::Status => record.status.map(|status| status.to_string()),
                    Kind::Number(field) => record.number(field).map(|number| number.to_string()),
                    Kind::Time => {
                        let mut out = String::new();
                        write_rfc3339(record.time, &mut out).unwrap();
                        Some(out)
                    }
                };
                FIELDS.iter().map(|field| one(field.kind)).collect()
            })
            .collect();
        assert_eq!(sorted(read_back(&parts)), sorted(expected), "{count} rows");
    }
}

#[test]
fn a_source_that_breaks_off_gives_the_batch_up() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the connection is gone"))
        }
    }
    let mut batch = Compactor::new(Settings::default(), "batch", InMemory::default()).unwrap();
    let error = batch.read("s3://logs/x", Broken).unwrap_err();
    assert!(matches!(error, CompactError::Read { .. }));
    assert_eq!(error.to_string(), "s3://logs/x: the connection is gone");
    assert!(Compactor::new(Settings::default(), "../x", InMemory::default()).is_err());
}
