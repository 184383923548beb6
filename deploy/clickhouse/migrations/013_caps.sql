-- Every figure at half and at double the idle cap: how much of it hangs on where time was cut. docs/measuring.md, section 15.

CREATE VIEW IF NOT EXISTS baselines_at_caps DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT (median_ms, p90_ms)
       REPLACE (if(at = 'half', intDiv(cap_ms, 2), 2 * cap_ms) AS cap_ms,
                if(isNull(cap_ms), mean_ms, JSONExtract(payload, 'data', concat('mean_', at, '_cap_ms'), 'Nullable(Int64)')) AS mean_ms,
                if(isNull(cap_ms), standard_error_ms,
                   JSONExtract(payload, 'data', concat('standard_error_', at, '_cap_ms'), 'Nullable(Int64)')) AS standard_error_ms)
FROM (SELECT *, arrayJoin(['half', 'double']) AS at FROM baselines FINAL WHERE kind = 'published')
ORDER BY generation, digest LIMIT 1 BY at, baseline, baseline_version
COMMENT 'Each published version at half and at double its cap. NULL mean: it has a cap and does not say; without one all caps are the same.';

-- As a baseline with that cap would have measured the task. Tested against the reference model under such baselines.
CREATE VIEW IF NOT EXISTS task_roles_at_caps DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT (at_active_ms, at_effort_ms, at_credit_ms, at_status)
       REPLACE (at_active_ms AS counted_active_ms, toUInt8(at_active_ms < active_ms) AS capped, at_effort_ms AS effort_ms,
                at_credit_ms AS credit_ms, toLowCardinality(at_status) AS status,
                if(at_status = 'measured', coalesce(at_credit_ms, 0) - at_effort_ms, NULL) AS saved_ms)
FROM (
    SELECT tasks.*,
           if(time_basis = 'elapsed' AND isNotNull(cap_ms), least(active_ms, assumeNotNull(cap_ms)), active_ms) AS at_active_ms,
           at_active_ms + coalesce(review_ms, 0) + coalesce(rework_ms, 0) AS at_effort_ms,
           if(isNull(credit_ms), NULL, mean_ms) AS at_credit_ms,
           if(status = 'measured' AND isNotNull(credit_ms) AND isNull(mean_ms), 'unmeasured', toString(status)) AS at_status
    FROM (SELECT *, arrayJoin(['half', 'double']) AS at FROM task_roles) AS tasks
    LEFT JOIN (SELECT at, baseline, baseline_version, cap_ms, mean_ms FROM baselines_at_caps) AS versions
        ON tasks.at = versions.at AND tasks.baseline = versions.baseline AND tasks.baseline_version = versions.baseline_version
)
COMMENT 'Each task twice: at half and at double its cap. Unmeasured there with a baseline: that one does not say its mean at this cap.';
