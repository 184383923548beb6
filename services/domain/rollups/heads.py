"""Heads: which run of a unit was shown when. Pure.

The newest head of a unit is what is shown of it, and at T it was the newest one that was published at or before T. None is ever
replaced: `seq` is a number of its own for each writer, and `head` binds a head to its rows and to the head before.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.domain.rollups.rolling import Rolled
from services.domain.rollups.tables import Unit

NO_HEAD: Final = bytes(32)
_WRITERS: Final = 2**32


@dataclass(frozen=True, slots=True)
class Draft:
    """A head before the database has stamped it. `not_before_ms`: after the head before, also by a clock that was set back."""

    unit: Unit
    seq: int
    run: int
    n: int
    rows: bytes
    previous: bytes
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class Head:
    """A head as it is stored. `head`: what it says of itself."""

    unit: Unit
    seq: int
    run: int
    n: int
    rows: bytes
    previous: bytes
    published_ms: int
    head: bytes

    def digest(self) -> bytes:
        """What it must say of itself: SHA-256 of its text, the day as days since 1970, digests in hexadecimal."""
        days = (self.unit.day - date(1970, 1, 1)).days
        numbers = "/".join(map(str, (self.unit.authority, days, self.seq, self.run, self.n, self.published_ms)))
        return hashlib.sha256(f"{numbers}/{self.rows.hex()}/{self.previous.hex()}".encode()).digest()


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a unit: its newest head, or nothing (`seq` 0) before the first."""

    seq: int = 0
    run: int = 0
    n: int = 0
    head: bytes = NO_HEAD
    published_ms: int = -1

    def following(self, unit: Rolled, writer: int) -> Draft:
        """The head that this writer (a number under 2^32) puts after it."""
        seq = (self.seq // _WRITERS + 1) * _WRITERS + writer
        return Draft(unit.unit, seq, unit.run, unit.n, unit.rows, self.head, self.published_ms + 1)

    def says(self, n: int, run: int) -> bool:
        """Whether it shows a unit of these tasks; an empty one needs no head."""
        return (self.n, self.run) == (n, run)


def newest(heads: Iterable[Head], at_ms: int | None = None) -> dict[Unit, Head]:
    """The head of each unit that is shown, or was shown at a moment."""
    found: dict[Unit, Head] = {}
    for head in heads:
        if at_ms is not None and head.published_ms > at_ms:
            continue
        before = found.get(head.unit)
        if before is None or (before.published_ms, before.seq) < (head.published_ms, head.seq):
            found[head.unit] = head
    return found
