"""A batch ends with its last step: no exception of a refused record keeps it alive until the collector of cycles runs, which
is told to run seldom; and what other cycles hold is let go soon."""

import asyncio
import gc
import weakref

from aiokafka import ConsumerRecord

from contracts.examples import invalid, valid
from services.collector.verdicts import judge_records
from services.runtime import memory


def test_refused_records_leave_no_cycles_behind() -> None:
    records = [
        ConsumerRecord(
            e.record.topic, 0, offset, 1, 0, e.record.key, e.record.value, None, 0, 0, tuple(e.record.headers)
        )
        for offset, e in enumerate([*valid(), *invalid()])
    ]
    refused = len(judge_records(records).refused)
    assert refused > 100
    gc.collect()
    gc.disable()
    try:
        judge_records(records)
        assert gc.collect() == 0
    finally:
        gc.enable()


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_what_cycles_hold_is_let_go_while_it_works() -> None:
    async def worked() -> bool:
        tidying = asyncio.create_task(memory.tidy_for_ever(pause_seconds=0.01))
        held = weakref.ref(Cycle())
        assert held() is not None
        await asyncio.sleep(0.1)
        tidying.cancel()
        return held() is None

    gc.disable()
    try:
        assert asyncio.run(worked())
    finally:
        gc.enable()
