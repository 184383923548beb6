"""Tables that a terminal of 80 columns shows whole."""

from rich import box
from rich.table import Table


def table(*columns: str, words: tuple[str, ...]) -> Table:
    """A table whose words are folded and whose numbers are never cut."""
    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in columns:
        made.add_column(name, justify="left" if name in words else "right", overflow="fold", no_wrap=name not in words)
    return made
