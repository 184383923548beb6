"""A reader that can't decide where to begin says so: nothing else would, since its partitions stay paused."""

import asyncio

import pytest
from aiokafka import TopicPartition
from pydantic import SecretStr

from services.collector.assignment import Facts
from services.collector.reader import Reader
from services.collector.settings import CollectorSettings
from tests.fakes.broker import FakeBroker, FakeSubscription

PARTITION = TopicPartition("frigjort.tasks.v1.10000009", 0)


class Defective:
    async def facts(self, _: list[TopicPartition]) -> dict[TopicPartition, Facts]:
        raise ValueError("an answer that nobody expected")


@pytest.mark.parametrize("revoked", [False, True])
def test_a_decision_that_fails_is_told_and_one_that_is_called_off_is_not(revoked: bool) -> None:
    async def assigned() -> Reader:
        broker = FakeBroker()
        broker.create(PARTITION.topic, 1)
        settings = CollectorSettings(secret=SecretStr("s" * 32))
        reader = Reader(settings, FakeSubscription(broker), Defective())  # type: ignore[arg-type]
        await reader.on_partitions_assigned({PARTITION})
        if revoked:
            await reader.on_partitions_revoked({PARTITION})
        await asyncio.sleep(0.01)
        return reader

    failure = asyncio.run(assigned()).failure
    assert failure == ("" if revoked else "ValueError('an answer that nobody expected')")
