-- The whole measure a second time, in SQL, from `records`, `baselines` and `authorities` alone: which event of a task is in
-- force, which baseline it is measured against, and the figures. It shares no code with the collector, and reads the events
-- as they were published (`payload`), not the columns that were made of them. See docs/auditing.md and docs/adr/0013.

-- The accepted events of tasks, with what decides between those of one task: the highest `rank` is in force. Its order is that
-- of `measurements`: highest revision; at one revision a retraction (kind 2) over a state; then the lowest coordinate.
CREATE VIEW IF NOT EXISTS task_events DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT substring(topic, length('frigjort.tasks.v1.') + 1) AS authority, subject AS task,
       log_no, topic, partition, offset, digest, leaf, rules, broker_time, event_type, event_source, event_id,
       (log_no, topic, partition, offset) IN (SELECT log_no, topic, partition, offset FROM erasures) AS erased,
       payload != '' AND NOT erased AS readable,
       toUInt32(JSONExtractUInt(payload, 'data', 'revision')) AS revision,
       toUInt8(if(event_type = 'dk.frigjort.task.retracted.v1', 2, 1)) AS kind,
       bitOr(bitOr(bitOr(bitOr(
           bitShiftLeft(toUInt256(revision), 120), bitShiftLeft(toUInt256(kind), 112)),
           bitShiftLeft(toUInt256(bitNot(log_no)), 80)), bitShiftLeft(toUInt256(bitNot(partition)), 64)),
           toUInt256(bitNot(offset))) AS rank,
       payload
FROM records FINAL
WHERE accepted = 1 AND event_type IN ('dk.frigjort.task.completed.v1', 'dk.frigjort.task.corrected.v1',
                                      'dk.frigjort.task.reopened.v1', 'dk.frigjort.task.retracted.v1')
COMMENT 'Accepted task events. readable: neither erased nor without payload; what is not readable cannot be recomputed.';

-- What the registry has said, by generation. A generation stands for all numbers up to it: one after a number that is missing is
-- not applied. It is known since the registry's own clock said so, for itself and for every number before it.
CREATE VIEW IF NOT EXISTS registry_events DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT generation, kind, published_at, max(published_at) OVER (ORDER BY generation) AS known_since,
       generation = row_number() OVER (ORDER BY generation) AS applied, digest, payload
FROM (
    SELECT generation, toString(kind) AS kind, published_at, digest, payload FROM baselines FINAL
    UNION ALL
    SELECT generation, 'registered' AS kind, published_at, digest, payload FROM authorities FINAL
);

-- The baselines as they were published; `withdrawn`: the generation that withdrew it, or a number above all.
CREATE VIEW IF NOT EXISTS published_baselines DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH told AS (
    SELECT generation, kind, JSONExtract(payload, 'data', 'Tuple(
            baseline String, version UInt32, level String, authority String, sector String, task_type String,
            complexity String, valid_from String, valid_to String, expires_at String, mean_ms Int64,
            cap_ms Nullable(Int64), method String)') AS said
    FROM registry_events WHERE applied AND kind IN ('published', 'withdrawn')
)
SELECT p.generation AS generation, said.baseline AS baseline, said.version AS baseline_version, said.level AS level,
       said.authority AS authority, said.sector AS sector, said.task_type AS task_type, said.complexity AS complexity,
       parseDateTime64BestEffort(said.valid_from, 3, 'UTC') AS valid_from,
       least(parseDateTime64BestEffort(said.valid_to, 3, 'UTC'),
             parseDateTime64BestEffort(said.expires_at, 3, 'UTC')) AS valid_until,
       if(w.generation = 0, toUInt64(-1), w.generation) AS withdrawn, said.mean_ms AS mean_ms, said.cap_ms AS cap_ms,
       transform(said.method, ['randomised', 'holdout', 'concurrent', 'history', 'expert_estimate', 'self_report'],
                 ['A', 'A', 'B', 'C', 'D', 'D'], '') AS grade
FROM (SELECT generation, said FROM told WHERE kind = 'published') AS p
LEFT JOIN (
    SELECT said.baseline AS baseline, said.version AS version, min(told.generation) AS generation
    FROM told WHERE kind = 'withdrawn' GROUP BY baseline, version
) AS w ON p.said.baseline = w.baseline AND p.said.version = w.version;

