-- What awaits approval, and who approved it. Only ever added to; what was proposed or approved again keeps its first time.

CREATE TABLE IF NOT EXISTS proposals (
    proposal String COMMENT 'SHA-256 of payload, hex: another content is another proposal',
    proposed_at DateTime64(3, 'UTC') COMMENT 'when first',
    baseline String,
    baseline_version UInt32 COMMENT 'what it becomes by publication',
    proposed_by String,
    payload String COMMENT 'the baseline, which versions it replaces, whether it measures the past alone',
    version UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(proposed_at)))
) ENGINE = ReplacingMergeTree(version) ORDER BY proposal
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'See docs/adr/0010.';

CREATE TABLE IF NOT EXISTS approvals (
    proposal String,
    approved_by String COMMENT 'counts where it is not who proposed it',
    approved_at DateTime64(3, 'UTC') COMMENT 'when first',
    version UInt64 MATERIALIZED bitNot(toUInt64(toUnixTimestamp64Milli(approved_at)))
) ENGINE = ReplacingMergeTree(version) ORDER BY (proposal, approved_by)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- For auditors: `proposal = lower(hex(SHA256(payload)))` holds for every row.

CREATE VIEW IF NOT EXISTS baseline_proposals DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT proposal, proposed_at, baseline, baseline_version, proposed_by, payload FROM proposals FINAL;

CREATE VIEW IF NOT EXISTS baseline_approvals DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT proposal, approved_by, approved_at FROM approvals FINAL;
