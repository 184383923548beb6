"""How estimates are shown in a terminal of 80 columns."""

from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from services.baselines.estimates import TaskTypeEstimate

_MS_PER_MINUTE: Final = 60_000
_STYLES: Final = {"supported": "green", "weak": "yellow", "unsupported": "bold red"}
_WIDTHS: Final = {"n": 11, "cases": 9, "median": 8, "P90": 8, "mean": 8, "SE": 7, "raw": 9, "cap": 6, "capped": 9}


def show(console: Console, found: Sequence[TaskTypeEstimate], more: Iterable[str]) -> None:
    """Each estimate with its verdict and reasons, what holds of all of them, and `more` lines about the source."""
    header = "".join(f"{name:>{width}}" for name, width in _WIDTHS.items())
    console.print(f"{header}\n{'─' * len(header)}", highlight=False)
    shared = _shared_notes(found)
    for entry in found:
        _show(console, entry, shared)
    words = [entry.verdict.word for entry in found]
    counted = ", ".join(f"[{_STYLES[word]}]{words.count(word)} {word}[/]" for word in _STYLES if word in words)
    points = [f"All: {note}." for note in shared]
    console.print(f"{len(found)} task types: {counted}.", highlight=False)
    for line in (*points, *more, "Times in minutes, counted up to the cap; raw: the mean before the cap."):
        console.print(escape(line), highlight=False)


def _shared_notes(found: Sequence[TaskTypeEstimate]) -> list[str]:
    """Notes that several estimates all have: they are said once."""
    if len(found) < 2:
        return []
    return [note for note in found[0].verdict.notes if all(note in entry.verdict.notes for entry in found)]


def _show(console: Console, entry: TaskTypeEstimate, shared: Sequence[str]) -> None:
    e, verdict = entry.estimate, entry.verdict
    name = entry.task_type if entry.complexity == "any" else f"{entry.task_type}, {entry.complexity}"
    style = _STYLES[verdict.word]
    console.print(f"[bold]{escape(name)}[/]  [{style}]{verdict.word}[/]", highlight=False)
    minutes = [
        f"{ms / _MS_PER_MINUTE:.2f}" for ms in (e.median_ms, e.p90_ms, e.mean_ms, e.standard_error_ms, e.raw_mean_ms)
    ]
    cap = [f"{e.cap_ms // _MS_PER_MINUTE}", f"{e.capped_share:.1%}"] if e.cap_ms is not None else ["-", "-"]
    cells = (f"{e.n:,}", f"{e.clusters:,}", *minutes, *cap)
    console.print(
        "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS.values(), strict=True)), highlight=False
    )
    points = Table.grid(padding=(0, 1))
    for reason in verdict.reasons:
        points.add_row(f"[{style}]–[/]", escape(reason))
    for note in verdict.notes:
        if note not in shared:
            points.add_row("·", escape(note))
    if points.row_count:
        console.print(Padding(points, (0, 0, 0, 4)))
    console.print()