-- Which baseline measures which tasks, under which generation. A row is for tasks of one authority (empty: of any that is not
-- named here), task type and complexity ('any': each that no baseline of this task type names). `steps` are (from which
-- completion on, spans), `spans` are (from which generation on, before which, generation of the baseline; 0: none).
CREATE VIEW IF NOT EXISTS baseline_matches DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    toUInt64(-1) AS never,
    registrations AS (
        SELECT JSONExtractString(payload, 'data', 'authority') AS authority,
               arraySort(groupArray((JSONExtractUInt(payload, 'data', 'version'), generation,
                                     JSONExtractString(payload, 'data', 'sector')))) AS versions
        FROM registry_events WHERE applied AND kind = 'registered' GROUP BY authority
    ),
    scopes AS (
        SELECT owners.authority AS authority, versions, task_type, complexity
        FROM (SELECT toString(authority) AS authority FROM authorities
              UNION DISTINCT SELECT toString(authority) AS authority FROM baselines) AS owners
        LEFT JOIN registrations ON owners.authority = registrations.authority
        CROSS JOIN (SELECT DISTINCT toString(task_type) AS task_type,
                           arrayJoin([toString(complexity), 'any']) AS complexity
                    FROM baselines WHERE kind = 'published') AS kinds
    ),
    candidates AS (  -- the most specific first; of one scope the newest
        SELECT s.authority AS authority, s.task_type AS task_type, s.complexity AS complexity, any(s.versions) AS versions,
               arraySort(groupArray((indexOf(['authority', 'sector', 'nation'], b.level), b.complexity = 'any',
                                     -toInt64(b.generation), b.generation, b.withdrawn, b.valid_from, b.valid_until,
                                     b.sector))) AS found
        FROM scopes AS s INNER JOIN published_baselines AS b ON s.task_type = b.task_type
        WHERE b.complexity IN (s.complexity, 'any')
          AND (b.level = 'nation' OR (b.level = 'authority' AND b.authority = s.authority)
               OR (b.level = 'sector' AND arrayExists(v -> v.3 = b.sector, s.versions)))
        GROUP BY authority, task_type, complexity
    ),
    choices AS (  -- after each generation at which the choice may become another one, the first that is in force
        SELECT authority, task_type, complexity,
               arrayJoin(arrayDistinct(arrayConcat(found.6, found.7))) AS completed_from,
               arrayFilter(c -> c.6 <= completed_from AND completed_from < c.7, found) AS in_force,
               arraySort(arrayDistinct(arrayFilter(g -> g != never,
                   arrayConcat([toUInt64(0)], in_force.4, in_force.5, versions.2)))) AS turns,
               arrayMap(g -> arrayFirst(c -> c.4 <= g AND g < c.5 AND (
                   c.1 != 2 OR c.8 = arrayLast(v -> v.2 <= g, versions).3), in_force).4, turns) AS chosen,
               arrayFilter(at -> at = 1 OR chosen[at] != chosen[at - 1], arrayEnumerate(turns)) AS changes,
               arrayMap((at, next) -> (turns[at], if(next = 0, never, turns[next]), chosen[at]),
                        changes, arrayPushBack(arrayPopFront(changes), 0)) AS spans
        FROM candidates
    )
SELECT authority, task_type, complexity, arraySort(groupArray((completed_from, spans))) AS steps
FROM choices GROUP BY authority, task_type, complexity;

