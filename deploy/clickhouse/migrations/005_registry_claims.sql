-- One writer of the registry at a time. Only ever added to: a claim is open until a row says that it was released.

CREATE TABLE IF NOT EXISTS registry_claims (
    holder String COMMENT 'one attempt to publish: host, process and a random part',
    event LowCardinality(String) COMMENT 'claimed or released',
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree ORDER BY (holder, event)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Who may number what is published. See services/baselines/claims.py.';
