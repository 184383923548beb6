"""Reading rejected records again, against a consumer that behaves as Kafka's does when retention or truncation comes between."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaConnectionError, OffsetOutOfRangeError

from services.cli.rejected.log import InputLog
from services.runtime.errors import Halt, Retry
from services.runtime.settings import KafkaSettings

PARTITION = TopicPartition("frigjort.tasks.v1.10000009", 0)


@dataclass
class LogWithRetention:
    """A consumer of a log from `beginning` to `end`, a hundred records a fetch. `later` are beginnings that retention moves to,
    one a fetch; `silent`: nothing comes."""

    beginning: int
    end: int
    later: list[int] = field(default_factory=list)
    silent: bool = False
    fetches: int = 0
    position: int = 0

    async def beginning_offsets(self, _: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {PARTITION: self.beginning}

    async def end_offsets(self, _: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {PARTITION: self.end}

    def assign(self, _: Sequence[TopicPartition]) -> None:
        pass

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.position = offset

    async def getmany(self, _: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        assert timeout_ms
        self.fetches += 1
        if self.later:
            self.beginning = self.later.pop(0)
        if self.silent or self.position == self.end:
            return {}
        if not self.beginning <= self.position <= self.end:
            raise OffsetOutOfRangeError({PARTITION: self.position})
        first, self.position = self.position, min(self.position + 100, self.end)
        return {PARTITION: [record(offset) for offset in range(first, self.position)]}

    async def stop(self) -> None:
        pass


def record(offset: int) -> ConsumerRecord:
    return ConsumerRecord(*PARTITION, offset, 0, 0, None, b"", None, -1, 0, ())


async def found(consumer: LogWithRetention, offsets: Sequence[int]) -> list[int]:
    async with InputLog(KafkaSettings(), consumer) as source:
        return [each.offset for each in await source.records(PARTITION, offsets)]


async def test_what_is_there_comes_and_what_retention_took_does_not() -> None:
    assert await found(LogWithRetention(40, 500), [3, 39, 40, 41, 250, 499]) == [40, 41, 250, 499]
    assert await found(LogWithRetention(40, 500), [3]) == []


async def test_a_far_record_is_sought_a_near_one_is_read_up_to() -> None:
    consumer = LogWithRetention(0, 1_000_000)
    assert await found(consumer, [7, 150, 999_999]) == [7, 150, 999_999]
    assert consumer.fetches == 3


async def test_retention_that_goes_on_while_it_reads_leaves_the_rest() -> None:
    consumer = LogWithRetention(0, 500, later=[0, 350])
    assert await found(consumer, [5, 120, 300, 400]) == [400]


async def test_a_log_that_ends_before_a_rejected_record_is_a_halt() -> None:
    with pytest.raises(Halt, match="ends before offset 200"):  # read up to the end: nothing comes
        await found(LogWithRetention(0, 100), [5, 200])
    with pytest.raises(Halt, match="ends before offset 9000"):  # sought beyond it: the broker refuses
        await found(LogWithRetention(0, 100), [5, 9_000])


async def test_silence_is_no_proof_that_a_record_is_gone() -> None:
    with pytest.raises(Retry, match="did not give offset 5"):
        await found(LogWithRetention(0, 100, silent=True), [5])


async def test_a_broker_that_is_away_is_waited_for_by_the_caller() -> None:
    class Away(LogWithRetention):
        async def beginning_offsets(self, _: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
            raise KafkaConnectionError

    with pytest.raises(Retry, match="Kafka is away"):
        await found(Away(0, 9), [5])
