"""What is admitted, and what a batch hands over."""

from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from services.collector.assignment import Begin
from services.collector.partitions import Partitions

PARTITIONS = [TopicPartition(f"frigjort.tasks.v1.{cvr}", number) for cvr in (10000009, 20000007) for number in (0, 1)]


def _record(partition: TopicPartition, offset: int) -> ConsumerRecord:
    return ConsumerRecord(*partition, offset, 1_770_000_000_000, 0, None, b"", None, -1, 0, ())


def _begun(offset: int = 0) -> Partitions:
    partitions = Partitions()
    partitions.assigned(PARTITIONS)
    for partition in PARTITIONS:
        partitions.begin(partition, Begin(3, "id-1", offset))
    return partitions


@given(st.lists(st.tuples(st.sampled_from(PARTITIONS), st.integers(1, 5)), max_size=30), st.integers(1, 40))
def test_batches_together_are_what_was_admitted_each_partition_in_its_order(
    arrivals: list[tuple[TopicPartition, int]], most: int
) -> None:
    partitions = _begun()
    reached = dict.fromkeys(PARTITIONS, 0)
    for partition, count in arrivals:
        first = reached[partition]
        reached[partition] += count
        assert partitions.admit([_record(partition, first + number) for number in range(count)]) == []
    handed = dict.fromkeys(PARTITIONS, 0)
    while partitions.buffered:
        batch = partitions.take(most)
        assert len(batch.records) <= most
        places = [TopicPartition(record.topic, record.partition) for record in batch.records]
        assert places == sorted(places), "a batch is in the order of its table"
        for partition, record in zip(places, batch.records, strict=True):
            assert record.offset == handed[partition]
            handed[partition] += 1
        assert batch.offsets == {partition: handed[partition] for partition in set(places)}
        assert batch.logs == dict.fromkeys(set(places), Begin(3, "id-1", 0))
    assert handed == reached


def test_a_gap_halts_its_partition_and_admits_nothing_of_it() -> None:
    partitions = _begun()
    jumps = partitions.admit([_record(PARTITIONS[0], 0), _record(PARTITIONS[0], 2), _record(PARTITIONS[1], 0)])
    assert [partition for partition, _ in jumps] == [PARTITIONS[0]]
    assert [(record.topic, record.partition) for record in partitions.take(10).records] == [tuple(PARTITIONS[1])]


def test_what_arrives_before_the_decision_or_after_a_revocation_is_dropped() -> None:
    partitions = Partitions()
    partitions.assigned(PARTITIONS)
    assert partitions.admit([_record(PARTITIONS[0], 0)]) == []
    assert partitions.buffered == 0
    partitions.begin(PARTITIONS[0], Begin(3, "id-1", 5))
    partitions.admit([_record(PARTITIONS[0], 5)])
    partitions.revoked()
    assert partitions.buffered == 0
