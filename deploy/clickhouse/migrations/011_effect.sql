-- What reports of the effect of AI are computed from.

-- Which part a task has in a comparison, as it was drawn: docs/measuring.md, section 1. Tested against `role_of`.
CREATE VIEW IF NOT EXISTS task_roles DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT *, multiIf(arm = 'control', 'control', arm = 'treatment' OR assistance != 'none', 'treated', 'comparison') AS role
FROM task_measurements
COMMENT 'Tasks with their role: control, treated, or comparison (done without AI and without a draw: not causal).';

CREATE VIEW IF NOT EXISTS measured_roles DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * FROM task_roles WHERE status = 'measured';

CREATE OR REPLACE VIEW treated_measurements DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT (role) FROM measured_roles WHERE role = 'treated'
COMMENT 'Measured tasks that AI freed time in, or cost it: drawn to be done with AI, or done with it without a draw.';

-- Net and gross of what AI frees are of treated tasks: what others took less than their baseline, AI did not free.
CREATE OR REPLACE VIEW hours_freed_daily DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, day, count() AS tasks, countIf(status = 'measured') AS measured_tasks, countIf(role = 'treated' AND status = 'measured') AS treated_tasks,
       sumIf(coalesce(saved_ms, 0), role = 'treated' AND status = 'measured') AS freed_ms, freed_ms / 3600000 AS hours_freed,
       sumIf(coalesce(credit_ms - counted_active_ms, 0), role = 'treated' AND status = 'measured') AS gross_ms, gross_ms / 3600000 AS gross_hours
FROM task_roles GROUP BY authority, day;

CREATE OR REPLACE VIEW hours_freed_by_authority DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT authority, count() AS tasks, countIf(status = 'measured') AS measured_tasks, countIf(role = 'treated' AND status = 'measured') AS treated_tasks,
       sumIf(coalesce(saved_ms, 0), role = 'treated' AND status = 'measured') AS freed_ms, freed_ms / 3600000 AS hours_freed,
       sumIf(coalesce(credit_ms - counted_active_ms, 0), role = 'treated' AND status = 'measured') AS gross_ms, gross_ms / 3600000 AS gross_hours
FROM task_roles GROUP BY authority;

CREATE OR REPLACE VIEW hours_freed_by_task_type DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT task_type, complexity, count() AS tasks, countIf(status = 'measured') AS measured_tasks, countIf(role = 'treated' AND status = 'measured') AS treated_tasks,
       sumIf(coalesce(saved_ms, 0), role = 'treated' AND status = 'measured') AS freed_ms, freed_ms / 3600000 AS hours_freed,
       sumIf(coalesce(credit_ms - counted_active_ms, 0), role = 'treated' AND status = 'measured') AS gross_ms, gross_ms / 3600000 AS gross_hours
FROM task_roles GROUP BY task_type, complexity;

INSERT INTO targets (name, target_version, value, unit, source) VALUES
    ('minimum_grade', 1, 3, 'grade: 1 is A, 2 is B, 3 is C, 4 is D', 'estimates of experts and what people say are shown beside the hours freed, not in them');
