"""What a simulation found: tables for people, the same as JSON."""

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

Value = str | int | float | None


def holds(low: float | None, truth: float, high: float | None) -> bool:
    """Whether an interval holds the truth; no interval holds nothing."""
    return low is not None and high is not None and low <= truth <= high


def percent(share: float) -> float:
    """A share in %, to a tenth."""
    return round(100 * share, 1)


@dataclass
class Coverage:
    """How often something was so."""

    hits: int = 0
    runs: int = 0

    def add(self, covered: bool) -> None:
        self.hits += covered
        self.runs += 1

    @property
    def percent(self) -> float | None:
        return percent(self.hits / self.runs) if self.runs else None


@dataclass
class Table:
    """A title, names of columns, rows."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"title": self.title, "rows": [dict(zip(self.columns, row, strict=True)) for row in self.rows]}

    def show(self, console: Console) -> None:
        grid = Grid(title=self.title, title_justify="left")
        for place, name in enumerate(self.columns):
            grid.add_column(name, justify="right" if place else "left")
        for row in self.rows:
            grid.add_row(
                *("–" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in row)
            )
        console.print(grid)
