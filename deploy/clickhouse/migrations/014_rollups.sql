-- Rollups: units (authority, day) recomputed whole, every run kept. See services/domain/rollups/ and docs/adr/0014.

-- One state of a task that counts, with its mark: version determines content, so the marks of a unit determine its rows. A
-- migration that gives progress_daily or progress_clusters another column gives this mark another content, too: then every
-- unit is computed anew, under runs of its own.
CREATE VIEW IF NOT EXISTS unit_tasks DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, day, task, sipHash64(task, version) AS mark, task_type, complexity, assistance, arm, status, grade, programme,
       work, audience, baseline, baseline_version, assignment, time_basis, outcome, study, cluster, counted_active_ms, capped,
       review_ms, rework_ms, effort_ms, credit_ms, saved_ms
FROM measurements FINAL
WHERE kind = 1
COMMENT 'Task states with what tells one from another: what units are computed from.';

CREATE VIEW IF NOT EXISTS unit_fingerprints DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, day, count() AS n, sum(mark) AS fingerprint FROM unit_tasks GROUP BY authority, day
COMMENT 'What each unit holds now: equal to n and run of its newest head, or it is not published yet.';

-- Where new rows came in: every insert into measurements is a part, whoever wrote it.
CREATE VIEW IF NOT EXISTS measurement_parts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT name, min_block_number, max_block_number, data_version FROM system.parts
WHERE database = currentDatabase() AND table = 'measurements' AND active;

CREATE VIEW IF NOT EXISTS part_authorities DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT DISTINCT _part AS part, toString(authority) AS authority FROM measurements;

ALTER TABLE progress_daily
    ADD COLUMN IF NOT EXISTS programme LowCardinality(String),
    ADD COLUMN IF NOT EXISTS work LowCardinality(String),
    ADD COLUMN IF NOT EXISTS audience LowCardinality(String),
    ADD COLUMN IF NOT EXISTS baseline LowCardinality(String),
    ADD COLUMN IF NOT EXISTS baseline_version UInt32,
    ADD COLUMN IF NOT EXISTS assignment LowCardinality(String),
    ADD COLUMN IF NOT EXISTS time_basis LowCardinality(String),
    MODIFY ORDER BY (authority, day, run, task_type, complexity, assistance, arm, status, grade, programme, work, audience,
                     baseline, baseline_version, assignment, time_basis);
ALTER TABLE progress_daily
    ADD COLUMN IF NOT EXISTS role LowCardinality(String) COMMENT 'control, treated or comparison: follows from arm and assistance',
    ADD COLUMN IF NOT EXISTS n_credit UInt64 COMMENT 'with a credit',
    ADD COLUMN IF NOT EXISTS n_capped UInt64,
    ADD COLUMN IF NOT EXISTS n_reworked UInt64 COMMENT 'with rework',
    ADD COLUMN IF NOT EXISTS n_abandoned UInt64 COMMENT 'measured, without credit',
    ADD COLUMN IF NOT EXISTS n_escalated UInt64 COMMENT 'measured, without credit',
    ADD COLUMN IF NOT EXISTS n_induced UInt64 COMMENT 'measured, without credit',
    ADD COLUMN IF NOT EXISTS active_ms Int64 COMMENT 'counted active time of tasks with a credit',
    ADD COLUMN IF NOT EXISTS review_ms Int64 COMMENT 'of tasks with a credit, where known',
    ADD COLUMN IF NOT EXISTS rework_ms Int64 COMMENT 'of tasks with a credit, where known',
    ADD COLUMN IF NOT EXISTS abandoned_ms Int64 COMMENT 'effort without credit, of measured tasks',
    ADD COLUMN IF NOT EXISTS escalated_ms Int64 COMMENT 'effort without credit, of measured tasks',
    ADD COLUMN IF NOT EXISTS induced_ms Int64 COMMENT 'effort without credit, of measured tasks';
ALTER TABLE progress_daily COMMENT COLUMN gross_ms 'credit - counted active time of tasks with a credit';

