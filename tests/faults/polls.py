"""A reader that polls: in one query the totals of an authority and the coordinates that they rest on."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from contracts import topics
from tests.reference.model import Total, fold
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.shapes import Coordinate

if TYPE_CHECKING:
    from tests.faults.world import World

_QUERY = """
SELECT count(), countIf(status = 'measured'), countIf(status = 'unmeasured'), countIf(status = 'incomplete'), countIf(capped = 1),
       sumIf(effort_ms, status = 'measured'), sumIf(ifNull(credit_ms, 0), status = 'measured'),
       sumIf(ifNull(saved_ms, 0), status = 'measured'), countIf(status = 'measured' AND role = 'treated'),
       sumIf(ifNull(saved_ms, 0), role = 'treated'),
       sumIf(ifNull(credit_ms - counted_active_ms, 0), status = 'measured' AND role = 'treated'),
       groupArray(partition), groupArray(offset), groupArray(generation)
FROM task_roles WHERE authority = {authority:String}
"""


class Poll(NamedTuple):
    """What one query said: the total, and partition, offset and generation of each state, arrays of shape (n, 3)."""

    total: Total
    states: npt.NDArray[np.int64]


class Polls:
    """The polls of one authority whose topic has one log."""

    def __init__(self, world: "World", authority: str) -> None:
        self._world = world
        self._authority = authority
        self._taken: list[Poll] = []
        self.failed = 0

    def poll(self) -> None:
        """Asks; a server that does not answer is asked another time."""
        try:
            ((*sums, partitions, offsets, generations),) = self._world.rows(_QUERY, authority=self._authority)
        except Exception:  # noqa: BLE001 - ClickHouse may be killed at this very moment
            self.failed += 1
            return
        states = np.array([partitions, offsets, generations], dtype=np.int64).T
        self._taken.append(Poll(Total(*map(int, sums)), states))

    def wrong(self, records: Records, registry: Registry) -> tuple[int, list[dict[str, Any]]]:
        """How many polls there were, and those whose total is not the fold of the coordinates that it was read with."""
        topic = topics.tasks_topic(self._authority)
        found = []
        for poll in self._taken:
            seen = {Coordinate(1, topic, int(p), int(o)): int(g) for p, o, g in poll.states.tolist()}
            wanted = fold(records, registry, seen).by().get((), Total())
            if wanted != poll.total:
                found.append({"stored": poll.total._asdict(), "expected": wanted._asdict()})
        return len(self._taken), found
