-- Seals: checkpoints of the chain of records, and what an auditor reads to make and to check them. See services/domain/chain.py.

-- A row follows from the records alone, whoever writes it and when: the time that this database gives itself would prove
-- nothing. When a checkpoint was made is said by its copies elsewhere (topic frigjort.seals.v1).
ALTER TABLE seals RENAME COLUMN IF EXISTS sealed_at TO closed_at;
ALTER TABLE seals COMMENT COLUMN closed_at 'end of the hour of broker time that the newest of its records is of';
ALTER TABLE seals COMMENT COLUMN records 'leaves in the chain up to last_offset';
ALTER TABLE seals COMMENT COLUMN log_no 'incarnation of the Kafka log; 0: the registry, with the generation as offset';

CREATE VIEW IF NOT EXISTS checkpoints DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, last_offset, chain, records, closed_at FROM seals FINAL
COMMENT 'The seals. Two chains at one offset are both here: that is the incident.';

CREATE VIEW IF NOT EXISTS record_rows DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, offset, digest, accepted, rules, broker_time, event_type, event_source, event_id,
       subject, payload, salt, leaf, code, path
FROM records
COMMENT 'Every stored row of records, merged or not, winner or not, with its salt: for sealing and verifying, in the order of the key.';

CREATE VIEW IF NOT EXISTS erased_records DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT log_no, topic, partition, offset, reason, requested_by, erased_at FROM erasures FINAL
COMMENT 'Lawful erasures: payload and salt of these records are gone, digest, leaf and seal stay.';

ALTER TABLE provenance MODIFY COMMENT 'The winner of each coordinate with all that its digest and leaf are made of: for verifying. The salt stands here and in record_rows, nowhere else.';
