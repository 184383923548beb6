-- What the benefit owners have confirmed: hours that are used elsewhere, an "of which" of what was freed, never an addition.

-- Nothing ever wrote this table. What was confirmed is read from the records themselves: see docs/adr/0009.
DROP TABLE IF EXISTS realisations;

CREATE VIEW IF NOT EXISTS realisations DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, realisation, revision, period_from, period_to, realised_ms, use, confirmed_by, programme,
       log_no, partition, offset, broker_time
FROM (
    SELECT log_no, partition, offset, broker_time,
           JSONExtractString(payload, 'data', 'authority') AS authority,
           JSONExtractString(payload, 'data', 'realisation') AS realisation,
           toUInt32(JSONExtractUInt(payload, 'data', 'revision')) AS revision,
           parseDateTime64BestEffort(JSONExtractString(payload, 'data', 'period_from'), 3, 'UTC') AS period_from,
           parseDateTime64BestEffort(JSONExtractString(payload, 'data', 'period_to'), 3, 'UTC') AS period_to,
           JSONExtractInt(payload, 'data', 'realised_ms') AS realised_ms,
           JSONExtractString(payload, 'data', 'use') AS use,
           JSONExtractString(payload, 'data', 'confirmed_by') AS confirmed_by,
           JSONExtractString(payload, 'data', 'programme') AS programme
    FROM records
    WHERE accepted = 1 AND event_type = 'dk.frigjort.benefit.realised.v1' AND payload != ''
)
ORDER BY authority, realisation, revision DESC, log_no, partition, offset
LIMIT 1 BY authority, realisation
COMMENT 'The newest confirmation of each: highest revision, then the lowest coordinate.';

-- A confirmation is at fault where another one of the same authority, programme and use covers a part of its period, or where
-- what was confirmed within its period is more than what was freed in it: net, of its programme, or of all where it names none.
CREATE VIEW IF NOT EXISTS realisation_faults DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    freed AS (
        SELECT r.authority AS authority, r.realisation AS realisation,
               sumIf(t.saved_ms, r.period_from <= t.completed_at AND t.completed_at < r.period_to AND r.programme IN ('', t.programme)) AS net_ms
        FROM realisations AS r
        LEFT JOIN (
            SELECT toString(authority) AS authority, toString(programme) AS programme, completed_at, assumeNotNull(saved_ms) AS saved_ms
            FROM treated_measurements
        ) AS t ON r.authority = t.authority
        GROUP BY r.authority, r.realisation
    ),
    pairs AS (
        SELECT a.authority AS authority, a.realisation AS realisation, a.programme AS programme, a.use AS use,
               a.period_from AS period_from, a.period_to AS period_to, b.realisation AS other, b.programme AS other_programme,
               b.use AS other_use, b.period_from AS other_from, b.period_to AS other_to, b.realised_ms AS other_ms
        FROM realisations AS a INNER JOIN realisations AS b ON a.authority = b.authority
    )
SELECT 'overlap' AS fault, authority, realisation, other, toInt64(0) AS realised_ms, toInt64(0) AS net_ms
FROM pairs
WHERE realisation < other AND programme = other_programme AND use = other_use AND period_from < other_to AND other_from < period_to
UNION ALL
SELECT 'more_than_freed', c.authority, c.realisation, '', c.claimed_ms, f.net_ms
FROM (
    SELECT authority, realisation, toInt64(sum(other_ms)) AS claimed_ms
    FROM pairs
    WHERE period_from <= other_from AND other_to <= period_to AND programme IN ('', other_programme)
    GROUP BY authority, realisation
) AS c INNER JOIN freed AS f ON c.authority = f.authority AND c.realisation = f.realisation
WHERE c.claimed_ms > greatest(f.net_ms, 0)
COMMENT 'Confirmations that cannot be right. While there is one, the authority''s realised hours are not reported.';
