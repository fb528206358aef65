-- Which requester read which key, how often, and how many bytes. No requester: an anonymous request.
SELECT requester, key, count(*) AS requests, sum(bytessent) AS bytes
FROM access_logs
WHERE bucket = 'photos'
  AND dt BETWEEN '2026-11-22' AND '2026-11-23'
  AND operation IN ('REST.GET.OBJECT', 'WEBSITE.GET.OBJECT', 'REST.COPY.OBJECT_GET')
  AND httpstatus IN (200, 206)
GROUP BY requester, key
ORDER BY requests DESC, requester, key
LIMIT 1000;
