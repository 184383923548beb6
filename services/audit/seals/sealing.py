"""Makes the checkpoints that are due, from where the last one stands.

In this order: each copy elsewhere, then the row in `seals`. So a row says that its copies are made; a crash between makes them
again, the same bytes. What is sealed already is not read again: whether it is still what it was is asked by verifying.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from services.domain.accounts import Place
from services.domain.chain import Chain, Checkpoint, Leaf, Unsealed, sealable

_TOGETHER: Final = 500


class Store(Protocol):
    """Where records and seals are. Raises `Retry` or `Halt`."""

    def places(self) -> list[Place]:
        """The partitions to seal."""
        ...

    def newest(self) -> Mapping[Place, Sequence[Checkpoint]]:
        """The checkpoints at the highest sealed offset of each partition that has any."""
        ...

    def leaves(self, place: Place, first: int) -> Iterator[Leaf]:
        """What is stored of a partition from offset `first` on, one a coordinate, by offset."""
        ...

    def write(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Stores checkpoints."""
        ...


class Copies(Protocol):
    """Where checkpoints are kept beside ClickHouse. Returns when they are kept; raises `Retry`. The same one may come again."""

    def keep(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Keeps them, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a partition is sealed. `sealed`: its newest checkpoint; `made`: how many are new; `unsealed`: where it ends and
    why, `None` where two chains stand at one offset, so that nobody can carry on."""

    place: Place
    sealed: Checkpoint | None
    made: int
    unsealed: Unsealed | None

    def age_seconds(self, now_ms: int) -> float:
        """How old the oldest record is that is not sealed; 0 for none."""
        since = self.unsealed.since_ms if self.unsealed is not None else None
        return 0.0 if since is None else max(0.0, (now_ms - since) / 1000)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals what is due; any number of them may run at once. `clock` gives epoch milliseconds."""

    store: Store
    copies: Sequence[Copies]
    clock: Callable[[], int]

    def run(self) -> list[Standing]:
        """Every partition, after what is due was sealed. Raises `Retry` or `Halt`."""
        now_ms = self.clock()
        newest = self.store.newest()
        places = sorted({*self.store.places(), *newest})
        return [self._seal(place, newest.get(place, ()), now_ms) for place in places]

    def _seal(self, place: Place, newest: Sequence[Checkpoint], now_ms: int) -> Standing:
        if len(newest) > 1:
            return Standing(place, None, 0, None)
        last = newest[0] if newest else None
        chain = Chain.after(last) if last is not None else Chain.of(place)
        made, unsealed = 0, None
        due = sealable(chain, self.store.leaves(place, chain.offset + 1), now_ms)
        while found := list(islice(due, _TOGETHER)):
            checkpoints = [each for each in found if isinstance(each, Checkpoint)]
            self._keep(checkpoints)
            made += len(checkpoints)
            last = checkpoints[-1] if checkpoints else last
            unsealed = next((each for each in found if isinstance(each, Unsealed)), unsealed)
        return Standing(place, last, made, unsealed)

    def _keep(self, checkpoints: Sequence[Checkpoint]) -> None:
        if checkpoints:
            for copy in self.copies:
                copy.keep(checkpoints)
            self.store.write(checkpoints)


def two_chains(standings: Iterable[Standing]) -> list[Place]:
    """The partitions where two checkpoints at one offset differ: what is stored was changed, or is different for two sealers."""
    return [standing.place for standing in standings if standing.unsealed is None]
