-- Keys that were written in these days and that no request read in them, the largest first.
SELECT key, max(objectsize) AS size, max(requestdatetime) AS written
FROM access_logs
WHERE bucket = 'photos'
  AND dt BETWEEN '2026-11-22' AND '2026-11-23'
  AND operation IN ('REST.PUT.OBJECT', 'REST.POST.UPLOAD', 'REST.COPY.OBJECT')
  AND httpstatus = 200
  AND key NOT IN (
    SELECT key
    FROM access_logs
    WHERE bucket = 'photos'
      AND dt BETWEEN '2026-11-22' AND '2026-11-23'
      AND operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT', 'REST.COPY.OBJECT_GET')
      AND httpstatus IN (200, 206, 304)
      AND key IS NOT NULL
  )
GROUP BY key
ORDER BY size DESC NULLS LAST, key
LIMIT 1000;