-- What intervals need: sums of treated and control tasks that are measured, by cluster.
CREATE TABLE IF NOT EXISTS progress_clusters (
    authority LowCardinality(String),
    day Date,
    run UInt64,
    task_type LowCardinality(String),
    complexity LowCardinality(String),
    role LowCardinality(String),
    cluster String COMMENT 'token of the case or team; a task without one is its own: a blank before its name',
    baseline LowCardinality(String) COMMENT 'that gave the credit; empty: no credit',
    baseline_version UInt32,
    programme LowCardinality(String),
    study LowCardinality(String),
    n UInt64,
    n_credit UInt64,
    effort_ms Int64,
    credit_ms Int64,
    active_ms Int64,
    review_ms Int64,
    rework_ms Int64,
    abandoned_ms Int64,
    escalated_ms Int64,
    induced_ms Int64
) ENGINE = ReplacingMergeTree
ORDER BY (authority, day, run, task_type, complexity, role, cluster, baseline, baseline_version, programme, study)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- A head says that the rows of a run are published. The database stamps it when it stores it, so a writer that sleeps between
-- computing and storing publishes when it stores. Nothing replaces a head: two writers number theirs apart.
ALTER TABLE unit_heads
    ADD COLUMN IF NOT EXISTS rows FixedString(32) COMMENT 'SHA-256 of the rows of the run, of both tables',
    ADD COLUMN IF NOT EXISTS previous FixedString(32) COMMENT 'head before; zero for the first',
    ADD COLUMN IF NOT EXISTS not_before DateTime64(3, 'UTC') COMMENT 'a millisecond after the head before';
ALTER TABLE unit_heads MODIFY COLUMN published_at DateTime64(3, 'UTC') DEFAULT greatest(now64(3, 'UTC'), not_before);
ALTER TABLE unit_heads ADD COLUMN IF NOT EXISTS head FixedString(32) DEFAULT SHA256(concat(
    authority, '/', toString(toUInt16(day)), '/', toString(seq), '/', toString(run), '/', toString(n), '/',
    toString(toUnixTimestamp64Milli(published_at)), '/', lower(hex(rows)), '/', lower(hex(previous))));
ALTER TABLE unit_heads COMMENT COLUMN seq 'number of the head in its unit times 2^32, and who wrote it';

CREATE VIEW IF NOT EXISTS publications DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, day, seq, run, n, rows, previous, head, not_before, published_at,
       leadInFrame(published_at, 1, toDateTime64('2200-01-01', 3, 'UTC')) OVER (PARTITION BY authority, day
           ORDER BY published_at, seq ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS shown_until
FROM unit_heads FINAL
COMMENT 'Every head: its run was shown from published_at until shown_until (2200: now).';

CREATE VIEW IF NOT EXISTS current_heads DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, day, newest.1 AS seq, newest.2 AS run, newest.3 AS n, newest.4 AS head, newest.5 AS published_at
FROM (SELECT authority, day, argMax((seq, run, n, head, published_at), (published_at, seq)) AS newest
      FROM unit_heads GROUP BY authority, day)
COMMENT 'The newest head of each unit.';

CREATE VIEW IF NOT EXISTS current_progress DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT figures.*, sector
FROM (SELECT * FROM progress_daily FINAL WHERE (authority, day, run) IN (SELECT authority, day, run FROM current_heads)) AS figures
LEFT JOIN current_authorities ON figures.authority = current_authorities.authority
COMMENT 'The rollup as it stands published: what dashboards read. The sector is the one of now.';

CREATE VIEW IF NOT EXISTS current_cluster_sums DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM progress_clusters FINAL WHERE (authority, day, run) IN (SELECT authority, day, run FROM current_heads)
COMMENT 'Sums by cluster as they stand published: what intervals are computed from.';

CREATE VIEW IF NOT EXISTS published_progress DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT figures.*, published_at, shown_until
FROM (SELECT * FROM progress_daily FINAL) AS figures
INNER JOIN publications ON figures.authority = publications.authority AND figures.day = publications.day AND figures.run = publications.run
COMMENT 'As published at T: published_at <= T AND T < shown_until.';

CREATE VIEW IF NOT EXISTS published_cluster_sums DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT sums.*, published_at, shown_until
FROM (SELECT * FROM progress_clusters FINAL) AS sums
INNER JOIN publications ON sums.authority = publications.authority AND sums.day = publications.day AND sums.run = publications.run
COMMENT 'As published at T: published_at <= T AND T < shown_until.';

-- For verifying: every row, with a head or without.
CREATE VIEW IF NOT EXISTS progress_rows DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM progress_daily;

CREATE VIEW IF NOT EXISTS cluster_rows DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM progress_clusters;
