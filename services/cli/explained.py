"""Explanations on a terminal."""

from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.markup import escape

from services.audit.explain.arithmetic import Figures, steps
from services.audit.explain.task import Baseline, TaskEvent, TaskExplained, why_in_force
from services.audit.explain.total import Line, TotalExplained
from services.cli.tables import table
from services.domain.units import hours_text

_MOMENT: Final = "%Y-%m-%d %H:%M:%S.%f"


def print_task(console: Console, found: TaskExplained) -> None:
    """A task from its record to its share."""

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    say(f"[bold]Task {escape(found.task)} of {found.authority}[/]")
    winner = found.winner
    for event in found.events:
        say(_event_line(event, in_force=event is winner))
    if winner is not None:
        say(f"In force: {winner.coordinate}, since {why_in_force([event for event in found.events if event.readable])}")
        say(
            f"  source {escape(winner.source)}, id {escape(winner.event_id)}, schema {winner.dataschema}, rules {winner.rules}"
        )
        say(f"  digest {winner.digest}\n  leaf   {winner.leaf}")
    if found.baseline is not None:
        _print_baseline(say, found.baseline)
    figures = found.in_force
    if figures is not None and winner is not None and not winner.retraction:
        say("[bold]Arithmetic[/] (milliseconds)")
        for step in steps(figures):
            say(f"  {step.name:<15}{'' if step.ms is None else f'{step.ms:>15,}':>15}  = {escape(step.how)}")
        say(f"  status {figures.status}")
    _print_generations(say, found)
    _print_standing(say, found)


def _event_line(event: TaskEvent, *, in_force: bool) -> str:
    what = event.event_type.removeprefix("dk.frigjort.task.").removesuffix(".v1")
    revision = f"revision {event.revision}" if event.readable else "erased, or without payload"
    mark = "[green]▸[/]" if in_force else " "
    return f"{mark} {event.coordinate}  {event.broker_time.strftime(_MOMENT)[:-3]} UTC  {what}, {revision}"


def _print_baseline(say: Callable[[str], None], b: Baseline) -> None:
    say(
        f"[bold]Baseline[/] {escape(b.baseline)} version {b.version}, grade {b.grade} ({b.method}), generation {b.generation}"
    )
    scope = (
        f"{b.level}, {b.task_type}, {b.complexity}, completed from {b.valid_from:%Y-%m-%d} until {b.valid_to:%Y-%m-%d}"
    )
    cap = "none" if b.cap_ms is None else f"{b.cap_ms:,} ms"
    say(f"  for {scope}; mean {b.mean_ms:,} ms, standard error {b.standard_error_ms:,} ms, idle cap {cap}")
    say(
        f"  from {b.n:,} tasks of {b.clusters:,} cases; evidence {escape(b.evidence_source)}, sha256 {b.evidence_sha256}"
    )
    published = b.published_at.strftime(_MOMENT)[:-3]
    say(f"  proposed by {escape(b.proposed_by)}, approved by {escape(b.approved_by)}, published {published} UTC")


def _print_generations(say: Callable[[str], None], found: TaskExplained) -> None:
    if len(found.figures) > 1:
        say("[bold]Under other generations[/]")
        for figures in found.figures:
            mark = "[green]▸[/]" if figures is found.in_force else " "
            say(f"{mark} {_span(figures)}: {_figures(figures)}")
    for run in found.restatements:
        whose = f", of {run.authority}" if run.authority else ""
        started = run.started_at.strftime(_MOMENT)[:-3]
        say(
            f"Restated under its generation: {started} UTC by {escape(run.requested_by)} ({escape(run.reason)}){whose}: "
            f"{run.tasks:,} tasks, {run.changed:,} changed"
        )


def _span(figures: Figures) -> str:
    if figures.until is None:
        return f"generation {figures.since} and newer"
    last = figures.until - 1
    return f"generation {figures.since}" + (f" to {last}" if last > figures.since else "")


