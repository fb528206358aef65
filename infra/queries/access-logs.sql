-- Questions to the table that the compaction function makes. They run in Athena (Trino) and in DuckDB as they stand; name the
-- days that you ask for in each, since a partition that is not named is not read. `tests/clients/access_logs.py` runs them.
--
-- In DuckDB, first:
--   CREATE VIEW access_logs AS
--   SELECT * FROM read_parquet('s3://TABLES/access_logs/**/*.parquet', hive_partitioning = true, union_by_name = true);

-- who-read-what: objects that were read, by whom and how often.
SELECT requester, key, count(*) AS reads, sum(bytessent) AS bytes
FROM access_logs
WHERE dt >= current_date - INTERVAL '7' DAY AND operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT') AND httpstatus IN (200, 206)
GROUP BY requester, key
ORDER BY reads DESC, key
LIMIT 100;

-- permission-errors: who is refused, at what.
SELECT requester, operation, key, errorcode, count(*) AS refused, max(requestdatetime) AS latest
FROM access_logs
WHERE dt >= current_date - INTERVAL '7' DAY AND httpstatus = 403
GROUP BY requester, operation, key, errorcode
ORDER BY refused DESC, key
LIMIT 100;

-- bytes-by-prefix: what is sent out, by the first folder of the key.
SELECT split_part(key, '/', 1) AS prefix, count(*) AS requests, sum(bytessent) AS bytes
FROM access_logs
WHERE dt >= current_date - INTERVAL '7' DAY AND key IS NOT NULL
GROUP BY split_part(key, '/', 1)
ORDER BY bytes DESC NULLS LAST, prefix
LIMIT 100;

-- nobody-reads: objects that were written in these days and never read since. (Older objects are in no log: compare with an
-- inventory of the bucket to find those.)
SELECT key, max(objectsize) AS bytes, max(requestdatetime) AS written
FROM access_logs
WHERE dt >= current_date - INTERVAL '30' DAY AND key IS NOT NULL
GROUP BY key
HAVING count(CASE WHEN operation IN ('REST.PUT.OBJECT', 'REST.POST.UPLOAD', 'REST.COPY.OBJECT') THEN 1 END) > 0
   AND count(CASE WHEN operation IN ('REST.GET.OBJECT', 'REST.COPY.OBJECT_GET') THEN 1 END) = 0
ORDER BY bytes DESC NULLS LAST, key
LIMIT 100;
