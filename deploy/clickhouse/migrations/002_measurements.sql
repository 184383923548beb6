-- The newest state of each task. Which event wins: highest revision; at equal revision a retraction; then the lowest
-- coordinate; then rules; then generation, always last.

CREATE TABLE IF NOT EXISTS measurements (
    authority LowCardinality(String),
    task String,
    revision UInt32,
    kind UInt8 COMMENT '1 state, 2 retracted',
    log_no UInt32,
    partition UInt16,
    offset UInt64,
    rules UInt32,
    generation UInt64 COMMENT 'newest baseline publication, withdrawal or authority applied',
    broker_time DateTime64(3, 'UTC'),
    day Date COMMENT 'UTC day of completion',
    started_at DateTime64(3, 'UTC'),
    completed_at DateTime64(3, 'UTC'),
    task_type LowCardinality(String),
    complexity LowCardinality(String),
    time_basis LowCardinality(String),
    assistance LowCardinality(String),
    assignment LowCardinality(String),
    arm LowCardinality(String) COMMENT 'empty: not drawn',
    origin LowCardinality(String),
    outcome LowCardinality(String),
    work LowCardinality(String),
    audience LowCardinality(String),
    programme LowCardinality(String),
    study LowCardinality(String),
    stratum LowCardinality(String),
    cluster String COMMENT 'opaque token; empty: the task is its own cluster',
    cluster_kind LowCardinality(String),
    active_ms Int64 COMMENT 'as sent',
    review_ms Nullable(Int64) COMMENT 'NULL: unknown',
    rework_ms Nullable(Int64) COMMENT 'NULL: unknown',
    predicted_without_ai_ms Nullable(Int64),
    predicted_with_ai_ms Nullable(Int64),
    status LowCardinality(String) COMMENT 'measured, unmeasured (no baseline) or incomplete (assisted, review or rework unknown)',
    counted_active_ms Int64 COMMENT 'active time up to the idle cap',
    capped UInt8,
    effort_ms Int64 COMMENT 'counted active + review + rework',
    credit_ms Nullable(Int64) COMMENT 'the baseline, for a finished task; NULL: none',
    saved_ms Nullable(Int64) COMMENT 'credit - effort, signed; NULL: not measured',
    baseline LowCardinality(String),
    baseline_version UInt32,
    baseline_level LowCardinality(String),
    grade LowCardinality(String) COMMENT 'grade of the baseline',
    version UInt256 MATERIALIZED bitOr(bitOr(bitOr(bitOr(bitOr(bitOr(
        bitShiftLeft(toUInt256(revision), 216), bitShiftLeft(toUInt256(kind), 208)),
        bitShiftLeft(toUInt256(bitNot(log_no)), 176)), bitShiftLeft(toUInt256(bitNot(partition)), 160)),
        bitShiftLeft(toUInt256(bitNot(offset)), 96)), bitShiftLeft(toUInt256(rules), 64)), toUInt256(generation))
) ENGINE = ReplacingMergeTree(version) ORDER BY (authority, task)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_bytes_for_wide_part = 134217728, merge_selector_base = 10
COMMENT 'Version determines content and is a total order, so writing again, late or twice changes nothing. Read FINAL.';

CREATE VIEW IF NOT EXISTS task_measurements DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, task, revision, day, started_at, completed_at, task_type, complexity, time_basis, assistance, assignment,
       arm, origin, outcome, work, audience, programme, study, stratum, cluster, cluster_kind, active_ms, counted_active_ms,
       capped, review_ms, rework_ms, effort_ms, credit_ms, saved_ms, status, baseline, baseline_version, baseline_level,
       grade, predicted_without_ai_ms, predicted_with_ai_ms, generation, rules, log_no, partition, offset, broker_time
FROM measurements FINAL
WHERE kind = 1;

CREATE VIEW IF NOT EXISTS hours_freed_daily DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, day, count() AS tasks, countIf(status = 'measured') AS measured_tasks,
       sumIf(saved_ms, status = 'measured') AS saved_ms, saved_ms / 3600000 AS hours_freed,
       sumIf(credit_ms - counted_active_ms, status = 'measured') / 3600000 AS gross_hours
FROM task_measurements GROUP BY authority, day;

CREATE VIEW IF NOT EXISTS hours_freed_by_authority DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, count() AS tasks, countIf(status = 'measured') AS measured_tasks,
       sumIf(saved_ms, status = 'measured') AS saved_ms, saved_ms / 3600000 AS hours_freed,
       sumIf(credit_ms - counted_active_ms, status = 'measured') / 3600000 AS gross_hours
FROM task_measurements GROUP BY authority;

CREATE VIEW IF NOT EXISTS hours_freed_by_task_type DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT task_type, complexity, count() AS tasks, countIf(status = 'measured') AS measured_tasks,
       sumIf(saved_ms, status = 'measured') AS saved_ms, saved_ms / 3600000 AS hours_freed,
       sumIf(credit_ms - counted_active_ms, status = 'measured') / 3600000 AS gross_hours
FROM task_measurements GROUP BY task_type, complexity;

CREATE VIEW IF NOT EXISTS coverage DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, task_type, count() AS tasks, countIf(status = 'measured') AS measured, countIf(status = 'unmeasured') AS unmeasured,
       countIf(status = 'incomplete') AS incomplete, countIf(capped = 1) AS capped, measured / tasks AS measured_share
FROM task_measurements GROUP BY authority, task_type;
