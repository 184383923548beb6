-- What the registry has published. Never updated: the digest stands in the key, so two contents under one number are seen.

CREATE TABLE IF NOT EXISTS baselines (
    baseline String,
    baseline_version UInt32,
    kind LowCardinality(String) COMMENT 'published or withdrawn',
    generation UInt64,
    digest FixedString(32) COMMENT 'SHA-256 of payload',
    published_at DateTime64(3, 'UTC'),
    level LowCardinality(String),
    authority LowCardinality(String),
    sector LowCardinality(String),
    task_type LowCardinality(String),
    complexity LowCardinality(String),
    valid_from DateTime64(3, 'UTC'),
    valid_to DateTime64(3, 'UTC'),
    expires_at DateTime64(3, 'UTC'),
    n UInt64,
    clusters UInt64,
    mean_ms Int64,
    standard_error_ms Int64,
    median_ms Int64,
    p90_ms Int64,
    cap_ms Nullable(Int64),
    between_authority_sd_ms Nullable(Int64),
    method LowCardinality(String),
    grade LowCardinality(String),
    evidence_source LowCardinality(String),
    evidence_sha256 String,
    proposed_by String,
    approved_by String,
    payload String COMMENT 'the event as it was published, structured mode'
) ENGINE = ReplacingMergeTree ORDER BY (baseline, baseline_version, kind, generation, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS authorities (
    authority String,
    authority_version UInt32,
    generation UInt64,
    digest FixedString(32) COMMENT 'SHA-256 of payload',
    published_at DateTime64(3, 'UTC'),
    name String,
    sector LowCardinality(String),
    case_systems UInt32,
    staff_hours UInt64,
    payload String COMMENT 'the event as it was published, structured mode'
) ENGINE = ReplacingMergeTree ORDER BY (authority, authority_version, generation, digest)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- For auditors, who read views alone: every version with its digest, so that two contents under one number are seen here too.

CREATE VIEW IF NOT EXISTS baseline_versions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM baselines FINAL;

CREATE VIEW IF NOT EXISTS authority_versions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM authorities FINAL;

CREATE VIEW IF NOT EXISTS current_authorities DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, argMax(name, authority_version) AS name, argMax(sector, authority_version) AS sector
FROM authorities FINAL GROUP BY authority;

CREATE TABLE IF NOT EXISTS targets (
    name LowCardinality(String),
    target_version UInt32,
    value Float64,
    unit LowCardinality(String),
    source String
) ENGINE = ReplacingMergeTree ORDER BY (name, target_version)
COMMENT 'Targets and norms are data: a new version beside the old one, never a change.';

CREATE VIEW IF NOT EXISTS target_versions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM targets FINAL;

INSERT INTO targets (name, target_version, value, unit, source) VALUES
    ('hours_freed_2035', 1, 50000000, 'hours', 'the goal: at least 50 million hours by 2035'),
    ('norm_goal', 1, 1666.6666666666667, 'hours per full-time equivalent', 'implied by the goal: 50 million / 30,000'),
    ('norm_bevillingsaarsvaerk', 1, 1924, 'hours per full-time equivalent', 'bevillingsårsværk');