-- The newest state of each task as it was recorded at a moment, measured: a row for each span of generations under which its
-- figures are the same, from `since_generation` on, before `until_generation`. A retracted task has kind 2 and no figures.
CREATE VIEW IF NOT EXISTS recomputed_states DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    newest AS (
        SELECT topic AS its_topic, task AS its_task, max(rank) AS its_rank FROM task_events
        WHERE readable AND broker_time <= {at:DateTime64(3, 'UTC')} GROUP BY its_topic, its_task
    ),
    states AS (
        SELECT authority, task, topic, log_no, partition, offset, rules, broker_time, event_type, revision, kind,
               JSONExtract(payload, 'data', 'Tuple(
                   task_type LowCardinality(String), complexity LowCardinality(String), started_at String, completed_at String,
                   active_ms Int64, review_ms Nullable(Int64), rework_ms Nullable(Int64),
                   predicted_without_ai_ms Nullable(Int64), predicted_with_ai_ms Nullable(Int64),
                   time_basis LowCardinality(String), assistance LowCardinality(String), assignment LowCardinality(String),
                   arm LowCardinality(String), origin LowCardinality(String), outcome LowCardinality(String),
                   work LowCardinality(String), audience LowCardinality(String), programme LowCardinality(String),
                   study LowCardinality(String), stratum LowCardinality(String), cluster String,
                   cluster_kind LowCardinality(String))') AS said,
               if(kind = 1, parseDateTime64BestEffort(said.started_at, 3, 'UTC'), toDateTime64(0, 3, 'UTC')) AS started_at,
               if(kind = 1, parseDateTime64BestEffort(said.completed_at, 3, 'UTC'), toDateTime64(0, 3, 'UTC')) AS completed_at,
               if(authority IN (SELECT authority FROM authorities UNION ALL SELECT authority FROM baselines),
                  authority, '') AS scope_authority,
               if((said.task_type, said.complexity) IN (SELECT task_type, complexity FROM baselines),
                  toString(said.complexity), 'any') AS scope_complexity
        FROM task_events INNER JOIN newest ON topic = its_topic AND task = its_task AND rank = its_rank
        WHERE readable AND broker_time <= {at:DateTime64(3, 'UTC')}
    ),
    matched AS (
        SELECT *, span FROM (
            SELECT states.*, arrayLast(step -> step.1 <= completed_at, steps).2 AS found,
                   if(empty(found), [(toUInt64(0), toUInt64(-1), toUInt64(0))], found) AS spans
            FROM states LEFT JOIN baseline_matches AS matches
                ON scope_authority = matches.authority AND states.said.task_type = matches.task_type
               AND scope_complexity = matches.complexity
        ) ARRAY JOIN spans AS span
    ),
    credits AS (
        SELECT generation, baseline, baseline_version, level, grade, mean_ms, cap_ms FROM published_baselines
        UNION ALL
        SELECT toUInt64(0), '', toUInt32(0), '', '', toInt64(0), CAST(NULL, 'Nullable(Int64)')
    )
SELECT authority, task, revision, kind, topic, log_no, partition, offset, rules, broker_time, event_type,
       toDate(completed_at) AS day, started_at, completed_at, said.task_type AS task_type, said.complexity AS complexity,
       said.time_basis AS time_basis, said.assistance AS assistance, said.assignment AS assignment, said.arm AS arm,
       said.origin AS origin, said.outcome AS outcome, said.work AS work, said.audience AS audience,
       said.programme AS programme, said.study AS study, said.stratum AS stratum, said.cluster AS cluster,
       said.cluster_kind AS cluster_kind, said.active_ms AS active_ms, said.review_ms AS review_ms, said.rework_ms AS rework_ms,
       said.predicted_without_ai_ms AS predicted_without_ai_ms, said.predicted_with_ai_ms AS predicted_with_ai_ms,
       span.1 AS since_generation, span.2 AS until_generation, span.3 AS baseline_generation,
       baseline, baseline_version, level AS baseline_level, grade,
       if(time_basis = 'elapsed', least(active_ms, ifNull(cap_ms, active_ms)), active_ms) AS counted_active_ms,
       toUInt8(counted_active_ms < active_ms) AS capped,
       counted_active_ms + ifNull(review_ms, 0) + ifNull(rework_ms, 0) AS effort_ms,
       outcome = 'completed' AND origin = 'pre_existing' AS earns_credit,
       multiIf(kind = 2, '',
               earns_credit AND baseline_generation = 0, 'unmeasured',
               assistance != 'none' AND (review_ms IS NULL OR rework_ms IS NULL), 'incomplete',
               'measured') AS status,
       if(earns_credit AND baseline_generation != 0, mean_ms, NULL) AS credit_ms,
       if(status = 'measured', ifNull(credit_ms, 0) - effort_ms, NULL) AS saved_ms
FROM matched INNER JOIN credits ON span.3 = credits.generation;

CREATE VIEW IF NOT EXISTS measurements_as_of DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH (SELECT max(registry_events.generation) FROM registry_events
      WHERE applied AND known_since <= {at:DateTime64(3, 'UTC')}) AS generation
SELECT authority, task, revision, day, started_at, completed_at, task_type, complexity, time_basis, assistance, assignment,
       arm, origin, outcome, work, audience, programme, study, stratum, cluster, cluster_kind, active_ms, counted_active_ms,
       capped, review_ms, rework_ms, effort_ms, credit_ms, saved_ms, status, baseline, baseline_version, baseline_level,
       grade, predicted_without_ai_ms, predicted_with_ai_ms, generation, rules, log_no, partition, offset, broker_time, topic
FROM recomputed_states(at = {at:DateTime64(3, 'UTC')})
WHERE kind = 1 AND since_generation <= generation AND generation < until_generation
COMMENT 'As recorded at a moment: measurements_as_of(at = ''2026-03-01 00:00:00''), with the columns of task_measurements.';

-- What is stored, retracted tasks too: for comparing.
CREATE VIEW IF NOT EXISTS measurement_rows DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM measurements FINAL;
