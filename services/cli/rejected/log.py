"""What Kafka still holds: rejected records by their coordinates, and dead letters."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError as ReadError
from aiokafka.errors import OffsetOutOfRangeError
from confluent_kafka import OFFSET_BEGINNING, KafkaException
from confluent_kafka import TopicPartition as Place

from contracts import topics
from services.collector.assignment import truncated
from services.collector.partitions import name_of
from services.domain.coordinate import Coordinate
from services.runtime.errors import Halt, Retry
from services.runtime.kafka import reader, to_the_end
from services.runtime.settings import KafkaSettings

_FETCH_MS: Final = 10_000
_FORWARD: Final = 5_000
"""Up to this distance the records between are read and dropped; beyond it a seek is cheaper."""
_ANSWER_SECONDS: Final = 10
_CLOCK_TOLERANCE_MS: Final = 60_000


@dataclass(slots=True)
class InputLog:
    """Reads records of input topics again, outside any consumer group. An asynchronous context."""

    kafka: KafkaSettings
    _consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def records(self, partition: TopicPartition, offsets: Sequence[int]) -> list[ConsumerRecord]:
        """Those of the records at these ascending offsets that retention has left. Raises `Retry`, and `Halt` where the log
        ends before one of them."""
        consumer = await self._connected()
        try:
            beginning = (await consumer.beginning_offsets([partition]))[partition]
            consumer.assign([partition])
            return await self._read(consumer, partition, [offset for offset in offsets if offset >= beginning])
        except OffsetOutOfRangeError as error:
            beginning = (await consumer.beginning_offsets([partition]))[partition]
            left = [offset for offset in offsets if offset >= beginning]
            if len(left) < len(offsets):  # retention went on while we read
                return await self.records(partition, left)
            raise _ends_before(partition, left[-1]) from error
        except ReadError as error:
            raise Retry("Kafka", f"read {partition.topic} again: {error}") from error

    async def _connected(self) -> AIOKafkaConsumer:
        """The consumer, started when it is first needed."""
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self.kafka.bootstrap_servers,
                enable_auto_commit=False,
                auto_offset_reset="none",
                group_id=None,
                isolation_level="read_committed",
                client_id="frigjort-redrive",
            )
            self._consumer = consumer  # also one that does not start is stopped
            try:
                await consumer.start()
            except ReadError as error:
                raise Retry("Kafka", f"consumer: {error}") from error
        return self._consumer

    async def _read(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, offsets: Sequence[int]
    ) -> list[ConsumerRecord]:
        wanted = set(offsets)
        found: list[ConsumerRecord] = []
        position = -_FORWARD - 1
        for offset in offsets:
            if position > offset:
                continue
            if offset - position > _FORWARD:
                consumer.seek(partition, offset)
            while position <= offset:
                came = (await consumer.getmany(partition, timeout_ms=_FETCH_MS)).get(partition, [])
                if not came:
                    if (await consumer.end_offsets([partition]))[partition] <= offset:
                        raise _ends_before(partition, offset)
                    raise Retry("Kafka", f"{name_of(partition)} did not give offset {offset} in time")
                position = came[-1].offset + 1
                found += [record for record in came if record.offset in wanted]
        return found


def _ends_before(partition: TopicPartition, offset: int) -> Halt:
    return truncated(name_of(partition), f"the log ends before offset {offset}, where a record was rejected")


def dead_letter(kafka: KafkaSettings, at: Coordinate, broker_ms: int) -> dict[str, Any] | None:
    """The dead letter of a record that the broker got at `broker_ms`; `None`: retention took it. Raises `Retry`."""
    consumer = reader(kafka, "frigjort-rejected-reader")
    try:
        after = Place(topics.REJECTED, 0, max(0, broker_ms - _CLOCK_TOLERANCE_MS))
        (start,) = consumer.offsets_for_times([after], timeout=_ANSWER_SECONDS)
        first = start.offset if start.error is None and start.offset >= 0 else OFFSET_BEGINNING
        consumer.assign([Place(topics.REJECTED, 0, first)])
        for message in to_the_end(consumer, topics.REJECTED):
            if message.key() == str(at).encode():
                letter: dict[str, Any] = json.loads(message.value() or b"")
                return letter
    except KafkaException as error:
        raise Retry("Kafka", f"read {topics.REJECTED}: {error}") from error
    finally:
        consumer.close()
    return None
