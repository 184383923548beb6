"""Walks along one chain and says where what is stored is not what was sealed. Pure.

A row that does not agree with itself is named by itself. Where rows agree with themselves and the chain does not come out at
its seal, either some of them since the last seal that came out, or the seal, were changed. Which one it was shows at the next
seal: both chains are followed to it, the one that the records make and the one that the seal says. The one that arrives is right.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass, field, replace

from services.audit.seals.findings import Fault, Finding, Kind
from services.domain.accounts import Place
from services.domain.chain import AGE_MS, REGISTRY, Chain, Checkpoint, Leaf, may_be_sealed


@dataclass(frozen=True, slots=True)
class Entry:
    """A coordinate: its leaf, and what is wrong with its rows by themselves."""

    leaf: Leaf
    faults: tuple[Fault, ...] = ()


@dataclass(slots=True)
class Walk:
    """One partition. `seals` are those of the table, `kept` those from elsewhere; `now_ms` epoch milliseconds."""

    place: Place
    seals: InitVar[Sequence[Checkpoint]]
    kept: InitVar[Sequence[Checkpoint]]
    now_ms: int
    _seals: dict[int, list[Checkpoint]] = field(init=False)
    _kept: dict[int, list[Checkpoint]] = field(init=False)
    _sealed_to: int = field(init=False)
    _chain: Chain = field(init=False)
    """As the records make it, from the last place where it was known."""
    _lost: bool = False
    """Rows are missing: where the chain is will be known at the next seal."""
    _said: Chain | None = None
    """In doubt: as the seal makes it where the chain did not come out."""
    _doubt: Finding | None = None
    _compared: int = field(init=False)
    _unsealed: Finding | None = None
    _kept_right: int | None = field(init=False)
    """The last offset whose kept checkpoint came out; none after the first that did not."""

    def __post_init__(self, seals: Sequence[Checkpoint], kept: Sequence[Checkpoint]) -> None:
        self._seals, self._kept = _by_offset(seals), _by_offset(kept)
        self._chain = Chain.of(self.place)
        self._compared = self._kept_right = self._chain.offset
        self._sealed_to = max(self._seals, default=self._chain.offset)

    @property
    def table(self) -> str:
        """Where the rows of this chain are."""
        return "baselines, authorities" if self.place == REGISTRY else "records"

    def findings(self, entries: Iterable[Entry]) -> Iterator[Finding]:
        """What is wrong, by offset. `entries`: all that is stored, one a coordinate, by offset."""
        for entry in entries:
            leaf = entry.leaf
            if leaf.offset > self._chain.offset + 1:
                yield from self._missing(leaf.offset)
            elif self._chain.ends_before(leaf.broker_ms):
                yield from self._hour_ends()
            for fault in entry.faults:
                yield Finding(fault.kind, fault.table, self.place, leaf.offset, fault.what)
            self._follow(leaf)
            if seals := self._seals.get(leaf.offset):
                yield from self._compare(seals)
            if not self._lost:
                yield from self._compare_kept(leaf.offset)
        yield from self._end()

    def _follow(self, leaf: Leaf) -> None:
        self._chain = self._chain.with_leaf(leaf.broker_ms, leaf.leaf)
        if self._said is not None:
            self._said = self._said.with_leaf(leaf.broker_ms, leaf.leaf)

    def _missing(self, until: int) -> Iterator[Finding]:
        """Nothing is stored from where the chain is up to `until`, exclusively."""
        yield from self._undecided()
        first, last = self._chain.offset + 1, until - 1
        yield self._finding(Kind.MISSING, first, f"{until - first} offsets are not stored", last)
        self._chain = replace(self._chain, offset=last)
        self._lost = True

    def _hour_ends(self) -> Iterator[Finding]:
        """A checkpoint belongs to where the chain is."""
        here = self._chain
        if here.offset in self._seals:
            return
        if here.offset < self._sealed_to:
            what = "the seal that belongs here is gone: an hour of broker time ends, and later ones are sealed"
            yield self._finding(Kind.SEAL_MISSING, here.offset, what, table="seals")
        elif self._unsealed is None and may_be_sealed(here.closes_ms + AGE_MS, self.now_ms):
            what = "this is long due to be sealed: seals are gone, or nobody seals"
            self._unsealed = self._finding(Kind.UNSEALED, self._sealed_to + 1, what, here.offset, "seals")

    def _compare(self, seals: Sequence[Checkpoint]) -> Iterator[Finding]:
        """The chain where seals stand."""
        chains = {seal.chain for seal in seals}
        if self._lost:
            self._chain, self._lost = replace(self._chain, head=seals[0].chain), False
        elif self._chain.head in chains:
            if self._doubt is not None:
                at = self._doubt.last_offset or 0
                yield self._finding(Kind.SEAL, at, "the seal is not the chain of its records", table="seals")
                self._doubt = self._said = None
        elif self._doubt is not None and self._said is not None and self._said.head in chains:
            yield replace(self._doubt, table=self.table, what="rows were changed, added or moved, with leaves that fit")
            self._chain, self._doubt, self._said = self._said, None, None
        else:
            yield from self._undecided()
            self._begin_doubt(seals[0].chain)
            return
        self._compared = self._chain.offset
        right = self._chain.checkpoint()
        for seal in seals:
            if seal != right:
                what = (
                    "another chain than the records"
                    if seal.chain != right.chain
                    else "another closed_at or number of records"
                )
                yield self._finding(Kind.SEAL, right.last_offset, f"a seal has {what}", table="seals")

    def _begin_doubt(self, said: bytes) -> None:
        first, here = self._compared + 1, self._chain.offset
        what = "the rows, or the seal at the last of them, were changed"
        self._doubt = self._finding(Kind.NOT_AS_SEALED, first, what, here, f"{self.table} or seals")
        self._said = replace(self._chain, head=said)
        self._compared = here

    def _undecided(self) -> Iterator[Finding]:
        """A doubt that is not dispelled any more."""
        if self._doubt is not None:
            yield self._doubt
        self._doubt = self._said = None

    def _compare_kept(self, offset: int) -> Iterator[Finding]:
        """The chain where checkpoints stand that were kept elsewhere. Beyond one that does not come out none can."""
        for kept in self._kept.get(offset, ()):
            if kept.chain == self._chain.head:
                if kept.chain not in {seal.chain for seal in self._seals.get(offset, ())}:
                    what = "a checkpoint that was kept elsewhere has no seal"
                    yield self._finding(Kind.SEAL_MISSING, offset, what, table="seals")
                self._kept_right = offset if self._kept_right is not None else None
            elif self._kept_right is not None:
                what = f"the rows are not those of a checkpoint that was kept elsewhere: {kept.chain.hex()}"
                yield self._finding(Kind.NOT_AS_KEPT, self._kept_right + 1, what, offset)
                self._kept_right = None

    def _end(self) -> Iterator[Finding]:
        """What is known when all that is stored has been seen."""
        yield from self._undecided()
        here = self._chain.offset
        last = max((*self._seals, *self._kept), default=here)
        if last > here:
            what = "sealed, and not stored: the rows are gone, or somebody added a seal"
            yield self._finding(Kind.MISSING, here + 1, what, last, f"{self.table} or seals")
        elif self._chain.records > 0:
            yield from self._hour_ends()
        if self._unsealed is not None:
            yield self._unsealed

    def _finding(self, kind: Kind, offset: int, what: str, last_offset: int | None = None, table: str = "") -> Finding:
        return Finding(kind, table or self.table, self.place, offset, what, last_offset)


def _by_offset(checkpoints: Iterable[Checkpoint]) -> dict[int, list[Checkpoint]]:
    found: dict[int, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        found.setdefault(checkpoint.last_offset, []).append(checkpoint)
    return found
