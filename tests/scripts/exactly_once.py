"""5,000 log objects through the real function under SIGKILL, watched by DuckDB.

    .venv/bin/python tests/scripts/exactly_once.py [OBJECTS]        (needs the package duckdb)

Runs `tests/tests/compact/kills.rs` with a folder to which each part is copied, under its own name, as soon as a glob over S3
shows it. While that goes on, DuckDB globs the folder again and again and counts: no line is there twice at any moment. In the
end the lines are those that were logged.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import duckdb

ROOT = pathlib.Path(__file__).parents[2]
objects = sys.argv[1] if len(sys.argv) > 1 else "5000"
mirror = pathlib.Path(tempfile.mkdtemp(prefix="brigade-exactly-once-"))
glob = f"{mirror}/access_logs/**/*.parquet"

command = ["cargo", "test", "--workspace", "--test", "compact", "each_line_is_there_once", "--", "--nocapture"]
environment = dict(os.environ, BRIGADE_TEST_LOG_OBJECTS=objects, BRIGADE_TEST_MIRROR=str(mirror))
run = subprocess.Popen(command, cwd=ROOT, env=environment)

reads = 0
while run.poll() is None:
    if any(mirror.glob("access_logs/**/*.parquet")):
        counts = duckdb.sql(f"SELECT count(*), count(DISTINCT requestid) FROM read_parquet('{glob}')").fetchall()
        lines, distinct = counts[0]
        assert lines == distinct, f"after {reads} reads: {lines} lines, of which {distinct} are distinct"
        reads += 1
    time.sleep(0.2)
assert run.returncode == 0, f"the test failed: {run.returncode}"

truth = sorted((mirror / "truth.txt").read_text().split("\n"))
found = sorted(row[0] for row in duckdb.sql(f"SELECT requestid FROM read_parquet('{glob}')").fetchall())
assert found == truth, f"{len(found)} lines, and {len(truth)} were logged"
print(f"ok  {objects} log objects, {len(truth)} lines, each once; DuckDB read the table {reads} times meanwhile, and saw none twice")
