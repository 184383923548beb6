"""What a publication would do to the hours freed: the tasks in its scope, measured under the registry as it is and as it
would be, by the code that restates them afterwards. Nothing is written; there is nothing here to write with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.baselines.in_scope.place import Place
from services.baselines.restatement import PAGE_KEYS, changed, restated
from services.domain.columns import Snapshot
from services.domain.match import Registry
from services.runtime.errors import Halt

_MEASURED: Final = "measured"


@dataclass(frozen=True, slots=True)
class InScope:
    """An authority's tasks in a place: those that can be measured here, and those that code of other rules has judged."""

    tasks: int
    foreign: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes for an authority. Changed: any column but rules and generation. Saved: milliseconds of the measured ones,
    signed. `foreign` tasks were judged by other rules than this code's and are in no other number."""

    authority: str
    tasks: int = 0
    changed: int = 0
    newly_measured: int = 0
    no_longer_measured: int = 0
    saved_before_ms: int = 0
    saved_after_ms: int = 0
    foreign: int = 0

    def with_page(self, before: pa.Table, after: pa.Table) -> "Effect":
        """The effect with these tasks too."""
        was, will_be = (
            pc.equal(page.column("status"), _MEASURED).combine_chunks().to_numpy(zero_copy_only=False)
            for page in (before, after)
        )
        return Effect(
            self.authority,
            self.tasks + before.num_rows,
            self.changed + changed(before, after),
            self.newly_measured + int(np.count_nonzero(will_be & ~was)),
            self.no_longer_measured + int(np.count_nonzero(was & ~will_be)),
            self.saved_before_ms + (pc.sum(before.column("saved_ms")).as_py() or 0),
            self.saved_after_ms + (pc.sum(after.column("saved_ms")).as_py() or 0),
            self.foreign,
        )


class Tasks(Protocol):
    """What a dry run reads of ClickHouse. Raises `Retry` or `Halt`."""

    def in_scope(self, place: Place) -> dict[str, InScope]:
        """The place's tasks by authority; authorities without any are left out."""
        ...

    def page_end(self, place: Place, authority: str, after: str, keys: int) -> str | None:
        """The task that ends the next page of at most `keys` of an authority's tasks after `after`; none: it was the last."""
        ...

    def page(self, place: Place, authority: str, after: str, end: str) -> pa.Table:
        """The states of the tasks in (after, end] that can be measured here, as rows of `measurements`."""
        ...


def effects(
    tasks: Tasks,
    registries: tuple[Registry, Registry],
    place: Place,
    watch: Callable[[int, int], None] = lambda _done, _total: None,
    page_keys: int = PAGE_KEYS,
) -> list[Effect]:
    """The effect on each authority of going from the one registry to the other; `watch` hears after each page how many tasks
    of how many are done. Raises `Retry` or `Halt`."""
    now, then = map(Snapshot, registries)
    if registries[1].early:
        raise Halt("the dry run", f"generation {then.generation + 1} is missing in ClickHouse", "see `frigjort doctor`")
    found = tasks.in_scope(place)
    total, done = sum(scope.tasks for scope in found.values()), 0
    answer = []
    for authority, scope in sorted(found.items()):
        effect, after = Effect(authority, foreign=scope.foreign), ""
        while (end := tasks.page_end(place, authority, after, page_keys)) is not None:
            states = tasks.page(place, authority, after, end)
            if states.num_rows:
                effect = effect.with_page(restated(states, now), restated(states, then))
            done += states.num_rows
            watch(done, total)
            after = end
        answer.append(effect)
    return answer
