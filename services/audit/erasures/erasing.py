"""Erases records, in an order in which nothing goes without a word.

First the ledger says what is erased (`announce`), then payload and salt are removed from every stored row (`erase_again`). So a
payload that is gone without a word is somebody else's work, and a crash between leaves an erasure that is announced and not done:
erasing again does it.
Collectors that read a record again ask the ledger (`services/collector/settled.py`). One that had asked just before may write the
payload once more, so it is looked again until none is left.

Only what is sealed can be erased: its leaf, which says what was received without saying what it was, is in the chain by then; and
it is old enough for collectors to ask.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from services.domain.accounts import Place
from services.domain.coordinate import Coordinate

_ATTEMPTS: Final = 5


class Standing(StrEnum):
    """What can be done with a record: erased, or nothing, and why. The names are stable: fields of `--json`."""

    ERASABLE = "erasable"
    ERASED = "erased"
    NOT_STORED = "not_stored"
    REJECTED = "rejected"
    NOT_SEALED = "not_sealed"


@dataclass(frozen=True, slots=True)
class Request:
    """Why, on whose word, and when; the first two are tokens."""

    reason: str
    requested_by: str
    now: datetime


class Store(Protocol):
    """What erasing needs of ClickHouse. Raises `Retry` or `Halt`."""

    def accepted(self, wanted: Sequence[Coordinate]) -> Mapping[Coordinate, bool]:
        """Whether each of these that is stored was accepted."""
        ...

    def sealed_to(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """The last sealed offset of each of these that has one."""
        ...

    def announced(self, wanted: Sequence[Coordinate]) -> Sequence[Coordinate]:
        """Those of these that the ledger names."""
        ...

    def announce(self, erased: Sequence[Coordinate], request: Request) -> None:
        """Adds them to the ledger. Returns when it is on disk."""
        ...

    def remove(self, erased: Sequence[Coordinate]) -> None:
        """Removes payload and salt from every row of these that is stored by now. Returns when they are gone."""
        ...

    def left(self, wanted: Sequence[Coordinate] | None = None) -> Sequence[Coordinate]:
        """Those of these, or of all in the ledger, whose payload or salt is still in a row."""
        ...


def standings(store: Store, wanted: Sequence[Coordinate]) -> dict[Coordinate, Standing]:
    """What can be done with each of these, in their order. Raises `Retry` or `Halt`."""
    accepted, announced = store.accepted(wanted), set(store.announced(wanted))
    sealed_to = store.sealed_to({at.place for at in wanted})

    def standing(at: Coordinate) -> Standing:
        if at in announced:
            return Standing.ERASED
        if at not in accepted:
            return Standing.NOT_STORED
        if not accepted[at]:
            return Standing.REJECTED
        return Standing.ERASABLE if at.offset <= sealed_to.get(at.place, -1) else Standing.NOT_SEALED

    return {at: standing(at) for at in wanted}


def erase_again(store: Store, wanted: Sequence[Coordinate] | None = None) -> Sequence[Coordinate]:
    """Removes what was announced, of these or of all in the ledger; what is left after some attempts: somebody goes on
    writing it. Raises `Retry` or `Halt`."""
    left = store.left(wanted)
    for _ in range(_ATTEMPTS):
        if not left:
            break
        store.remove(left)
        left = store.left(wanted)
    return left
