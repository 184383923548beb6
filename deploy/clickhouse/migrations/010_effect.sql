-- What reports of the effect of AI are computed from.

-- Which part a measured task has in a comparison, as it was drawn: docs/measuring.md, section 1. Tested against `role_of`.
CREATE VIEW IF NOT EXISTS measured_roles DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT *, multiIf(arm = 'control', 'control', arm = 'treatment' OR assistance != 'none', 'treated', 'comparison') AS role
FROM task_measurements
WHERE status = 'measured'
COMMENT 'Measured tasks with their role: control, treated, or comparison (done without AI and without a draw: not causal).';

CREATE OR REPLACE VIEW treated_measurements DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT (role) FROM measured_roles WHERE role = 'treated'
COMMENT 'Measured tasks that AI freed time in, or cost it: drawn to be done with AI, or done with it without a draw.';

INSERT INTO targets (name, target_version, value, unit, source) VALUES
    ('minimum_grade', 1, 3, 'grade: 1 is A, 2 is B, 3 is C, 4 is D', 'estimates of experts and what people say are shown beside the hours freed, not in them');
