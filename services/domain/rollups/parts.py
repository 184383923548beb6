"""The hint: in which parts of the table `measurements` rows are that were not there before. Pure.

Every insert makes a part with a number that no other has, whoever inserts; a merge makes a part of several that covers their
numbers. What is in no part of before lies in a part that covers a number which no part of before covered. Rows that were
deleted or changed in place make no such part: nobody does that, and the sweep over everything finds it.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Part(NamedTuple):
    """An active part: it covers the inserts from number `first` to `last`."""

    name: str
    first: int
    last: int


def fresh(parts: Iterable[Part], before: Iterable[Part]) -> list[str]:
    """The names of parts in which rows may be that were in no part of before. Too many where an insert failed and left its
    number unused, never too few."""
    known = _merged((part.first, part.last) for part in before)
    return sorted(
        part.name for part in parts if not any(first <= part.first and part.last <= last for first, last in known)
    )


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in as few ranges as can be."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
