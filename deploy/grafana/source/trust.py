"""Trust: what is measured and what is not, what was refused, changed, restated, sealed."""

from typing import Any

from deploy.grafana.source.headlines import shares
from deploy.grafana.source.panels import HOURS_UNIT, SHARE, gauge, measured, number, rows
from deploy.grafana.source.words import Say


def dashboard(say: Say) -> Any:
    """The dashboard."""
    figure = "FROM current_figures WHERE scope_kind = 'nation' AND period_kind = 'total'"
    return (
        say.dashboard("frigjort-trust", "Trust", "What the figures rest on, and what they leave out.")
        .with_panel(shares(say, figure)[0])
        .with_panel(
            number(
                say("Without a baseline"),
                f"SELECT unmeasured {figure}",
                "none",
                say("Measured when their baseline comes."),
                decimals=0,
            )
        )
        .with_panel(
            number(
                say("Review or rework unknown"),
                f"SELECT incomplete {figure}",
                "none",
                say("Unknown is not zero: they are outside the headline."),
                decimals=0,
            )
        )
        .with_panel(
            number(
                say("Left out by grade"),
                f"SELECT excluded {figure}",
                "none",
                say("Their grade is lower than the one that was set in advance."),
                decimals=0,
            )
        )
        .with_panel(
            gauge(
                say("Offsets missing"),
                "sum(frigjort_progress_missing_offsets)",
                "none",
                say("Records that were delivered and are not stored."),
                bad_from=1,
            )
        )
        .with_panel(
            gauge(
                say("Baselines that do not hold"),
                "sum(frigjort_progress_drift_alarm)",
                "none",
                say("Authorities whose control tasks drift; about one in twenty by chance."),
            )
        )
        .with_panel(
            rows(
                say("Coverage by sector"),
                f"""
SELECT {say.sector("scope")} AS "{say("sector")}", tasks AS "{say("tasks")}", measured / tasks AS "{say("measured")}", unmeasured AS "{say("without a baseline")}",
       incomplete AS "{say("incomplete")}", controlled / nullIf(treated, 0) AS "{say("with a sufficient control")}"
FROM current_figures WHERE scope_kind = 'sector' AND period_kind = 'total' AND tasks > 0 ORDER BY tasks DESC
""",
                say("The sector of an authority is the one of now."),
                {say("measured"): SHARE, say("with a sufficient control"): SHARE},
                width=12,
            )
        )
        .with_panel(
            rows(
                say("Refused, by supplier"),
                f"""
SELECT topic AS "{say("topic")}", code AS "{say("code")}", count() AS "{say("records")}" FROM rejections
GROUP BY topic, code ORDER BY "{say("records")}" DESC LIMIT 50
""",
                say("Records that the contract refuses: `frigjort rejected list` says where and why."),
                {},
                width=12,
            )
        )
        .with_panel(
            rows(
                say("Plausibility"),
                f"""
SELECT flag AS "{say("flag")}", sum(times) AS "{say("times")}" FROM current_flag_counts GROUP BY flag ORDER BY "{say("times")}" DESC
""",
                say("Flags exclude nothing: they say what to look at."),
                {},
                width=8,
            )
        )
        .with_panel(
            rows(
                say("Restatements"),
                f"""
SELECT finished_at AS "{say("at")}", requested_by AS "{say("by")}", reason AS "{say("reason")}", tasks AS "{say("tasks")}", changed AS "{say("changed")}",
       (saved_after_ms - saved_before_ms) / 3600000 AS "{say("net hours")}"
FROM restatement_runs ORDER BY finished_at DESC LIMIT 50
""",
                say("What was measured anew, since a baseline changed."),
                {say("net hours"): HOURS_UNIT},
                width=16,
            )
        )
        .with_panel(
            measured(
                say("Not sealed yet"),
                {say("oldest record"): "max(frigjort_progress_unsealed_seconds)"},
                "s",
                say("Up to two hours is normal."),
            )
        )
        .with_panel(
            measured(
                say("Findings"),
                {"{{kind}}": "sum by (kind) (frigjort_progress_findings)"},
                "none",
                say("What speaks against every record being stored exactly once."),
            )
        )
    )
