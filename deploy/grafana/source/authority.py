"""One authority: waterfall, task types, adoption, drift of its control."""

from typing import Any

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from deploy.grafana.source.headlines import by_month, columns, shares, so_far
from deploy.grafana.source.panels import HOURS_UNIT, SHARE, number, rows, trend
from deploy.grafana.source.queries import CLICKHOUSE
from deploy.grafana.source.words import Say

OF = "scope_kind = 'authority' AND scope = '${authority}' AND period_kind"


def dashboard(say: Say) -> Any:
    """The dashboard."""
    figure = f"FROM current_figures WHERE {OF} = 'total'"
    hours, low, high = columns(say)
    authorities = (
        QueryVariable("authority")
        .label(say("authority"))
        .datasource(CLICKHOUSE)
        .query(
            "SELECT concat(name, ' (', authority, ')') AS __text, authority AS __value FROM current_authorities ORDER BY name"
        )
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    )
    return (
        say.dashboard(
            "frigjort-authority", "Authority", "What AI frees in one authority, and whether its baselines hold."
        )
        .with_variable(authorities)
        .with_panel(so_far(say, OF))
        .with_panel(
            number(
                say("Tasks with AI"),
                f"SELECT treated {figure}",
                "none",
                say("Measured, and drawn or chosen to be done with AI."),
                decimals=0,
            )
        )
        .with_panel(shares(say, figure)[0])
        .with_panel(shares(say, figure)[1])
        .with_panel(
            number(
                say("Control tasks"),
                f"SELECT control {figure}",
                "none",
                say("Drawn to be done without AI: they show whether the baselines still hold."),
                decimals=0,
            )
        )
        .with_panel(
            number(
                say("Drift"),
                f"SELECT drift {figure}",
                "none",
                say("Effort of the control tasks by their baseline: 1 where it holds."),
                decimals=3,
            )
        )
        .with_panel(
            rows(
                say("From gross to adjusted"),
                f"""
SELECT {say.step("name")} AS "{say("step")}", hours AS "{hours}", low_hours AS "{low}", high_hours AS "{high}"
FROM current_steps WHERE {OF} = 'total' ORDER BY position
""",
                say(
                    "Steps add up, intervals do not. What has no sufficient control is taken off before drift, and stands apart."
                ),
                {hours: HOURS_UNIT, low: HOURS_UNIT, high: HOURS_UNIT},
                width=12,
            )
        )
        .with_panel(by_month(say, OF))
        .with_panel(
            rows(
                say("Task types"),
                f"""
SELECT task_type AS "{say("task type")}", sum(n) AS "{say("tasks")}", sumIf(n, role = 'treated' AND status = 'measured') AS "{say("with AI")}",
       sumIf(saved_ms, role = 'treated' AND status = 'measured') / 3600000 AS "{say("net hours")}"
FROM current_progress WHERE authority = '${{authority}}' GROUP BY task_type ORDER BY "{say("net hours")}" DESC
""",
                say("Net of the tasks with AI: exact sums, which do not cover drift."),
                {say("net hours"): HOURS_UNIT},
                width=12,
            )
        )
        .with_panel(
            trend(
                say("Adoption"),
                f"""
SELECT toDateTime(last_day) AS time, treated / tasks AS "{say("with AI")}" FROM current_figures
WHERE {OF} = 'month' AND tasks > 0 AND $__dateFilter(last_day) ORDER BY time
""",
                SHARE,
                say("Share of all tasks that were measured with AI."),
            )
        )
        .with_panel(
            trend(
                say("Drift of the control"),
                f"""
SELECT toDateTime(last_day) AS time, drift AS "{say("drift")}", drift_low AS "{low}", drift_high AS "{high}" FROM current_figures
WHERE {OF} = 'month' AND drift IS NOT NULL AND $__dateFilter(last_day) ORDER BY time
""",
                "none",
                say("Where the interval excludes 1 the baselines do not hold."),
                band=(say("drift"), low, high),
                width=24,
            )
        )
    )
