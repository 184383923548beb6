"""Gathers what the decisions of `assignment` rest on, from Kafka and ClickHouse. Everything here raises `Retry`."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition

from contracts import topics
from contracts.codes import Violation
from contracts.identifiers import is_cvr
from contracts.reading import Record, read
from services.collector import provenance
from services.collector.assignment import Begin, Binding, Facts, Sight, Stored, same_log
from services.collector.clickhouse import ClickHouseStore, Reached
from services.collector.kafka import Subscription, TopicIds
from services.collector.partitions import Running
from services.runtime.errors import Halt


def name_of(partition: TopicPartition) -> str:
    """`topic/partition`, as people read it."""
    return f"{partition.topic}/{partition.partition}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Kafka and ClickHouse say of partitions."""

    store: ClickHouseStore
    subscription: Subscription
    topic_ids: TopicIds

    async def facts(self, assigned: list[TopicPartition]) -> dict[TopicPartition, Facts]:
        """What `decide` needs to know of each partition."""
        names = {partition.topic for partition in assigned if is_cvr(topics.authority_of(partition.topic))}
        ids = await self.topic_ids.of(names)
        bindings = await self.store.bindings(names)
        logs = [(binding.log_no, topic) for topic, binding in bindings.items()]
        reached = await self.store.reached(logs) if logs else {}
        positions = await self.subscription.positions(assigned)
        facts: dict[TopicPartition, Facts] = {}
        for partition, (committed, beginning, listed_end) in positions.items():
            binding = bindings.get(partition.topic)
            known = reached.get((partition.topic, partition.partition))
            stored = None
            if binding is not None and known is not None:
                stored = await self._stored(partition, binding, known, beginning)
            least = max(committed or 0, 0 if stored is None else stored.offset + 1)
            facts[partition] = Facts(
                partition=name_of(partition),
                binding=binding,
                topic_id=ids.get(partition.topic, ""),
                committed=committed,
                beginning=beginning,
                end=await self._end(partition, listed_end, least),
                stored=stored,
            )
        return facts

    async def sights(self, running: Mapping[TopicPartition, Running]) -> dict[TopicPartition, Sight]:
        """What `may_go_on` needs to know of each partition that is read."""
        before = {partition: state.next_offset for partition, state in running.items()}
        positions = await self.subscription.ranges(list(running))
        ids = await self.topic_ids.of({partition.topic for partition in running})
        return {
            partition: Sight(
                partition=name_of(partition),
                begun=running[partition].begun,
                read_before=before[partition],
                read_after=running[partition].next_offset,
                topic_id=ids.get(partition.topic, ""),
                beginning=beginning,
                end=await self._end(partition, listed_end, before[partition]),
            )
            for partition, (beginning, listed_end) in positions.items()
        }

    async def strangers(self, logs: Mapping[TopicPartition, Begin]) -> dict[TopicPartition, Halt]:
        """Those of these partitions whose topic is not the log that was begun any more, each with why to halt.

        Asked *after* records were read, this says from which log they came: a topic id never comes back.
        """
        ids = await self.topic_ids.of({partition.topic for partition in logs})
        halts = {p: same_log(name_of(p), begun, ids.get(p.topic, "")) for p, begun in logs.items()}
        return {partition: halt for partition, halt in halts.items() if halt is not None}

    async def _end(self, partition: TopicPartition, listed: int, reached: int) -> int:
        """The end of the log. A broker may list it too low (the embedded one lists the last batch's first record): where it
        is below what was reached, the record before that settles it."""
        if listed >= reached or await self.subscription.read_one(partition, reached - 1) is None:
            return listed
        return reached

    async def _stored(self, partition: TopicPartition, binding: Binding, known: Reached, beginning: int) -> Stored:
        offset = known.last_accepted
        if offset is None or offset < beginning:  # of a refused record nothing was kept to compare with
            return Stored(known.last, None)
        record = await self.subscription.read_one(partition, offset)
        if record is None:
            return Stored(known.last, None)
        kept = await self.store.proof(binding.log_no, partition.topic, partition.partition, offset)
        try:
            payload = read(Record(record.topic, record.key, tuple(record.headers), record.value)).payload
        except Violation:
            return Stored(known.last, same_as_log=False, compared=offset)
        same = provenance.matches(kept.salt, payload, kept.digest)
        return Stored(known.last, same_as_log=same, compared=offset)
