"""`python -m tests.faults.collector`: the collector as it is, told by the environment to die, to live in another time or to
be another version.

FRIGJORT_FAULT_KILL      `before:STEP:N` or `after:STEP:N`: kill -9 at the N-th call of a step of the path, see `STEPS`
FRIGJORT_FAULT_CLOCK     seconds: every ten seconds the wall clock jumps that far ahead, then that far back, and so on
FRIGJORT_FAULT_RULES     number of the rules: a version that refuses a seventh of the records, another one each
"""

import asyncio
import os
import signal
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import pyarrow.compute as pc

import contracts

STEPS: Final = ("strangers", "settled", "judge", "check", "send", "write_measurements", "write_records", "commit")
"""The steps of the path, in their order."""
SHARE: Final = 7
"""Another version refuses one record in so many."""


def is_refused(value: bytes | None, rules: int) -> bool:
    """Whether that other version refuses a record of this value."""
    return zlib.crc32(value or b"") % SHARE == rules % SHARE


def jump_clock(seconds: float) -> None:
    """From now on `time.time` jumps; whoever has a reason to measure durations uses the monotonic clock."""
    real = time.time
    time.time = lambda: real() + seconds * (-1, 1)[int(real() / 10) % 2]


@dataclass(slots=True)
class Killer:
    """kill -9 of this process at one call of one step."""

    moment: str
    step: str
    call: int

    def around(self, step: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The function, deadly at its n-th call if it is the step."""
        if step != self.step:
            return function

        async def deadly(*args: Any) -> Any:
            self.call -= 1
            if self.call == 0 and self.moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = await function(*args)
            if self.call == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return deadly


class Wrapped:
    """An edge whose named methods are replaced; all else is the edge's."""

    def __init__(self, edge: object, **methods: Callable[..., Awaitable[Any]]) -> None:
        self._edge = edge
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._edge, name)


def deadly(path: Any, killer: Killer) -> Any:
    """The path with a kill in it."""
    names = ("origin", "settling", "judge", "brake", "store", "dead_letters", "offsets")
    edges = {name: getattr(path, name) for name in names}
    wrapped = {
        name: Wrapped(edge, **{step: killer.around(step, getattr(edge, step)) for step in STEPS if hasattr(edge, step)})
        for name, edge in edges.items()
    }
    return replace(path, **wrapped)


def another_version(path: Any, rules: int) -> Any:
    """The path of a version that refuses some records which others accept: it sees them without their value."""

    async def judge(batch: Any) -> Any:
        rows = (await path.judge.judge(batch)).records.filter(pc.field("accepted") == 1)
        accepted = set(zip(*(rows.column(name).to_pylist() for name in ("topic", "partition", "offset")), strict=True))
        records = [
            replace(r, value=b"") if (r.topic, r.partition, r.offset) in accepted and is_refused(r.value, rules) else r
            for r in batch.records
        ]
        return await path.judge.judge(replace(batch, records=records))

    return replace(path, judge=Wrapped(path.judge, judge=judge))


def main() -> None:
    """Runs the collector."""
    faults = []
    if "FRIGJORT_FAULT_RULES" in os.environ:
        contracts.RULES = rules = int(os.environ.pop("FRIGJORT_FAULT_RULES"))  # type: ignore[misc] # before anything that reads it is imported
        faults.append(partial(another_version, rules=rules))
    if clock := float(os.environ.pop("FRIGJORT_FAULT_CLOCK", "0")):
        jump_clock(clock)
    if kill := os.environ.pop("FRIGJORT_FAULT_KILL", ""):
        moment, step, call = kill.split(":")
        faults.append(partial(deadly, killer=Killer(moment, step, int(call))))

    def around(path: Any) -> Any:
        for fault in faults:
            path = fault(path)
        return path

    from services.collector.app import main as run  # noqa: PLC0415 - after the version and the clock are set

    asyncio.run(run(around))


if __name__ == "__main__":
    main()
