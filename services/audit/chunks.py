"""Work over all tasks in pieces that fit into a small server's memory: some authorities whole, or a part of a large one. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

CHUNK_EVENTS: Final = 250_000
"""Events that are looked at in one query: they take about 1 GB at most, with their tasks on both sides of a join."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tasks of these authorities (CVR numbers): those whose hash falls into `part` of `of`. `events`: about how many it has."""

    authorities: tuple[str, ...]
    part: int
    of: int
    events: int


def chunks(events: Mapping[str, int], most: int = CHUNK_EVENTS) -> Iterator[Chunk]:
    """Every task of these authorities once, by their numbers of events; a large authority in parts of about `most`."""
    together: list[str] = []
    for authority in sorted(events):
        size = events[authority]
        if size > most:
            parts = -(-size // most)
            yield from (Chunk((authority,), part, parts, size // parts) for part in range(parts))
            continue
        if together and sum(events[one] for one in together) + size > most:
            yield _whole(together, events)
            together = []
        together.append(authority)
    if together:
        yield _whole(together, events)


def _whole(authorities: list[str], events: Mapping[str, int]) -> Chunk:
    return Chunk(tuple(authorities), 0, 1, sum(events[authority] for authority in authorities))
