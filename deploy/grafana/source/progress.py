"""Progress to 2035: the number, what it consists of, where it leads."""

from typing import Any

from deploy.grafana.source.headlines import by_month, columns, of_each, over_time, shares, so_far
from deploy.grafana.source.panels import HOURS_UNIT, SHARE, bars, number, rows
from deploy.grafana.source.queries import HOURS
from deploy.grafana.source.words import Say

NATION = "scope_kind = 'nation' AND period_kind"
_TARGET = "(SELECT argMax(value, target_version) FROM target_versions WHERE name = 'hours_freed_2035')"
_DEADLINE = "(SELECT argMax(value, target_version) FROM target_versions WHERE name = 'deadline')"
_RATE = f"""(SELECT {HOURS} * 12 / any(dateDiff('month', first_day, last_day) + 1) FROM current_steps
WHERE {NATION} = 'rate')"""
_SO_FAR = f"(SELECT {HOURS} FROM current_steps WHERE {NATION} = 'total')"


def dashboard(say: Say) -> Any:
    """The dashboard."""
    of_nation = "FROM current_figures WHERE scope_kind = 'nation' AND period_kind = 'total'"
    hours, low, high = columns(say)
    made = say.dashboard("frigjort-progress", "Progress to 2035", "How many hours AI has freed, and how sure that is.")
    return (
        made.with_panel(so_far(say, NATION))
        .with_panel(
            number(
                say("Of the target"),
                f"SELECT {_SO_FAR} / {_TARGET} AS share",
                SHARE,
                say("As a sum until the deadline."),
                decimals=3,
            )
        )
        .with_panel(
            number(
                say("A year, at the run-rate"),
                f"SELECT {_RATE} AS hours",
                HOURS_UNIT,
                say("The last twelve complete months older than 90 days; fewer are scaled up to a year."),
            )
        )
        .with_panel(
            number(
                say("Required a year"),
                f"SELECT greatest(0, {_TARGET} - {_SO_FAR}) / (dateDiff('day', today(), makeDate(toUInt16({_DEADLINE}) + 1, 1, 1)) / 365.2425) AS hours",
                HOURS_UNIT,
                say("From now to the deadline, to reach the target."),
            )
        )
        .with_panel(shares(say, of_nation)[0])
        .with_panel(shares(say, of_nation)[1])
        .with_panel(
            over_time(
                say,
                "Hours freed, from the beginning",
                f"{NATION} = 'until'",
                "Until the end of each month, with the 95 % interval of that sum: intervals of months do not add.",
                16,
            )
        )
        .with_panel(
            rows(
                say("What it consists of"),
                f"""
SELECT {say.part("name")} AS "{say("part")}", if(name = 'without_control', -1, 1) * hours AS "{hours}",
       if(name = 'without_control', -high_hours, low_hours) AS "{low}", if(name = 'without_control', -low_hours, high_hours) AS "{high}",
       if(name = 'adjusted', adjusted_grade, net_grade) AS "{say("grade")}"
FROM current_steps INNER JOIN (SELECT adjusted_grade, net_grade {of_nation}) AS grades ON 1 = 1
WHERE {NATION} = 'total' AND name IN ('gross', 'net', 'without_control', 'adjusted') ORDER BY position
""",
                say(
                    "Gross and net are of all tasks with AI and do not cover drift of the baselines; adjusted does. Intervals do not add."
                ),
                {hours: HOURS_UNIT, low: HOURS_UNIT, high: HOURS_UNIT},
            )
        )
        .with_panel(by_month(say, NATION))
        .with_panel(
            of_each(
                say,
                "Sectors",
                "sector",
                say.sector("scope"),
                "sector",
                "The sector of an authority is the one of now. Intervals do not add up to that of the nation.",
            )
        )
        .with_panel(
            rows(
                say("Where it leads"),
                f"""
SELECT toYear(until) AS "{say("year")}", maxIf(hours, scenario = 'constant') AS "{say("constant")}",
       maxIf(hours, scenario = 'damped') AS "{say("damped")}", maxIf(hours, scenario = 'saturation') AS "{say("saturation")}"
FROM current_scenarios WHERE toMonth(until) = 12 GROUP BY toYear(until) ORDER BY toYear(until)
""",
                say(
                    "Hours freed by the end of each year under three scenarios: adoption stays, grows on by less each month, or grows towards every eligible task. None is a 95 % forecast; 0: it cannot be given."
                ),
                {say(name): HOURS_UNIT for name in ("constant", "damped", "saturation")},
                width=12,
            )
        )
        .with_panel(
            rows(
                say("Årsværk"),
                f"""
SELECT name AS "{say("norm")}", argMax(value, target_version) AS "{say("hours a year")}", {_SO_FAR} / "{say("hours a year")}" AS "{say("so far")}",
       {_RATE} / "{say("hours a year")}" AS "{say("a year, at the run-rate")}", argMax(source, target_version) AS "{say("source")}"
FROM target_versions WHERE startsWith(name, 'norm_') GROUP BY name ORDER BY name
""",
                say("Full-time equivalents always stand with their norm."),
                {say("hours a year"): HOURS_UNIT},
                width=12,
            )
        )
        .with_panel(
            bars(
                say("Authorities"),
                f"""
SELECT current_authorities.name AS "{say("authority")}", {HOURS.replace("name", "current_steps.name")} AS "{hours}"
FROM current_steps INNER JOIN current_authorities ON current_steps.scope = current_authorities.authority
WHERE scope_kind = 'authority' AND period_kind = 'total' GROUP BY current_authorities.name ORDER BY "{hours}" DESC LIMIT 20
""",
                HOURS_UNIT,
                say("The twenty with the most hours freed."),
                width=24,
            )
        )
    )