def _figures(figures: Figures) -> str:
    baseline = f"{figures.baseline} version {figures.baseline_version}" if figures.baseline else "no baseline"
    saved = "" if figures.saved_ms is None else f", saved {figures.saved_ms:,} ms"
    return escape(f"{baseline}, {figures.status}{saved}")


def _print_standing(say: Callable[[str], None], found: TaskExplained) -> None:
    stored, seal = found.stored, found.seal
    if seal is None:
        say("Not under a seal yet")
    else:
        say(f"Sealed: checkpoint at offset {seal.last_offset:,} over {seal.records:,} records, chain {seal.chain}")
    if stored is None:
        say("[bold red]Nothing is stored of it[/]: `frigjort audit recompute`")
        return
    if found.unreadable:
        say(
            "[yellow]The event in force was erased[/], or has no payload: the figures that are stored cannot be recomputed"
        )
    elif not found.as_stored:
        saved = "unknown" if stored.saved_ms is None else f"{stored.saved_ms:,} ms"
        say(
            f"[bold red]Stored otherwise[/]: {stored.coordinate}, {stored.status}, saved {saved}: `frigjort audit recompute`"
        )
    stale = ", [yellow]stale[/]: `frigjort baseline restate`" if stored.stale else ""
    say(f"Stored under generation {stored.generation}, rules {stored.rules}{stale}")
    if stored.retracted:
        say("Retracted: it counts for nothing")
    elif stored.saved_ms is None:
        say(f"{stored.status}: outside the total")
    elif not stored.treated:
        say("Drawn as control, or done without AI: outside the hours freed")
    else:
        share = found.share
        say(
            f"[bold]Its share[/]: {hours_text(stored.saved_ms, 4)} of {hours_text(share.authority_ms)} of its authority, "
            f"and of {hours_text(share.nation_ms)} of all"
        )


def print_total(console: Console, found: TotalExplained) -> None:
    """A total down to its baselines."""
    words = ("what the credit is",)
    shown = table(*words, "tasks", "× mean ms", "credit h", "effort h", "freed h", words=words)
    for line in found.lines:
        if line.standing == "measured":
            shown.add_row(*_row(line))
    total = found.total
    shown.add_section()
    shown.add_row(
        "measured", f"{total.tasks:,}", "", _hours(total.credit_ms), _hours(total.effort_ms), _hours(total.saved_ms)
    )
    shown.add_section()
    for line in found.lines:
        if line.standing != "measured":
            shown.add_row(*_row(line)[:3], "", _hours(line.sums.effort_ms), "")
    console.print(shown)
    for line in (line for line in found.lines if line.standing == "measured"):
        examples = ", ".join(f"{authority} {task}" for authority, task in line.examples)
        console.print(f"{escape(_name(line))}: for example {escape(examples)}", highlight=False, soft_wrap=True)
    verdict = "[bold green]adds up[/]" if found.adds_up else "[bold red]does not add up[/]: `frigjort audit recompute`"
    console.print(
        f"{verdict}: {found.shown_tasks:,} tasks, {hours_text(found.shown_saved_ms)} freed ({found.shown_saved_ms:,} ms)",
        highlight=False,
    )


def _row(line: Line) -> list[str]:
    mean = "" if line.mean_ms is None else f"{line.mean_ms:,}"
    sums = line.sums
    return [_name(line), f"{sums.tasks:,}", mean, *map(_hours, (sums.credit_ms, sums.effort_ms, sums.saved_ms))]


def _name(line: Line) -> str:
    if line.baseline:
        named = f"{line.baseline} v{line.baseline_version} ({line.grade})"
        return named if line.standing == "measured" else f"{line.standing}: {named}"
    if line.standing == "measured":
        return f"no credit: {line.why}"
    return f"{line.standing}: {line.why}"


def _hours(ms: int) -> str:
    return hours_text(ms).removesuffix(" h")
