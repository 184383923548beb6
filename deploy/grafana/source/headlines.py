"""Panels of the headline with its interval: over time, and of several scopes."""

from deploy.grafana.source.panels import HOURS_UNIT, SHARE, Panel, number, rows, trend
from deploy.grafana.source.queries import HIGH, HOURS, LOW, headline
from deploy.grafana.source.words import Say


def columns(say: Say) -> tuple[str, str, str]:
    """The names of the headline and the ends of its interval."""
    return say("hours freed"), say("lower end, 95 %"), say("upper end, 95 %")


def so_far(say: Say, of: str) -> Panel:
    """One number of all so far; `of` ends in the kind of period."""
    about = say(
        "Adjusted by the control where it is sufficient, net elsewhere; signed. What it consists of stands below."
    )
    return number(say("Hours freed so far"), headline(f"{of} = 'total'", f"{HOURS} AS hours"), HOURS_UNIT, about)


def shares(say: Say, figure: str) -> tuple[Panel, Panel]:
    """How many tasks are measured, and of those with AI how many are provisional. `figure`: FROM and WHERE of one figure."""
    return (
        number(
            say("Tasks measured"),
            f"SELECT measured / tasks AS share {figure} AND tasks > 0",
            SHARE,
            say("Of all tasks; the others have no baseline, or their review or rework is unknown."),
        ),
        number(
            say("Provisional"),
            f"SELECT provisional / treated AS share {figure} AND treated > 0",
            SHARE,
            say("Of the tasks with AI, those younger than 90 days: rework is still coming."),
        ),
    )


def over_time(say: Say, title: str, of: str, about: str, width: int = 12) -> Panel:
    """A line with its band; `of` chooses figures by month."""
    hours, low, high = columns(say)
    return trend(
        say(title),
        headline(
            f"{of} AND $__dateFilter(last_day)",
            f'toDateTime(last_day) AS time, {HOURS} AS "{hours}", {LOW} AS "{low}", {HIGH} AS "{high}"',
            "GROUP BY time ORDER BY time",
        ),
        HOURS_UNIT,
        say(about),
        band=(hours, low, high),
        width=width,
    )


def by_month(say: Say, of: str) -> Panel:
    """Each month; `of` ends in the kind of period."""
    about = "Each month with an interval of its own."
    return over_time(say, "Hours freed in each month", f"{of} = 'month'", about)


def of_each(say: Say, title: str, kind: str, named: str, name: str, about: str) -> Panel:
    """A row a scope of a kind, by its hours. `named`: an expression over `scope`."""
    hours, low, high = columns(say)
    return rows(
        say(title),
        headline(
            f"scope_kind = '{kind}' AND period_kind = 'total'",
            f'{named} AS "{say(name)}", {HOURS} AS "{hours}", {LOW} AS "{low}", {HIGH} AS "{high}"',
            f'GROUP BY scope ORDER BY "{hours}" DESC',
        ),
        say(about),
        dict.fromkeys((hours, low, high), HOURS_UNIT),
        width=12,
    )
