-- What Kafka delivered and how it was judged. Written any number of times, stored once: see docs/architecture.md.
-- Written all the time and read seldom: merges take ten parts together rather than five (merge_selector_base), which writes
-- each payload again less often.

CREATE TABLE IF NOT EXISTS logs (
    topic LowCardinality(String),
    log_no UInt32 COMMENT 'incarnation of the Kafka log; a re-created topic gets the next number',
    topic_id String COMMENT 'the topic id that Kafka gave this incarnation',
    bound_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
) ENGINE = ReplacingMergeTree ORDER BY (topic, log_no, topic_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_bytes_for_wide_part = 134217728
COMMENT 'Which Kafka topic id each log number means. Two ids under one number: halt.';

CREATE TABLE IF NOT EXISTS records (
    log_no UInt32,
    topic LowCardinality(String),
    partition UInt16,
    offset UInt64,
    digest FixedString(32) COMMENT 'SHA256(salt || payload); zero if rejected',
    accepted UInt8,
    rules UInt32 COMMENT 'number of the contract and measuring code that judged',
    broker_time DateTime64(3, 'UTC'),
    event_type LowCardinality(String),
    event_source LowCardinality(String),
    event_id String,
    subject String,
    payload String COMMENT 'the event in structured mode; empty if rejected or erased',
    salt String COMMENT 'HMAC-SHA256 of the coordinate under the collector secret; erased with the payload' CODEC(NONE),
    leaf FixedString(32) COMMENT 'link of the seal chain' CODEC(NONE),
    code LowCardinality(String) COMMENT 'why it was rejected',
    path String COMMENT 'the field that was at fault, never its value',
    version UInt64 MATERIALIZED bitOr(bitShiftLeft(toUInt64(accepted), 32), toUInt64(rules))
) ENGINE = ReplacingMergeTree(version) ORDER BY (log_no, topic, partition, offset, digest)
TTL toDateTime(broker_time) + INTERVAL 14 DAY RECOMPRESS CODEC(ZSTD(3))
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_bytes_for_wide_part = 134217728, merge_selector_base = 10
COMMENT 'One winner a coordinate: accepted beats rejected, then higher rules. Read the views events and rejections.';

CREATE TABLE IF NOT EXISTS event_ids (
    topic LowCardinality(String),
    event_source LowCardinality(String),
    event_id String,
    log_no UInt32,
    partition UInt16,
    offset UInt64,
    version UInt128 MATERIALIZED bitOr(bitOr(
        bitShiftLeft(toUInt128(bitNot(log_no)), 80),
        bitShiftLeft(toUInt128(bitNot(partition)), 64)),
        toUInt128(bitNot(offset)))
) ENGINE = ReplacingMergeTree(version) ORDER BY (topic, event_source, event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_bytes_for_wide_part = 134217728, merge_selector_base = 10
COMMENT 'The first coordinate of every event id: the lowest wins. For duplicate reports only; no total reads it.';

-- Sees inserted blocks, so the same record may pass more than once and in any order: the table it feeds is a fold by
-- maximum over a version that the row determines, hence the same whatever passes. No published number comes from it.
CREATE MATERIALIZED VIEW IF NOT EXISTS event_ids_feed TO event_ids AS
SELECT topic, event_source, event_id, log_no, partition, offset FROM records WHERE accepted = 1;

-- The views below, and those of the files that follow, are what an auditor may read: he may not read the tables underneath.
-- So each view reads with the rights of the user who made it.

CREATE VIEW IF NOT EXISTS provenance DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, offset, digest, accepted, rules, broker_time, event_type, event_source, event_id,
       subject, payload, salt, leaf, code, path
FROM records FINAL
ORDER BY log_no, topic, partition, offset, accepted DESC, rules DESC, digest
LIMIT 1 BY log_no, topic, partition, offset
COMMENT 'The winner of each coordinate with all that its digest and leaf are made of: for verifying. The only view with the salt.';

CREATE VIEW IF NOT EXISTS dispositions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, offset, digest, accepted, rules, broker_time, event_type, event_source, event_id,
       subject, leaf, code, path
FROM provenance;

CREATE VIEW IF NOT EXISTS events DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, offset, digest, rules, broker_time, event_type, event_source, event_id, subject, payload
FROM provenance WHERE accepted = 1;

CREATE VIEW IF NOT EXISTS rejections DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, offset, rules, broker_time, code, path
FROM dispositions WHERE accepted = 0;

CREATE VIEW IF NOT EXISTS duplicates DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT e.log_no AS log_no, e.topic AS topic, e.partition AS partition, e.offset AS offset,
       e.event_source AS event_source, e.event_id AS event_id,
       f.log_no AS first_log_no, f.partition AS first_partition, f.offset AS first_offset
FROM events AS e
INNER JOIN (SELECT topic, event_source, event_id, log_no, partition, offset FROM event_ids FINAL) AS f
    ON e.topic = f.topic AND e.event_source = f.event_source AND e.event_id = f.event_id
WHERE (e.log_no, e.partition, e.offset) != (f.log_no, f.partition, f.offset);

-- What is kept, counted and shown: another content than the first one's under one id (`kind` id: all of the event), or under one
-- task, revision and kind of state (`kind` revision: its data). `first_…` is the lowest coordinate: the id is counted as its
-- own, and under one revision its content is the one in force. Contents are compared as JSON, whatever their spacing, order
-- of keys or content mode. The payloads are read again for those few events that share an id or a task, when somebody asks:
-- nothing is looked up or kept at ingestion for it, and no digest without salt exists (docs/adr/0001). What was erased is not compared.
CREATE VIEW IF NOT EXISTS conflicts DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    sharing AS (  -- the events that share an id or a task with another one
        SELECT log_no, topic, partition, offset FROM records
        WHERE accepted = 1 AND (
            (topic, event_source, event_id) IN (
                SELECT topic, event_source, event_id FROM records WHERE accepted = 1
                GROUP BY topic, event_source, event_id HAVING min((log_no, partition, offset)) != max((log_no, partition, offset)))
            OR (topic, subject) IN (
                SELECT topic, subject FROM records WHERE accepted = 1 AND startsWith(event_type, 'dk.frigjort.task.')
                GROUP BY topic, subject HAVING min((log_no, partition, offset)) != max((log_no, partition, offset))))
    ),
    contents AS (
        SELECT log_no, topic, partition, offset, event_type, event_source, event_id, subject,
               toUInt32(JSONExtractUInt(payload, 'data', 'revision')) AS data_revision,
               toString((arraySort(arrayFilter(pair -> pair.1 != 'ai', JSONExtractKeysAndValuesRaw(payload, 'data'))),
                         arraySort(JSONExtractKeysAndValuesRaw(payload, 'data', 'ai')))) AS data,
               toString(arraySort(arrayFilter(pair -> pair.1 NOT IN ('data', 'datacontenttype'), JSONExtractKeysAndValuesRaw(payload)))) AS attributes
        FROM records FINAL
        WHERE accepted = 1 AND payload != '' AND (log_no, topic, partition, offset) IN (sharing)
        ORDER BY log_no, topic, partition, offset, rules DESC, digest
        LIMIT 1 BY log_no, topic, partition, offset
    )
SELECT claim.1 AS kind, topic, claim.2 AS event_source, claim.3 AS event_id, claim.4 AS task, claim.5 AS revision,
       other.1 AS log_no, other.2 AS partition, other.3 AS offset,
       found[1].1 AS first_log_no, found[1].2 AS first_partition, found[1].3 AS first_offset
FROM (
    SELECT topic, said.1 AS claim, arraySort(groupArray((log_no, partition, offset, said.2))) AS found
    FROM contents
    ARRAY JOIN arrayFilter(pair -> pair.1.1 = 'id' OR startsWith(event_type, 'dk.frigjort.task.'), [
        (('id', toString(event_source), event_id, '', toUInt32(0), false), SHA256(attributes || data)),
        (('revision', '', '', subject, data_revision, event_type = 'dk.frigjort.task.retracted.v1'), SHA256(data))
    ]) AS said
    GROUP BY topic, claim
)
ARRAY JOIN arrayFilter(content -> content.4 != found[1].4, found) AS other;

CREATE VIEW IF NOT EXISTS incidents DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, offset, arraySort(groupUniqArray(digest)) AS digests
FROM records
WHERE accepted = 1 AND (log_no, topic, partition, offset) IN (
    SELECT log_no, topic, partition, offset FROM (
        SELECT log_no, topic, partition, offset, digest,
               lagInFrame(digest, 1, digest) OVER (PARTITION BY log_no, topic, partition, offset ORDER BY digest
                                                   ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM records WHERE accepted = 1
    ) WHERE digest != before)
GROUP BY log_no, topic, partition, offset
COMMENT 'Coordinates with two contents. The winner stands in the other views, here stands that there was another.';

-- For reconciling. Both views walk through the table once in the order of its key and compare each row with the one before
-- it; the rows of a coordinate follow each other, the rejected one first. Asked with optimize_read_in_window_order = 1 they
-- take the memory of a few blocks, however many rows there are.

CREATE VIEW IF NOT EXISTS stored_partitions DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT s.log_no AS log_no, s.topic AS topic, s.partition AS partition, first_offset, last_offset, events,
       offsets - events AS rejections, rejudged, incidents, ids
FROM (
    SELECT log_no, topic, partition, min(offset) AS first_offset, max(offset) AS last_offset,
           countIf(offset != before) AS offsets, countIf(accepted = 1 AND NOT again) AS events,
           countIf(both) AS rejudged, countIf(again AND digest != digest_before) AS incidents
    FROM (
        SELECT log_no, topic, partition, offset, digest, accepted,
               lagInFrame(toInt128(offset), 1, -1) OVER neighbours AS before,
               lagInFrame(accepted) OVER neighbours AS accepted_before,
               lagInFrame(digest) OVER neighbours AS digest_before,
               offset = before AND accepted = 1 AND accepted_before = 1 AS again,
               offset = before AND accepted = 1 AND accepted_before = 0 AS both
        FROM records
        WINDOW neighbours AS (PARTITION BY log_no, topic, partition ORDER BY offset, digest
                              ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
    )
    GROUP BY log_no, topic, partition
) AS s
LEFT JOIN (
    SELECT log_no, topic, partition, count() AS ids FROM event_ids FINAL GROUP BY log_no, topic, partition
) AS i ON s.log_no = i.log_no AND s.topic = i.topic AND s.partition = i.partition
COMMENT 'What is stored of each partition: offsets by disposition; those judged both ways (rejudged: accepted wins), contents too many (incidents), events that are the first with their id (ids).';

CREATE VIEW IF NOT EXISTS offset_gaps DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, expected AS first_offset, offset - 1 AS last_offset
FROM (
    SELECT log_no, topic, partition, offset,
           lagInFrame(offset + 1, 1, 0) OVER (PARTITION BY log_no, topic, partition ORDER BY offset
                                              ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS expected
    FROM records
)
WHERE offset > expected
COMMENT 'Ranges of offsets without a row below the highest one, from 0 on.';

CREATE VIEW IF NOT EXISTS log_bindings DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT topic, log_no, topic_id, bound_at FROM logs FINAL;
