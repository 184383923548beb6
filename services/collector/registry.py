"""Follows the registry's topic: read to its end before the first event is measured, then followed."""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from contracts import topics
from contracts.codes import Violation
from contracts.reading import Record, read
from services.domain.columns import Snapshot
from services.domain.match import Registry, TwoContentsForOneGenerationError
from services.runtime.errors import Halt, Retry
from services.runtime.settings import KafkaSettings

_log = structlog.get_logger()
_PARTITION = TopicPartition(topics.BASELINES, 0)


class RegistryFollower:
    """The registry as this process knows it. `snapshot` is replaced as a whole, never changed."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.snapshot = Snapshot(Registry())
        self.problem = ""
        self._registry = Registry()
        self._kafka = kafka
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Reads to the end that the topic has now. Raises `Retry`, or `Halt` where the registry contradicts itself."""
        await self.stop()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka.bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            client_id="frigjort-collector-registry",
        )
        try:
            await consumer.start()
            self._consumer = consumer
            if topics.BASELINES not in await consumer.topics():
                raise Retry("Kafka", f"topic {topics.BASELINES} does not exist yet: run `frigjort topics`")
            consumer.assign([_PARTITION])
            await consumer.seek_to_beginning(_PARTITION)
            end = (await consumer.end_offsets([_PARTITION]))[_PARTITION]
            records: list[ConsumerRecord] = []
            # A broker may list the end too low; what a fetch says of it is right.
            while await consumer.position(_PARTITION) < max(end, consumer.highwater(_PARTITION) or 0):
                found = await consumer.getmany(_PARTITION, timeout_ms=500)
                records += found.get(_PARTITION, [])
            self._apply(records)
        except KafkaError as error:
            raise Retry("Kafka", f"registry: {error}") from error

    async def follow(self) -> None:
        """Applies what is published from now on, for ever; a contradiction keeps the last good snapshot and says so."""
        while True:
            try:
                found = await self._consumer.getmany(_PARTITION, timeout_ms=500) if self._consumer else {}
                if found:
                    self._apply(found[_PARTITION])
            except Halt as halt:
                self.problem = str(halt)
                _log.error("halted", what=halt.what, reason=halt.reason, remedy=halt.remedy)
                return
            except KafkaError as error:
                _log.warning("waiting", error=f"registry: {error}")
                await asyncio.sleep(1)

    async def stop(self) -> None:
        """Disconnects."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None

    def _apply(self, records: list[ConsumerRecord]) -> None:
        events = []
        for record in records:
            try:
                events.append(read(Record(record.topic, record.key, tuple(record.headers), record.value)).event)
            except Violation as violation:
                raise Halt(
                    "the registry",
                    f"offset {record.offset} of {topics.BASELINES} is no registry event ({violation})",
                    "only `frigjort baseline` and `frigjort authorities` may write to this topic",
                ) from violation
        try:
            self._registry = self._registry.apply(events)  # type: ignore[arg-type]
        except TwoContentsForOneGenerationError as error:
            raise Halt(
                "the registry", str(error), "find out who wrote the second; there is one registry writer"
            ) from error
        self.snapshot = Snapshot(self._registry)
        _log.info("registry", generation=self.snapshot.generation, baselines=self.snapshot.versions)
