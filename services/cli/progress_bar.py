"""The bar of long work over many things, on standard error; gone when the work ends."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress() -> Iterator[Progress]:
    """Shows of each of its tasks how many things of how many are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        yield shown


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """One task; it is told how many things of how many are done."""
    with progress() as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, everything: shown.update(task, completed=done, total=everything)
