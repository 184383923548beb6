"""Group-time effects: what authorities that introduced AI in one month freed in another, against those without it so far.

The formulas and their reasons are in `staggered`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.domain.arrays import Floats, Integers


@dataclass(frozen=True, slots=True)
class Panel:
    """Sums per authority and month, shape (m,), milliseconds: of all tasks in scope, with AI or without it, since who chose
    the tasks would else be measured too; effort without credit is in them. `month`: months since January 1970, as numpy's
    `datetime64[M]` counts them. `introduced`: the month of each authority's first AI, `None` for none so far."""

    authority: Sequence[str]
    month: Integers
    effort_ms: Integers
    credit_ms: Integers
    introduced: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class GroupTime:
    """What the authorities that introduced AI in one month freed in another (before it: a placebo), against `compared_with`
    others that had not introduced it."""

    introduced: int
    month: int
    authorities: int
    compared_with: int
    freed_ms: int
    credit_ms: int


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Months of authorities with AI of which nothing can be said, and why."""

    reason: str
    authority_months: int
    effort_ms: int
    credit_ms: int


@dataclass(frozen=True, slots=True)
class Grid:
    """A panel of A authorities and M months without gaps from `first` on. `effort` and `credit`: shape (A, M), 0 where
    there is nothing. `introduced`: index of a month, negative for one before the panel, M or more for none in it."""

    first: int
    effort: Floats
    credit: Floats
    introduced: Integers

    @property
    def months(self) -> int:
        """M."""
        return int(self.effort.shape[1])


@dataclass(frozen=True, slots=True)
class Spread:
    """Sums per authority and event time (months since introduction), shape (A, 2M - 1): freed and credit of the treated, and
    `compared`, the influence that an authority has by being compared with. `credit_per_comparison`: Σ of the group-times'
    credit over the number of authorities that they are compared with, shape (2M - 1,)."""

    events: Integers
    freed: Floats
    credit: Floats
    compared: Floats
    credit_per_comparison: Floats


@dataclass(slots=True)
class _Found:
    spread: Spread
    times: list[GroupTime] = field(default_factory=list)
    uncovered: dict[str, Uncovered] = field(default_factory=dict)

    def leave_out(self, reason: str, grid: Grid, authorities: Integers, months: slice) -> None:
        effort, credit = grid.effort[authorities, months], grid.credit[authorities, months]
        count = int(((effort > 0) | (credit > 0)).sum())
        if count:
            before = self.uncovered.get(reason, Uncovered(reason, 0, 0, 0))
            self.uncovered[reason] = Uncovered(
                reason,
                before.authority_months + count,
                before.effort_ms + round(float(effort.sum())),
                before.credit_ms + round(float(credit.sum())),
            )


def grid_of(panel: Panel) -> Grid:
    """The panel as a grid; rows of one authority and month are added up. Raises `ValueError` for an empty panel, columns of
    different lengths, or an authority whose introduction is not given."""
    lengths = {len(panel.authority), len(panel.month), len(panel.effort_ms), len(panel.credit_ms)}
    if lengths == {0} or len(lengths) > 1:
        raise ValueError(
            f"columns of one panel have {sorted(lengths)} rows: give at least one, and one value in each column"
        )
    unknown = sorted(set(panel.authority) - panel.introduced.keys())
    if unknown:
        raise ValueError(
            f"no month of introduction for authority {unknown[0]}: give one, or None if it has no AI so far"
        )
    names = sorted(set(panel.authority))
    place = {name: index for index, name in enumerate(names)}
    first, last = int(panel.month.min()), int(panel.month.max())
    shape = (len(names), last - first + 1)
    where = (np.array([place[name] for name in panel.authority]), panel.month - first)
    effort, credit = np.zeros(shape), np.zeros(shape)
    np.add.at(effort, where, panel.effort_ms)
    np.add.at(credit, where, panel.credit_ms)
    given = (panel.introduced[name] for name in names)
    introduced = np.array([shape[1] if month is None else month - first for month in given])
    return Grid(first, effort, credit, introduced)


def group_times(
    grid: Grid, base_months: int, min_comparisons: int
) -> tuple[tuple[GroupTime, ...], Spread, tuple[Uncovered, ...]]:
    """All group-times that at least `min_comparisons` authorities without AI can be compared with, their sums by event time,
    and the months after introduction that are in none."""
    shape = (len(grid.introduced), 2 * grid.months - 1)
    events = np.arange(1 - grid.months, grid.months)
    found = _Found(Spread(events, np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape[1])))
    for introduced in np.unique(grid.introduced[grid.introduced < grid.months]).tolist():
        _group(found, grid, introduced, base_months, min_comparisons)
    return tuple(found.times), found.spread, tuple(found.uncovered.values())


def _group(found: _Found, grid: Grid, introduced: int, base_months: int, min_comparisons: int) -> None:
    """Adds the group-times of the authorities that introduced AI in one month."""
    group = np.flatnonzero(grid.introduced == introduced)
    after = slice(max(introduced, 0), grid.months)
    if introduced < base_months:
        found.leave_out(f"there are no {base_months} months before the introduction to start from", grid, group, after)
        return
    base = slice(introduced - base_months, introduced)
    base_credit = grid.credit[:, base].sum(axis=1)
    left = group[base_credit[group] == 0]
    found.leave_out(f"nothing was credited in the {base_months} months before the introduction", grid, left, after)
    group = group[base_credit[group] > 0]
    comparable = (grid.credit[:, base] > 0).all(axis=1)
    for month in (*range(base.start), *range(introduced, grid.months)):
        later = grid.introduced > max(month, introduced)
        others = np.flatnonzero(later & comparable & (grid.credit[:, month] > 0))
        if len(others) >= min_comparisons:
            _compare(found, grid, _Pair(introduced, month, base, group, others))
        elif month >= introduced:
            reason = f"under {min_comparisons} authorities were still without AI, and had tasks"
            found.leave_out(reason, grid, group, slice(month, month + 1))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A group, a month and the others; `base`: the months before the group's introduction."""

    introduced: int
    month: int
    base: slice
    group: Integers
    others: Integers


def _compare(found: _Found, grid: Grid, pair: _Pair) -> None:
    month, base, group, others, spread = pair.month, pair.base, pair.group, pair.others, found.spread
    credit, base_credit = grid.credit[group, month], grid.credit[group, base]
    before = grid.effort[group, base].sum(axis=1) / base_credit.sum(axis=1)
    month_shares = base_credit / base_credit.sum(axis=1)[:, None]
    weight = grid.credit[others, base].sum(axis=1)
    share = weight / weight.sum()
    now = grid.effort[others, month] / grid.credit[others, month]
    then = grid.effort[others, base] / grid.credit[others, base]
    drift = share @ now - month_shares @ (share @ then)
    freed = credit * (before + drift) - grid.effort[group, month]
    # What the others' influence on the group's sum is: by their change weighted as the group is.
    change = credit.sum() * now - then @ (credit @ month_shares)
    column = month - pair.introduced + grid.months - 1
    spread.freed[group, column] += freed
    spread.credit[group, column] += credit
    spread.compared[others, column] += share * (change - share @ change) / (1 - share)
    spread.credit_per_comparison[column] += credit.sum() / len(others)
    if credit.sum() > 0 or freed.any():
        found.times.append(
            GroupTime(
                grid.first + pair.introduced,
                grid.first + month,
                authorities=int((credit > 0).sum()),
                compared_with=len(others),
                freed_ms=round(float(freed.sum())),
                credit_ms=round(float(credit.sum())),
            )
        )
