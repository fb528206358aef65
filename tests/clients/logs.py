"""Access logs through the command line, read by pyarrow, DuckDB and (where it is installed) ClickHouse, row by row against what
the generated lines say; the queries of infra/queries; logs and tables in S3 where BRIGADE_ENDPOINT is set.

    pip install boto3 duckdb pyarrow chdb
    BRIGADE_BINARY=target/debug/brigade python tests/clients/logs.py
"""

import collections
import datetime
import json
import os
import subprocess
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BRIGADE = os.environ.get("BRIGADE_BINARY", str(TARGET / "debug" / "brigade"))
LINES = 12_000


def brigade(*arguments, **options):
    return subprocess.run([BRIGADE, *map(str, arguments)], check=True, capture_output=True, text=True, **options).stdout


def told(text):
    return [json.loads(line) for line in text.splitlines()]


def row(values):
    """A record as a tuple that can be counted; times are seconds since 1970."""

    def one(value):
        if isinstance(value, datetime.datetime):
            return int((value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)).timestamp())
        return value

    return tuple(one(value) for value in values)


def expected_rows(truth, names):
    rows = collections.Counter()
    for record in truth:
        if "reject" not in record:
            record = dict(record, requestdatetime=datetime.datetime.fromisoformat(record["requestdatetime"]))
            rows[row(record[name] for name in names)] += 1
    return rows


def same(name, found, expected):
    missing, unexpected = expected - found, found - expected
    assert not missing and not unexpected, f"{name}: {list(missing)[:2]} are missing, {list(unexpected)[:2]} unexpected"
    print(f"  {name}: {sum(found.values())} rows, every field right")


def parse(work):
    log, truth = work / "one.log", work / "one.truth"
    log.write_text(brigade("logs", "generate", "--lines", LINES, "--malformed", 100, "--truth", truth))
    printed, expected = told(brigade("logs", "parse", log)), told(truth.read_text())
    assert len(printed) == len(expected)
    for found, wanted in zip(printed, expected):
        if "reject" in wanted:
            assert found["reject"] and found["line"] == wanted["line"], (found, wanted)
        else:
            assert found == wanted, (found, wanted)
    subprocess.run(["gzip", "-k", str(log)], check=True)
    assert brigade("logs", "parse", f"{log}.gz") == brigade("logs", "parse", "-", input=log.read_text())
    print(f"  parse: {len(printed)} lines as they have to be")


def compact(work):
    logs, truth, table = work / "logs", work / "truth", work / "access_logs"
    # 40 days and two buckets, in 30 objects.
    brigade("logs", "generate", "--lines", LINES, "--files", 30, "--buckets", 2, "--rate", 0.002, "--malformed", 100,
            "--out", logs, "--truth", truth)
    first = json.loads(brigade("logs", "compact", logs, "--out", table, "--json"))
    again = json.loads(brigade("logs", "compact", logs, "--out", table, "--json", "--threads", 3))
    assert first["parts"] > 40 and first["existing"] == 0, first
    assert (again["parts"], again["inputs"], again["inputs_before"]) == (0, 0, first["inputs"]), again
    truth = told(truth.read_text())
    rejects = sum("reject" in line for line in truth)
    assert (first["lines"], first["rejects"]) == (len(truth), rejects), first
    assert not list(table.rglob(".*")), "an unnamed part was left behind"
    return table, truth, rejects


def read_with_all(table, truth, rejects):
    files = sorted(table.rglob("*.parquet"))
    names = pyarrow.parquet.ParquetFile(files[0]).schema_arrow.names
    expected = expected_rows(truth, names)

    found = collections.Counter()
    for file in files:
        read = pyarrow.parquet.ParquetFile(file).read().to_pydict()
        times = read["requestdatetime"]
        assert times == sorted(times), f"{file} is not sorted by time"
        assert {f"dt={time:%Y-%m-%d}" for time in times} <= {file.parent.name}, file
        found.update(row(values) for values in zip(*(read[name] for name in names)))
    same("pyarrow", found, expected)

    columns = ", ".join(f"epoch({name})::BIGINT AS {name}" if name == "requestdatetime" else f'"{name}"' for name in names)
    glob = f"{table}/**/*.parquet"
    found = collections.Counter(duckdb.sql(f"SELECT {columns} FROM read_parquet('{glob}', hive_partitioning = true)").fetchall())
    same("DuckDB", found, expected)
    kept = duckdb.sql(f"SELECT count(*), count(DISTINCT line) FROM read_parquet('{table}_rejects/*.parquet')").fetchall()
    assert kept[0][0] == rejects, kept

    try:
        import chdb
    except ImportError:
        print("  ClickHouse: chdb is not installed")
        return
    columns = ", ".join("toUnixTimestamp(requestdatetime)" if name == "requestdatetime" else f"`{name}`" for name in names)
    text = chdb.query(f"SELECT {columns} FROM file('{glob}', Parquet)", "JSONCompactEachRow").data()
    numbers = {"requestdatetime", "httpstatus", "bytessent", "objectsize", "totaltime", "turnaroundtime"}
    found = collections.Counter()
    for line in text.splitlines():
        values = zip(names, json.loads(line))
        found[tuple(int(value) if name in numbers and value is not None else value for name, value in values)] += 1
    same("ClickHouse", found, expected)


