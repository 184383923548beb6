-- What an auditor should look at, with its reason. Nothing is ever left out of a figure because of a flag. See docs/measuring.md.

CREATE TABLE IF NOT EXISTS plausibility_limits (
    flag LowCardinality(String),
    limit_version UInt32,
    value Float64 COMMENT 'flagged beyond this',
    least_tasks UInt64 COMMENT 'of fewer tasks nothing is said',
    reason String COMMENT 'what it may mean',
    source String COMMENT 'why this limit'
) ENGINE = ReplacingMergeTree ORDER BY (flag, limit_version)
COMMENT 'Limits are data: a new version beside the old one, never a change. The newest version counts.';

INSERT INTO plausibility_limits (flag, limit_version, value, least_tasks, reason, source) VALUES
    ('above_staff_hours', 1, 0.5, 1, 'net hours freed in a week against the paid hours of the authority', 'over half of all paid hours in one week is more than any documented effect'),
    ('more_tasks_per_case', 1, 1.5, 200, 'tasks per case against the data of the baseline: one piece of work may be reported as several', 'half as many again'),
    ('round_minutes', 1, 0.5, 50, 'share of active times that are whole multiples of five minutes: they were estimated, not measured', 'measured times hit one in 300 seconds'),
    ('no_effort', 1, 0.05, 50, 'share of credited tasks without any effort: the whole baseline was counted as freed', 'work that a person answers for takes time'),
    ('sudden_jump', 1, 5, 30, 'mean saved per task in a week against the eight weeks before, in robust standard deviations', 'five: one in a million weeks of steady work'),
    ('self_reported', 1, 0.2, 50, 'share of effort that people reported themselves', 'people misjudge their own time by more than a fifth'),
    ('capped_by_arm', 1, 3, 200, 'share of capped times, treatment against control, in standard errors of the difference: a cap that cuts one arm more shifts the effect', 'three: one in 400 by chance'),
    ('no_cluster', 1, 0.1, 50, 'share of tasks without a case or team: the interval takes them for independent', 'a tenth'),
    ('arm_after_start', 1, 0, 1, 'records refused because the arm was assigned after the work began', 'none is right');

CREATE VIEW IF NOT EXISTS treated_measurements DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM task_measurements
WHERE status = 'measured' AND (arm = 'treatment' OR (arm = '' AND assistance != 'none'))
COMMENT 'Measured tasks that AI freed time in, or cost it: drawn to be done with AI, or done with it without a draw.';

CREATE VIEW IF NOT EXISTS plausibility_flags DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    limits AS (
        SELECT flag, argMax(value, limit_version) AS limit_value, argMax(least_tasks, limit_version) AS least, argMax(reason, limit_version) AS why
        FROM plausibility_limits FINAL GROUP BY flag
    ),
    staff AS (
        SELECT authority, argMax(staff_hours, authority_version) AS yearly FROM authorities FINAL GROUP BY authority
    ),
    weeks AS (
        SELECT authority, toMonday(day) AS week, count() AS n, sum(saved_ms) / 3600000 AS freed FROM treated_measurements GROUP BY authority, week
    ),
    cases AS (
        SELECT authority, task_type, complexity, count() AS n, uniqExact(cluster) AS found,
               sum(b.n / b.clusters) / count() AS expected
        FROM task_measurements AS t
        INNER JOIN (SELECT baseline, baseline_version, n, clusters FROM baselines FINAL WHERE kind = 'published') AS b
            ON t.baseline = b.baseline AND t.baseline_version = b.baseline_version
        WHERE cluster_kind = 'case'
        GROUP BY authority, task_type, complexity
    ),
    means AS (
        SELECT authority, task_type, toMonday(day) AS week, count() AS n, sum(saved_ms) / n AS mean, sum(credit_ms) / n AS credit
        FROM treated_measurements WHERE credit_ms > 0 GROUP BY authority, task_type, week
    ),
    before AS (
        SELECT authority, task_type, week, n, mean, credit, groupArray(mean) OVER (
            PARTITION BY authority, task_type ORDER BY week ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING) AS earlier
        FROM means WHERE n >= (SELECT least FROM limits WHERE flag = 'sudden_jump')
    ),
    arms AS (
        SELECT authority, task_type, countIf(arm = 'treatment') AS t, countIf(arm = 'control') AS c,
               countIf(arm = 'treatment' AND capped = 1) AS t_cut, countIf(arm = 'control' AND capped = 1) AS c_cut
        FROM task_measurements WHERE time_basis = 'elapsed' GROUP BY authority, task_type HAVING t > 0 AND c > 0
    ),
    found AS (
        SELECT 'above_staff_hours' AS flag, toString(w.authority) AS authority, '' AS task_type, toString(week) AS part, n,
               freed / (yearly / 52) AS value
        FROM weeks AS w INNER JOIN staff AS s ON toString(w.authority) = s.authority WHERE yearly > 0
        UNION ALL
        SELECT 'more_tasks_per_case', toString(authority), toString(task_type), toString(complexity), n, n / found / expected FROM cases
        UNION ALL
        SELECT 'round_minutes', toString(authority), toString(task_type), toString(time_basis), count(), countIf(active_ms % 300000 = 0) / count()
        FROM task_measurements WHERE active_ms > 0 GROUP BY authority, task_type, time_basis
        UNION ALL
        SELECT 'no_effort', toString(authority), toString(task_type), '', count(), countIf(effort_ms = 0) / count()
        FROM treated_measurements WHERE credit_ms > 0 GROUP BY authority, task_type
        UNION ALL
        SELECT 'sudden_jump', toString(authority), toString(task_type), toString(week), n,
               abs(mean - arrayReduce('median', earlier))
                   / greatest(1.4826 * arrayReduce('median', arrayMap(m -> abs(m - arrayReduce('median', earlier)), earlier)), credit / 100)
        FROM before WHERE length(earlier) >= 4
        UNION ALL
        SELECT 'self_reported', toString(authority), '', '', count(), sumIf(effort_ms, time_basis = 'self_reported') / greatest(sum(effort_ms), 1)
        FROM task_measurements GROUP BY authority
        UNION ALL
        SELECT 'capped_by_arm', toString(authority), toString(task_type), '', least(t, c),
               abs(t_cut / t - c_cut / c) / sqrt((t_cut + c_cut) / (t + c) * (1 - (t_cut + c_cut) / (t + c)) * (1 / t + 1 / c))
        FROM arms WHERE t_cut + c_cut BETWEEN 1 AND t + c - 1
        UNION ALL
        SELECT 'no_cluster', toString(authority), '', '', count(), countIf(cluster = '') / count() FROM task_measurements GROUP BY authority
        UNION ALL
        SELECT 'arm_after_start', splitByChar('.', toString(topic))[-1], '', '', count(), toFloat64(count())
        FROM rejections WHERE code = 'assigned_after_start' GROUP BY topic
    )
SELECT f.flag AS flag, f.authority AS authority, f.task_type AS task_type, f.part AS part, f.n AS tasks, f.value AS value,
       limit_value, why AS reason
FROM found AS f INNER JOIN limits ON f.flag = limits.flag
WHERE f.n >= least AND f.value > limit_value
COMMENT 'What is implausible, per authority, task type and part (week, complexity or time basis). A flag explains, it excludes nothing.';

CREATE VIEW IF NOT EXISTS plausibility_limit_versions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM plausibility_limits FINAL;
