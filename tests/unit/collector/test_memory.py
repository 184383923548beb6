"""A batch ends with its last step: no exception of a refused record keeps it alive until the collector of cycles runs, which
is told to run seldom."""

import gc

from aiokafka import ConsumerRecord

from contracts.examples import invalid, valid
from services.collector.verdicts import judge_records


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
