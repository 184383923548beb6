-- Rollups, seals and the ledgers of what was changed on purpose. Of these only restatements are written yet; what writes the
-- others brings their views for auditors.

CREATE TABLE IF NOT EXISTS progress_daily (
    authority LowCardinality(String),
    day Date,
    run UInt64 COMMENT 'fingerprint of the unit that these rows were computed from',
    task_type LowCardinality(String),
    complexity LowCardinality(String),
    assistance LowCardinality(String),
    arm LowCardinality(String),
    status LowCardinality(String),
    grade LowCardinality(String),
    n UInt64,
    effort_ms Int64,
    credit_ms Int64,
    saved_ms Int64,
    gross_ms Int64
) ENGINE = ReplacingMergeTree
ORDER BY (authority, day, run, task_type, complexity, assistance, arm, status, grade)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS unit_heads (
    authority LowCardinality(String),
    day Date,
    seq UInt64,
    run UInt64,
    n UInt64,
    published_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree ORDER BY (authority, day, seq)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS restatements (
    generation UInt64 COMMENT 'what the tasks were measured under',
    started_at DateTime64(3, 'UTC'),
    requested_by String,
    reason String,
    authority LowCardinality(String) COMMENT 'CVR number; empty: all',
    finished_at DateTime64(3, 'UTC') COMMENT 'of the newest part that is stored; grows while the run goes on',
    tasks UInt64 COMMENT 'written again',
    changed UInt64 COMMENT 'of these, with another figure, baseline or status',
    saved_before_ms Int64 COMMENT 'of their measured ones, as they were read',
    saved_after_ms Int64
) ENGINE = ReplacingMergeTree(tasks) ORDER BY (generation, started_at, requested_by, reason, authority)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS realisations (
    authority LowCardinality(String),
    realisation String,
    revision UInt32,
    log_no UInt32,
    partition UInt16,
    offset UInt64,
    period_from DateTime64(3, 'UTC'),
    period_to DateTime64(3, 'UTC'),
    realised_ms Int64,
    use LowCardinality(String),
    confirmed_by String,
    programme LowCardinality(String),
    version UInt256 MATERIALIZED bitOr(bitOr(bitOr(bitShiftLeft(toUInt256(revision), 216),
        bitShiftLeft(toUInt256(bitNot(log_no)), 176)), bitShiftLeft(toUInt256(bitNot(partition)), 160)),
        bitShiftLeft(toUInt256(bitNot(offset)), 96))
) ENGINE = ReplacingMergeTree(version) ORDER BY (authority, realisation)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS erasures (
    log_no UInt32,
    topic LowCardinality(String),
    partition UInt16,
    offset UInt64,
    reason String,
    requested_by String,
    erased_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(erased_at) ORDER BY (log_no, topic, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS seals (
    log_no UInt32,
    topic LowCardinality(String),
    partition UInt16,
    last_offset UInt64,
    chain FixedString(32) COMMENT 'h_i of the chain h_i = H(h_(i-1), leaf_i) at last_offset',
    records UInt64,
    sealed_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree ORDER BY (log_no, topic, partition, last_offset, chain)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Two chains at one offset are both kept: that is the incident.';
