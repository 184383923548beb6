-- Figures: what is said of a scope and a period, with interval and grade. Computed from rollups, as they were shown at one moment, by
-- services/domain/figures/; docs/adr/0015.

CREATE TABLE IF NOT EXISTS figures (
    scope_kind LowCardinality(String) COMMENT 'nation, sector, authority or task_type',
    scope String,
    period_kind LowCardinality(String) COMMENT 'total, rate (the last twelve mature months, or fewer), month, until (all until the end of a month)',
    first_day Date,
    last_day Date,
    published_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'),
    shown_at DateTime64(3, 'UTC') COMMENT 'it was computed from the rollups that were shown then',
    generation UInt64 COMMENT 'newest baseline publication or withdrawal that was known',
    minimum_grade LowCardinality(String),
    tasks UInt64,
    measured UInt64,
    unmeasured UInt64,
    incomplete UInt64,
    treated UInt64,
    control UInt64,
    compared UInt64 COMMENT 'without AI and without a draw: not causal',
    controlled UInt64 COMMENT 'treated in cells with a sufficient control',
    provisional UInt64 COMMENT 'treated of days that ended less than 90 days ago',
    excluded UInt64 COMMENT 'treated whose grade is lower than the one that was set in advance',
    step Array(LowCardinality(String)) COMMENT 'of the waterfall, in order',
    ms Array(Int64),
    low_ms Array(Nullable(Float64)) COMMENT '95 %; null where nothing shows the spread',
    high_ms Array(Nullable(Float64)),
    adjusted_grade LowCardinality(String) COMMENT 'empty: nothing is adjusted',
    net_grade LowCardinality(String) COMMENT 'of what has no sufficient control; empty: nothing',
    drift Nullable(Float64),
    drift_low Nullable(Float64),
    drift_high Nullable(Float64),
    drift_clusters UInt64,
    excluded_net_ms Int64
) ENGINE = ReplacingMergeTree ORDER BY (scope_kind, scope, period_kind, first_day, last_day, published_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS published_figures DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM figures FINAL
COMMENT 'Every figure that was ever shown: from published_at until the next one of its scope and period.';

-- The window of the run-rate moves, so its figure takes the place of the one before; other periods stay what they are.
CREATE VIEW IF NOT EXISTS current_figures DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM figures FINAL
WHERE (scope_kind, scope, period_kind, if(period_kind = 'rate', toDate(0), last_day), published_at) IN (
    SELECT scope_kind, scope, period_kind, if(period_kind = 'rate', toDate(0), last_day) AS slot, max(published_at)
    FROM figures GROUP BY scope_kind, scope, period_kind, slot)
COMMENT 'The figures as they are shown.';

CREATE VIEW IF NOT EXISTS current_steps DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT scope_kind, scope, period_kind, first_day, last_day, published_at, position, name, amount_ms, amount_ms / 3600000 AS hours,
       lower_ms / 3600000 AS low_hours, upper_ms / 3600000 AS high_hours
FROM current_figures
ARRAY JOIN step AS name, ms AS amount_ms, low_ms AS lower_ms, high_ms AS upper_ms, arrayEnumerate(step) AS position
COMMENT 'The waterfall of each figure, a step a row.';

CREATE TABLE IF NOT EXISTS scenarios (
    computed_at DateTime64(3, 'UTC') COMMENT 'from the figures that were shown then; the newest ones are shown',
    scenario LowCardinality(String) COMMENT 'constant, damped, saturation: docs/measuring.md, section 18; empty: none can be given',
    until Date COMMENT 'what is freed until the end of this day',
    ms Float64,
    low_ms Nullable(Float64) COMMENT 'the effect at the end of its interval, one draw for all months; says nothing of adoption',
    high_ms Nullable(Float64)
) ENGINE = ReplacingMergeTree ORDER BY (computed_at, scenario, until)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS current_scenarios DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT scenario, until, ms / 3600000 AS hours, low_ms / 3600000 AS low_hours, high_ms / 3600000 AS high_hours, computed_at
FROM scenarios FINAL WHERE computed_at = (SELECT max(computed_at) FROM scenarios) AND scenario != ''
COMMENT 'Where it leads: three named scenarios, none of them a 95 % forecast.';

-- The view plausibility_flags reads all measurements several times: seconds at national scale. What is looked at is counted seldom.
CREATE TABLE IF NOT EXISTS flag_counts (
    computed_at DateTime64(3, 'UTC'),
    flag LowCardinality(String) COMMENT 'empty: the row that says that they were counted',
    authority LowCardinality(String),
    times UInt64
) ENGINE = ReplacingMergeTree ORDER BY (computed_at, flag, authority)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE VIEW IF NOT EXISTS current_flag_counts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT flag, authority, times, computed_at FROM flag_counts FINAL
WHERE computed_at = (SELECT max(computed_at) FROM flag_counts) AND flag != ''
COMMENT 'How often each plausibility flag was raised of an authority when they were last counted.';

ALTER TABLE targets
    ADD COLUMN IF NOT EXISTS set_by String DEFAULT 'migration' COMMENT 'who decided',
    ADD COLUMN IF NOT EXISTS set_at DateTime64(3, 'UTC') DEFAULT toDateTime64(0, 3, 'UTC') COMMENT '1970: with the schema';

CREATE OR REPLACE VIEW target_versions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT name, target_version, value, unit, source, set_by, set_at FROM targets FINAL
COMMENT 'Targets, norms and choices made in advance: every version.';

INSERT INTO targets (name, target_version, value, unit, source) VALUES
    ('deadline', 1, 2035, 'calendar year at the end of which the target is due', 'the goal: by 2035'),
    ('estimator', 1, 1, '1: adjusted where a sufficient control exists, net elsewhere, shown apart', 'docs/measuring.md, section 5');
