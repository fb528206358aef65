"""Server access logs under `brigade up`: what the AWS CLI does becomes rows of a table within a minute.

    BRIGADE_ENDPOINT=http://127.0.0.1:4566 .venv/bin/python tests/clients/access_logs.py

Turns a bucket's logging on with the AWS CLI, makes requests with it, waits for their rows in s3://tables/access_logs/, compares
each field that can be known with DuckDB, and runs the questions of infra/queries. Plain assertions.
"""

import datetime
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import uuid

import boto3
import duckdb

ENDPOINT = os.environ.get("BRIGADE_ENDPOINT", "http://127.0.0.1:4566")
KEYS = {"endpoint_url": ENDPOINT, "aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
WAIT = 60  # seconds within which traffic is queryable
ROOT = pathlib.Path(__file__).parents[2]

s3 = boto3.client("s3", **KEYS)
run = uuid.uuid4().hex[:8]
bucket = f"logged-{run}"


def aws(*arguments, expect=(0,)):
    """Runs the AWS CLI; answers its standard output."""
    program = pathlib.Path(sys.executable).parent / "aws"
    environment = dict(
        os.environ,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_CONFIG_FILE="/dev/null",
        AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        AWS_PAGER="",
    )
    command = [str(program), "--endpoint-url", ENDPOINT, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode in expect, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_table(folder):
    """Copies what is new in the table; parts never change."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="tables", Prefix=f"access_logs/bucket={bucket}/"):
        for entry in page.get("Contents", []):
            at = folder / entry["Key"]
            if not at.exists():
                at.parent.mkdir(parents=True, exist_ok=True)
                s3.download_file("tables", entry["Key"], str(at))


def query(folder, sql):
    if not any(folder.glob("**/*.parquet")):
        return []
    glob = f"{folder}/access_logs/**/*.parquet"
    view = f"CREATE VIEW access_logs AS SELECT * FROM read_parquet('{glob}', hive_partitioning = true, union_by_name = true)"
    connection = duckdb.connect()
    connection.execute(view)
    return connection.execute(sql).fetchall()


work = pathlib.Path(tempfile.mkdtemp(prefix="brigade-access-logs-"))
cat = work / "a cat.txt"
cat.write_text("0123456789")

aws("s3", "mb", f"s3://{bucket}")
logging = f'{{"LoggingEnabled": {{"TargetBucket": "logs", "TargetPrefix": "{bucket}/"}}}}'
aws("s3api", "put-bucket-logging", "--bucket", bucket, "--bucket-logging-status", logging)
assert f'"TargetPrefix": "{bucket}/"' in aws("s3api", "get-bucket-logging", "--bucket", bucket)
print("ok  logging is turned on by the AWS CLI")

begun = time.monotonic()
aws("s3", "cp", cat, f"s3://{bucket}/in/a cat.txt")
aws("s3", "cp", f"s3://{bucket}/in/a cat.txt", work / "copy.txt")
aws("s3api", "get-object", "--bucket", bucket, "--key", "in/none", work / "none", expect=(254, 255))  # version 2, version 1
aws("s3", "cp", f"s3://{bucket}/in/a cat.txt", f"s3://{bucket}/in/b")
aws("s3api", "delete-objects", "--bucket", bucket, "--delete", 'Objects=[{Key="in/a cat.txt"},{Key=in/b}]')
EXPECTED = {
    # operation: key, status, error, object size
    ("REST.PUT.OBJECT", "in/a%2520cat.txt", 200, None, 10),
    ("REST.GET.OBJECT", "in/a%2520cat.txt", 200, None, 10),
    ("REST.GET.OBJECT", "in/none", 404, "NoSuchKey", None),
    ("REST.COPY.OBJECT", "in/b", 200, None, 10),
    ("REST.COPY.OBJECT_GET", "in/a%2520cat.txt", 200, None, 10),
    ("REST.POST.MULTI_OBJECT_DELETE", None, 200, None, None),
    ("BATCH.DELETE.OBJECT", "in/a%20cat.txt", 204, None, None),
    ("BATCH.DELETE.OBJECT", "in/b", 204, None, None),
}
FIELDS = "SELECT operation, key, httpstatus, errorcode, objectsize FROM access_logs"

while True:
    copy_table(work)
    found = query(work, FIELDS)
    missing = EXPECTED - set(found)
    if not missing:
        break
    assert time.monotonic() - begun < WAIT, f"not within {WAIT} s: {missing}; there are {found}"
    time.sleep(0.5)
print(f"ok  {len(found)} requests are rows, {time.monotonic() - begun:.1f} s after the first of them")

for request, count in [(row, found.count(row)) for row in EXPECTED]:
    assert count == 1, f"{request} is there {count} times"
shared = query(work, "SELECT requestid, count(*) FROM access_logs WHERE operation LIKE '%DELETE%' AND key IS NOT NULL OR operation LIKE '%MULTI%' GROUP BY requestid")
assert [count for _, count in shared] == [3], shared
strange = query(
    work,
    f"""
    SELECT * FROM access_logs
    WHERE NOT (
        bucket_name = '{bucket}' AND "bucket" = '{bucket}' AND length(bucketowner) = 64 AND remoteip = '127.0.0.1'
        AND requester = 'arn:aws:iam::000000000000:user/test' AND sigv = 'SigV4' AND authtype = 'AuthHeader'
        AND length(hostid) >= 44 AND length(requestid) = 16 AND ciphersuite IS NULL AND tlsversion IS NULL
        AND (request_uri IS NULL OR request_uri LIKE '% /{bucket}% HTTP/1.1')
        AND (useragent IS NULL OR useragent LIKE '%aws-cli%')
        AND CAST(requestdatetime AS DATE) = "dt"
        AND abs(epoch(requestdatetime AT TIME ZONE 'UTC') - epoch(now())) < 86400
    )
    """,
)
assert strange == [], strange[0]
print("ok  every field is right")

# The bucket and the days that stand in each of them are an example's.
today = datetime.datetime.now(datetime.timezone.utc).date()
days = f"dt BETWEEN '{today - datetime.timedelta(days=1)}' AND '{today}'"


def answers(name):
    text = (ROOT / "infra/queries" / f"{name}.sql").read_text()
    own = text.replace("'photos'", f"'{bucket}'").replace("dt BETWEEN '2026-11-22' AND '2026-11-23'", days)
    assert days in own, name
    return query(work, own)


names = ["who-read-what", "permission-errors", "bytes-by-prefix", "objects-nobody-reads"]
who, errors, prefixes, unread = [answers(name) for name in names]
# Read once, and once more by the copy; the copy sends no bytes.
assert ("arn:aws:iam::000000000000:user/test", "in/a%2520cat.txt", 2, 10) in who, who
assert errors == [], errors
assert [row[0] for row in prefixes] == ["in"], prefixes
assert [row[0] for row in unread] == ["in/b"], unread
print("ok  the questions of infra/queries are answered")

aws("s3api", "put-bucket-logging", "--bucket", bucket, "--bucket-logging-status", "{}")
aws("s3", "rb", f"s3://{bucket}")
