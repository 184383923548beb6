"""What Kafka still holds: rejected records by their coordinates, which incarnation a topic is, and dead letters."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError as ReadError
from aiokafka.errors import OffsetOutOfRangeError
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as Place

from contracts import topics
from services.cli.rejected.selection import Coordinate
from services.runtime.errors import Halt, Retry
from services.runtime.kafka import KafkaMetadata
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
                    raise Retry(
                        "Kafka", f"{partition.topic}/{partition.partition} did not give offset {offset} in time"
                    )
                position = came[-1].offset + 1
                found += [record for record in came if record.offset in wanted]
        return found


def _ends_before(partition: TopicPartition, offset: int) -> Halt:
    return Halt(
        f"{partition.topic}/{partition.partition}",
        f"the log ends before offset {offset}, where a record was rejected",
        "the log was truncated: restore it, or `frigjort authorities rebind --cvr …` and have the source send again",
    )


def topic_ids(kafka: KafkaSettings, names: Iterable[str]) -> dict[str, str]:
    """The topic id of each of these topics that exists. Raises `Retry`."""
    return KafkaMetadata(kafka).topic_ids(set(names))


def beginning_of(kafka: KafkaSettings, at: Coordinate) -> int:
    """The first offset that the log of a coordinate's partition still has. Raises `Retry`."""
    consumer = _consumer(kafka)
    try:
        low, _ = consumer.get_watermark_offsets(Place(at.topic, at.partition), timeout=_ANSWER_SECONDS)
        return int(low)
    except KafkaException as error:
        raise Retry("Kafka", f"offsets of {at.topic}: {error}") from error
    finally:
        consumer.close()


def dead_letter(kafka: KafkaSettings, at: Coordinate, broker_ms: int) -> dict[str, Any] | None:
    """The dead letter of a record that the broker got at `broker_ms`; `None`: retention took it. Raises `Retry`."""
    consumer = _consumer(kafka)
    try:
        after = Place(topics.REJECTED, 0, max(0, broker_ms - _CLOCK_TOLERANCE_MS))
        (start,) = consumer.offsets_for_times([after], timeout=_ANSWER_SECONDS)
        first = start.offset if start.error is None and start.offset >= 0 else OFFSET_BEGINNING
        consumer.assign([Place(topics.REJECTED, 0, first)])
        while True:
            message = consumer.poll(_ANSWER_SECONDS)
            problem = message.error() if message is not None else None
            if problem is not None and problem.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                return None
            if message is None or problem is not None:
                raise Retry("Kafka", f"read {topics.REJECTED}: {problem or 'no answer'}")
            if message.key() == str(at).encode():
                letter: dict[str, Any] = json.loads(message.value() or b"")
                return letter
    except KafkaException as error:
        raise Retry("Kafka", f"read {topics.REJECTED}: {error}") from error
    finally:
        consumer.close()


def _consumer(kafka: KafkaSettings) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "frigjort-rejected-reader",  # never committed to
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
