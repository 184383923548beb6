"""Quality and administration: rework and attempts given up, with AI and without; administrative against core work; for whom."""

from typing import Any

from deploy.grafana.source.panels import HOURS_UNIT, SHARE, Panel, number, rows, trend
from deploy.grafana.source.words import Say

_TREATED = "role = 'treated' AND status = 'measured'"
_OTHERS = "role != 'treated' AND status = 'measured'"


def dashboard(say: Say) -> Any:
    """The dashboard."""
    return (
        say.dashboard(
            "frigjort-quality",
            "Quality and administration",
            "The three aims: time, easier interaction, less administration and better quality.",
        )
        .with_panel(
            number(
                say("Rework with AI"),
                f"SELECT sumIf(n_reworked, {_TREATED}) / sumIf(n, {_TREATED}) AS share FROM current_progress",
                SHARE,
                say("Share of measured tasks that had to be done again in part."),
            )
        )
        .with_panel(
            number(
                say("Rework without AI"),
                f"SELECT sumIf(n_reworked, {_OTHERS}) / sumIf(n, {_OTHERS}) AS share FROM current_progress",
                SHARE,
                say("Of control tasks and of tasks without AI: not causal, since people chose some of them."),
            )
        )
        .with_panel(
            number(
                say("Given up with AI"),
                f"SELECT sumIf(n_abandoned, {_TREATED}) / sumIf(n, {_TREATED}) AS share FROM current_progress",
                SHARE,
                say("Attempts that were abandoned: their effort is a cost, and earns no credit."),
            )
        )
        .with_panel(
            number(
                say("Escalated with AI"),
                f"SELECT sumIf(n_escalated, {_TREATED}) / sumIf(n, {_TREATED}) AS share FROM current_progress",
                SHARE,
                say("Handed on to somebody else: their effort is a cost, and earns no credit."),
            )
        )
        .with_panel(
            number(
                say("Induced by AI"),
                f"SELECT sumIf(induced_ms, {_TREATED}) / 3600000 AS hours FROM current_progress",
                HOURS_UNIT,
                say("Effort of tasks that exist only because of AI."),
            )
        )
        .with_panel(
            _with_and_without(
                say,
                "Rework",
                "n_reworked",
                "Share of measured tasks that had to be done again in part. Rework of the last 90 days is still coming.",
            )
        )
        .with_panel(
            _with_and_without(
                say,
                "Given up",
                "n_abandoned",
                "Attempts that were abandoned: their effort is a cost, and earns no credit.",
            )
        )
        .with_panel(
            rows(
                say("Administrative and core work"),
                f"""
SELECT {say.work("work")} AS "{say("work")}", sum(n) AS "{say("tasks")}", sumIf(effort_ms, status = 'measured') / 3600000 AS "{say("effort")}",
       sumIf(saved_ms, {_TREATED}) / 3600000 AS "{say("net hours")}"
FROM current_progress GROUP BY work ORDER BY "{say("tasks")}" DESC
""",
                say("Net of the tasks with AI: exact sums, which do not cover drift."),
                {say("effort"): HOURS_UNIT, say("net hours"): HOURS_UNIT},
                width=12,
            )
        )
        .with_panel(
            rows(
                say("For whom"),
                f"""
SELECT {say.audience("audience")} AS "{say("audience")}", sum(n) AS "{say("tasks")}", sumIf(saved_ms, {_TREATED}) / 3600000 AS "{say("net hours")}"
FROM current_progress GROUP BY audience ORDER BY "{say("tasks")}" DESC
""",
                say("Net of the tasks with AI: exact sums, which do not cover drift."),
                {say("net hours"): HOURS_UNIT},
                width=12,
            )
        )
    )


def _with_and_without(say: Say, title: str, counted: str, about: str) -> Panel:
    """Share of tasks that a column counts, by month, with AI and without."""
    return trend(
        say(title),
        f"""
SELECT toDateTime(toStartOfMonth(day)) AS time, sumIf({counted}, {_TREATED}) / nullIf(sumIf(n, {_TREATED}), 0) AS "{say("with AI")}",
       sumIf({counted}, {_OTHERS}) / nullIf(sumIf(n, {_OTHERS}), 0) AS "{say("without AI")}"
FROM current_progress WHERE $__dateFilter(day) GROUP BY time ORDER BY time
""",
        SHARE,
        say(about),
    )
