-- Requests and bytes sent by the first folder of the key.
SELECT split_part(key, '/', 1) AS prefix, count(*) AS requests, sum(bytessent) AS bytes
FROM access_logs
WHERE bucket = 'photos'
  AND dt BETWEEN '2026-11-22' AND '2026-11-23'
  AND key IS NOT NULL
GROUP BY split_part(key, '/', 1)
ORDER BY bytes DESC NULLS LAST, prefix
LIMIT 1000;
