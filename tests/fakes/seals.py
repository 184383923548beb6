"""What a sealer needs, in memory: partitions that are stored, seals, and copies of them elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.domain.accounts import Place
from services.domain.chain import Checkpoint, Leaf
from services.runtime.errors import Retry


@dataclass
class MemorySeals:
    """`Store` of the sealer. Every effect is told to `effects`."""

    logs: dict[Place, list[Leaf]] = field(default_factory=dict)
    seals: set[Checkpoint] = field(default_factory=set)
    effects: list[tuple[str, int]] = field(default_factory=list)

    def places(self) -> list[Place]:
        """The partitions that something is stored of."""
        return list(self.logs)

    def newest(self) -> dict[Place, list[Checkpoint]]:
        """The checkpoints at the highest sealed offset of each partition."""
        found: dict[Place, list[Checkpoint]] = {}
        for each in sorted(self.seals, key=lambda seal: (seal.last_offset, seal.chain)):
            known = found.get(each.place, [])
            found[each.place] = [*known, each] if known and known[0].last_offset == each.last_offset else [each]
        return found

    def leaves(self, place: Place, first: int) -> Iterator[Leaf]:
        """What is stored from `first` on."""
        return iter([leaf for leaf in self.logs.get(place, []) if leaf.offset >= first])

    def write(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Stores them."""
        self.effects += [("stored", each.last_offset) for each in checkpoints]
        self.seals.update(checkpoints)


@dataclass
class MemoryCopies:
    """`Copies` that are away for the first `away` times they are asked."""

    effects: list[tuple[str, int]]
    away: int = 0
    kept: list[Checkpoint] = field(default_factory=list)

    def keep(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Keeps them. Raises `Retry` while it is away."""
        if self.away:
            self.away -= 1
            raise Retry("the other machine", "unplugged")
        self.effects += [("kept", each.last_offset) for each in checkpoints]
        self.kept += checkpoints