def queries(table, truth):
    ddl = json.loads(brigade("logs", "ddl", "--location", table, "--engine", "duckdb", "--json"))["duckdb"]
    database = duckdb.connect()
    database.execute(ddl)
    days = {"2026-11-22", "2026-11-23"}
    records = [r for r in truth if "reject" not in r and r["bucket_name"] == "photos" and r["requestdatetime"][:10] in days]
    run = {file.stem: database.execute(file.read_text()).fetchall() for file in (ROOT / "infra/queries").glob("*.sql")}
    assert len(run) == 4

    reads = {"REST.GET.OBJECT", "WEBSITE.GET.OBJECT", "REST.COPY.OBJECT_GET"}
    who = collections.Counter((r["requester"], r["key"]) for r in records if r["operation"] in reads and r["httpstatus"] in (200, 206))
    assert {(requester, key): requests for requester, key, requests, _ in run["who-read-what"]} == dict(who) and who
    refused = collections.Counter((r["requester"], r["operation"], r["errorcode"]) for r in records if r["httpstatus"] == 403)
    assert {tuple(found[:3]): found[3] for found in run["permission-errors"]} == dict(refused) and refused
    sent = collections.Counter()
    for record in records:
        if record["key"] is not None:
            sent[record["key"].split("/")[0]] += record["bytessent"] or 0
    assert {prefix: bytes_sent or 0 for prefix, _, bytes_sent in run["bytes-by-prefix"]} == dict(sent) and sent
    seen = {r["key"] for r in records if r["operation"] in reads and r["httpstatus"] in (200, 206, 304)}
    writes = {"REST.PUT.OBJECT", "REST.POST.UPLOAD", "REST.COPY.OBJECT"}
    unread = {r["key"] for r in records if r["operation"] in writes and r["httpstatus"] == 200} - seen
    assert {found[0] for found in run["objects-nobody-reads"]} == unread and unread
    print("  queries: four answers as they have to be")


def in_s3(work, table, endpoint):
    import boto3

    environment = dict(os.environ, AWS_ENDPOINT_URL=endpoint, AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="test",
                       AWS_SECRET_ACCESS_KEY="test")
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    for bucket in ("client-logs", "client-tables"):
        s3.create_bucket(Bucket=bucket)
    for file in sorted((work / "logs").iterdir()):
        s3.put_object(Bucket="client-logs", Key=f"photos/{file.name}", Body=file.read_bytes())
    command = ("logs", "compact", "s3://client-logs/photos/", "--out", "s3://client-tables/access_logs", "--json")
    first, again = (json.loads(brigade(*command, env=environment)) for _ in range(2))
    local = sum(pyarrow.parquet.ParquetFile(file).metadata.num_rows for file in table.rglob("*.parquet"))
    assert first["lines"] - first["rejects"] == local and first["parts"] > 40, first
    assert (again["parts"], again["inputs"], again["inputs_before"]) == (0, 0, first["inputs"]), again
    keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="client-tables") for o in page["Contents"]]
    keys = [key for key in keys if not key.startswith("access_logs_batches/")]
    assert len(keys) == first["parts"] and any(key.startswith("access_logs_rejects/") for key in keys), keys[:3]
    print(f"  S3: {first['inputs']} logs into {first['parts']} parts; none the second time")


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        parse(work)
        table, truth, rejects = compact(work)
        read_with_all(table, truth, rejects)
        queries(table, truth)
        if endpoint := os.environ.get("BRIGADE_ENDPOINT"):
            in_s3(work, table, endpoint)


if __name__ == "__main__":
    main()
