"""A collector with other rules than today's: it refuses tasks of complexity `high`, which the contract allows.

Run as a process of its own in place of `services.collector`; all else is the real one.
"""

import asyncio
from collections.abc import Sequence

from aiokafka import ConsumerRecord

from contracts.codes import RejectionCode, Violation
from contracts.reading import Reading, Record, read
from services.collector import verdicts
from services.collector.app import main
from services.collector.fast import Candidates


class NothingFast(Candidates):
    """Leaves every record to the contract."""

    def __init__(self, _: Sequence[ConsumerRecord]) -> None:
        super().__init__([])


def stricter(record: Record) -> Reading:
    """What `read` says, but for what it should not refuse."""
    reading = read(record)
    if b'"complexity":"high"' in reading.payload:
        raise Violation(RejectionCode.INVALID_VALUE, "data.complexity")
    return reading


if __name__ == "__main__":
    verdicts.Candidates = NothingFast  # type: ignore[assignment,attr-defined]
    verdicts.read = stricter  # type: ignore[attr-defined]
    asyncio.run(main())
