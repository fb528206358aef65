-- Who is refused, by operation and error code, with the last time.
SELECT requester, operation, errorcode, count(*) AS requests, max(requestdatetime) AS last
FROM access_logs
WHERE bucket = 'photos'
  AND dt BETWEEN '2026-11-22' AND '2026-11-23'
  AND httpstatus = 403
GROUP BY requester, operation, errorcode
ORDER BY requests DESC, requester, operation, errorcode
LIMIT 1000;
