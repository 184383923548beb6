"""AI in use: how it takes part, and what that does to each kind of task."""

from typing import Any

from deploy.grafana.source.headlines import of_each
from deploy.grafana.source.panels import HOURS_UNIT, SHARE, bars, number, rows, trend
from deploy.grafana.source.words import Say


def dashboard(say: Say) -> Any:
    """The dashboard."""
    treated = "role = 'treated' AND status = 'measured'"
    return (
        say.dashboard(
            "frigjort-ai", "AI in use", "How AI takes part in the work, and what it does to each kind of task."
        )
        .with_panel(
            number(
                say("Tasks with AI"),
                f"SELECT sumIf(n, {treated}) AS tasks FROM current_progress",
                "none",
                say("Measured, and drawn or chosen to be done with AI."),
                decimals=0,
            )
        )
        .with_panel(
            number(
                say("Share of tasks with AI"),
                "SELECT sumIf(n, role = 'treated') / sum(n) AS share FROM current_progress",
                SHARE,
                say("Of all tasks, measured or not."),
            )
        )
        .with_panel(
            number(
                say("Review"),
                f"SELECT sumIf(review_ms, {treated}) / sumIf(active_ms + review_ms + rework_ms, {treated}) AS share FROM current_progress",
                SHARE,
                say("Checking and correcting what AI wrote, of the effort of tasks with AI."),
            )
        )
        .with_panel(
            bars(
                say("How AI takes part"),
                f'SELECT {say.assistance("assistance")} AS "{say("assistance")}", sum(n) AS "{say("tasks")}" FROM current_progress GROUP BY assistance ORDER BY "{say("tasks")}" DESC',
                "none",
                say("All tasks by the kind of assistance that their system states."),
                width=12,
            )
        )
        .with_panel(
            rows(
                say("Hours by kind of assistance"),
                f"""
SELECT {say.assistance("assistance")} AS "{say("assistance")}", sumIf(n, {treated}) AS "{say("with AI")}", sumIf(saved_ms, {treated}) / 3600000 AS "{say("net hours")}",
       sumIf(review_ms, {treated}) / 3600000 AS "{say("review hours")}"
FROM current_progress GROUP BY assistance ORDER BY "{say("net hours")}" DESC
""",
                say("Net of the tasks with AI: exact sums, which do not cover drift."),
                {say("net hours"): HOURS_UNIT, say("review hours"): HOURS_UNIT},
                width=12,
            )
        )
        .with_panel(
            of_each(
                say,
                "What AI does to each task type",
                "task_type",
                "scope",
                "task type",
                "Adjusted by the control where it is sufficient, net elsewhere; each with an interval of its own.",
            )
        )
        .with_panel(
            trend(
                say("Adoption"),
                f"""
SELECT toDateTime(toStartOfMonth(day)) AS time, sumIf(n, role = 'treated') / sum(n) AS "{say("with AI")}"
FROM current_progress WHERE $__dateFilter(day) GROUP BY time ORDER BY time
""",
                SHARE,
                say("Share of all tasks that were done with AI, or drawn to be."),
            )
        )
    )
