"""What a person sees: live progress, and the summary."""

from collections.abc import Sequence

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.cli.demo.data_sets import Result, interval_hours
from services.domain.units import hours


def live(step: str, sent: int, total: int, rate: float, lag: int, results: Sequence[Result]) -> Group:
    """The live view: how fast, how far behind, and the hours so far."""
    line = Text.assemble(
        (f"{step}  ", "bold"),
        f"{sent:,} of {total:,} events sent   ",
        (f"{rate:,.0f} events/s stored   ", "cyan"),
        f"lag {lag:,}",
    )
    if not results:
        return Group(line, Text("waiting for the first rows…"))
    refused = sum(sum(found.rejected.values()) for found in results)
    return Group(line, Text(f"rejected {refused:,}"), figures(results, "Hours freed so far"))


def figures(results: Sequence[Result], title: str) -> Table:
    """The hours of each data set."""
    table = Table(
        title=title,
        caption="95 % interval of the unadjusted net: it does not cover drift, which is shown of tasks without AI.",
    )
    table.add_column("data set", no_wrap=True)
    for name in ("tasks", "unmeasured", "net hours freed", "95 % interval", "drift"):
        table.add_column(name, justify="right")
    for found in results:
        net = found.figure.net
        bounds = interval_hours(net)
        table.add_row(
            found.name,
            f"{found.figure.tasks:,}",
            f"{found.figure.unmeasured:,}",
            f"[{'green' if net.net_ms > 0 else 'red' if net.net_ms < 0 else 'default'}]{hours(net.net_ms):,.1f}[/]",
            f"{bounds[0]:,.1f} … {bounds[1]:,.1f}" if bounds else "-",
            "-" if found.figure.drift is None else f"{found.figure.drift:.3f}",
        )
    return table


def records(results: Sequence[Result]) -> Table:
    """What became of every record: sent = accepted + duplicates + rejected."""
    table = Table(title="Records")
    table.add_column("data set", no_wrap=True)
    for name in ("sent", "accepted", "duplicates", "rejected", "unaccounted"):
        table.add_column(name, justify="right")
    for found in results:
        numbers = (
            found.sent,
            found.accepted,
            found.duplicates,
            sum(found.rejected.values()),
            found.sent - found.received,
        )
        table.add_row(found.name, *(f"{number:,}" for number in numbers))
    return table


def rejected(results: Sequence[Result]) -> Text:
    """Rejections by code, most frequent first."""
    counts: dict[str, int] = {}
    for found in results:
        for code, count in found.rejected.items():
            counts[code] = counts.get(code, 0) + count
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return Text("Rejected, by code: " + ", ".join(f"{code} {count:,}" for code, count in ordered))


def explanation(results: Sequence[Result], sql: str, command: str) -> Panel:
    """What the figures say, and how to ask for them again."""
    lines = []
    by_name = {found.name: found for found in results}
    without, copy = by_name.get("real log, without AI"), by_name.get("real log, 0.8 copy as AI")
    if without is not None and copy is not None:
        slower = (without.figure.drift or 1.0) - 1.0
        lines.append(
            f"Real casework, nobody used AI: nothing is freed, and later work took {abs(slower):.1%} "
            f"{'more' if slower > 0 else 'less'} than its baseline: drift. A copy with every counted time × 0.8 has a net of "
            f"{hours(copy.figure.net.net_ms):,.1f} hours, which that drift distorts: no net covers it, a control drawn by lot "
            "does (`frigjort report effect`)."
        )
    lines += ["", "Ask ClickHouse yourself:", f"  {sql}", "", "as the auditor, who can only read:", f"  {command}"]
    return Panel("\n".join(lines).strip("\n"), title="What this says")
