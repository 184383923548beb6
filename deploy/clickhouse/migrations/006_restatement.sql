-- What has to be measured anew, and what was. See docs/measuring.md, section 2, and docs/adr/0007.

-- A state is stale where the registry has said something newer than its generation that may concern it: a baseline of its
-- authority, of that authority's sector or of the nation, for its task type, for its complexity or any, published or
-- withdrawn, in force when the task was completed; or its authority came into another sector. More than has to be (a
-- nation's baseline concerns a task that has one of its own, too), never less: what is not stale would come out the same
-- under the newest generation. A retraction is never stale, for no baseline is matched to it.
CREATE VIEW IF NOT EXISTS stale_measurements DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
WITH
    changes AS (
        SELECT level, multiIf(level = 'authority', toString(authority), level = 'sector', toString(sector), '') AS whose,
               task_type AS their_type, complexity AS their_complexity,
               groupArray((said.generation, valid_from, least(valid_to, expires_at))) AS said_of_them
        FROM (SELECT * FROM baselines FINAL WHERE kind = 'published') AS published
        INNER JOIN (SELECT baseline, baseline_version, generation FROM baselines FINAL) AS said
            ON published.baseline = said.baseline AND published.baseline_version = said.baseline_version
        GROUP BY level, whose, their_type, their_complexity
    ),
    moves AS (
        SELECT authority AS mover, argMax(toString(sector), (authority_version, generation)) AS its_sector,
               if(uniqExact(sector) > 1, max(generation), min(generation)) AS moved
        FROM authorities FINAL GROUP BY authority
    ),
    cells AS (
        SELECT cell_authority, cell_type, cell_complexity, any(moved) AS moved,
               arrayJoin([('authority', cell_authority), ('sector', any(its_sector)), ('nation', '')]) AS scope,
               arrayJoin([cell_complexity, 'any']) AS wanted
        FROM (
            SELECT DISTINCT toString(authority) AS cell_authority, toString(task_type) AS cell_type,
                   toString(complexity) AS cell_complexity
            FROM measurements WHERE kind = 1
        ) AS found LEFT JOIN moves ON cell_authority = mover
        GROUP BY cell_authority, cell_type, cell_complexity
    ),
    concerns AS (
        SELECT cell_authority, cell_type, cell_complexity,
               arrayConcat(groupArrayArray(said_of_them),
                           [(any(moved), toDateTime64(0, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC'))]) AS said,
               arrayMax(change -> change.1, said) AS newest
        FROM cells LEFT JOIN changes
            ON scope.1 = level AND scope.2 = whose AND cell_type = their_type AND wanted = their_complexity
        GROUP BY cell_authority, cell_type, cell_complexity
    )
SELECT states.*,
       arrayMax(change -> if(change.2 <= completed_at AND completed_at < change.3, change.1, 0), said) AS newer_generation
FROM (SELECT * FROM measurements FINAL WHERE kind = 1) AS states
INNER JOIN concerns ON authority = cell_authority AND task_type = cell_type AND complexity = cell_complexity
WHERE generation < newest AND generation < newer_generation
COMMENT 'Task states under an older generation than one that may concern them. Empty: every figure stands under the newest.';

CREATE VIEW IF NOT EXISTS restatement_runs DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT generation, started_at, finished_at, requested_by, reason, authority, tasks, changed, saved_before_ms, saved_after_ms
FROM restatements FINAL;
