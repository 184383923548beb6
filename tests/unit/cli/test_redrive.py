"""Judging again: what is written, in which order, and what a second redrive mends after a death between the two writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from contracts.examples import invalid, valid
from contracts.reading import Record
from services.cli.rejected import words
from services.cli.rejected.redrive import Redrive, Report, batches, foreign
from services.cli.rejected.selection import Filters, coordinate_of
from services.cli.rejected.store import Group, Rejected
from services.collector.assignment import Binding
from services.collector.judge import judge
from services.domain.columns import Snapshot
from services.domain.coordinate import Coordinate
from services.domain.match import Registry
from services.domain.provenance import Provenance
from services.runtime.errors import Halt, Misconfigured, Retry
from services.runtime.retry import Patience

TOPIC = "frigjort.tasks.v1.10000009"
TIME = 1_770_000_000_000
GOOD = next(example for example in valid() if example.name == "completed").record
BAD = next(example for example in invalid() if example.name == "unknown-field-data").record


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class World:
    """An input log and the two tables. It dies before the write whose name is `dies`; `away`: so many writes fail first."""

    log: dict[int, Record]
    dies: str = ""
    away: int = 0
    effects: list[str] = field(default_factory=list)
    accepted: dict[int, bytes] = field(default_factory=dict)
    measured: set[int] = field(default_factory=set)

    async def records(self, partition: TopicPartition, offsets: Sequence[int]) -> list[ConsumerRecord]:
        return [consumed(partition, o, self.log[o]) for o in offsets if o in self.log]

    async def write_records(self, rows: pa.Table) -> None:
        self._step("records", rows)
        assert set(rows.column("accepted").to_pylist()) <= {1}
        at = rows.column("offset").to_pylist()
        self.accepted |= dict(zip(at, rows.column("digest").to_pylist(), strict=True))

    async def write_measurements(self, rows: pa.Table) -> None:
        self._step("measurements", rows)
        self.measured |= set(rows.column("offset").to_pylist())

    def _step(self, name: str, rows: pa.Table) -> None:
        if self.dies == name:
            raise Killed
        if self.away:
            self.away -= 1
            raise Retry("ClickHouse", "away")
        self.effects.append(f"{rows.num_rows} {name}")

    def rejections(self) -> list[Rejected]:
        """What the selection finds, of the first ten offsets: what `records` does not say is accepted."""
        return [rejected(offset) for offset in range(10) if offset not in self.accepted]


def consumed(partition: TopicPartition, offset: int, record: Record) -> ConsumerRecord:
    return ConsumerRecord(
        *partition,
        offset,
        TIME + offset,
        0,
        record.key,
        record.value,
        None,
        0,
        len(record.value or b""),
        record.headers,
    )


def rejected(offset: int, log_no: int = 1, partition: int = 0) -> Rejected:
    return Rejected(Coordinate(log_no, TOPIC, partition, offset), "invalid_value", "data.x", 1, TIME + offset)


def redrive(world: World, *, write: bool = True, sealed_to: int = -1) -> Redrive:
    snapshot, provenance = Snapshot(Registry()), Provenance(b"s" * 32)
    return Redrive(
        log=world,
        tables=world,
        judge=lambda batch: judge(batch, snapshot, provenance),
        sealed_to=lambda _: sealed_to,
        patience=Patience(longest_pause_seconds=0.01, give_up_seconds=5),
        write=write,
    )


async def run(world: World, *, write: bool = True, sealed_to: int = -1, log_no: int = 1) -> Report:
    redriving = redrive(world, write=write, sealed_to=sealed_to)
    return await redriving.run(world.rejections(), lambda at: at.log_no != log_no)


async def test_measurements_first_then_records_and_only_what_is_accepted() -> None:
    world = World({0: GOOD, 1: BAD, 2: GOOD, **dict.fromkeys(range(4, 10), BAD)})
    report = await run(world)
    assert world.effects == ["2 measurements", "2 records"]
    assert world.measured == set(world.accepted) == {0, 2}
    assert report.as_json() == {
        "accepted": 2,
        "rejected": {"unknown_field": 7},
        "gone": [f"1/{TOPIC}/0/3"],
        "frozen": [],
        "another_log": [],
    }
    assert not report.complete


@pytest.mark.parametrize("dies", ["measurements", "records"])
async def test_killed_at_any_step_the_next_redrive_mends_it(dies: str) -> None:
    world = World(dict.fromkeys(range(10), GOOD), dies=dies)
    with pytest.raises(Killed):
        await run(world)
    assert len(world.rejections()) == 10, "what is half done is selected again"
    world.dies = ""
    assert (await run(world)).complete
    assert world.measured == set(world.accepted) == set(range(10))
    before = dict(world.accepted)
    assert (await run(world)).as_json()["accepted"] == 0, "a second redrive finds nothing"
    assert world.accepted == before


async def test_a_dry_run_says_the_same_and_writes_nothing() -> None:
    log = {0: GOOD, 1: BAD, 2: GOOD, 5: GOOD}
    dry, wet = World(log), World(log)
    assert (await run(dry, write=False, sealed_to=2)).as_json() == (await run(wet, sealed_to=2)).as_json()
    assert dry.effects == []
    assert wet.effects == ["1 measurements", "1 records"]


async def test_nothing_below_a_seal_and_nothing_of_another_incarnation_is_written() -> None:
    world = World(dict.fromkeys(range(10), GOOD))
    report = await run(world, sealed_to=6)
    assert set(world.accepted) == {7, 8, 9}
    assert [place.offset for place in report.frozen] == list(range(7))
    report = await run(world, log_no=2)
    assert [place.offset for place in report.another_log] == list(range(7))
    assert set(world.accepted) == {7, 8, 9}


async def test_a_write_is_tried_again_while_clickhouse_is_away() -> None:
    world = World(dict.fromkeys(range(10), GOOD), away=3)
    assert (await run(world)).complete
    assert world.effects == ["10 measurements", "10 records"]


async def test_another_record_at_the_coordinate_is_a_halt() -> None:
    world = World(dict.fromkeys(range(10), GOOD))
    later = [Rejected(each.coordinate, each.code, each.path, 1, each.broker_ms + 1) for each in world.rejections()]
    with pytest.raises(Halt, match="replaced"):
        await redrive(world).run(later, lambda _: False)
    assert world.effects == []


def test_batches_are_of_one_partition_and_bounded() -> None:
    selected = [rejected(o) for o in range(4_500)] + [rejected(o, partition=1) for o in range(3)]
    selected += [rejected(o, log_no=2) for o in range(2)]
    assert [len(batch) for batch in batches(selected)] == [2_000, 2_000, 500, 3, 2]


@pytest.mark.parametrize(
    ("binding", "topic_id", "reason"),
    [
        (Binding(1, ("a",)), "a", ""),
        (Binding(1, ("a",)), None, "does not exist"),
        (None, "a", "no log number"),
        (Binding(2, ("a",)), "a", "earlier incarnation"),
        (Binding(1, ("a",)), "b", "another topic id"),
        (Binding(1, ("a", "b")), "a", "another topic id"),
    ],
)
def test_which_incarnation_a_coordinate_is_of(binding: Binding | None, topic_id: str | None, reason: str) -> None:
    said = foreign(
        Coordinate(1, TOPIC, 0, 5), {TOPIC: binding} if binding else {}, {TOPIC: topic_id} if topic_id else {}
    )
    assert reason in said
    assert bool(said) == bool(reason)


@pytest.mark.parametrize("text", ["", "1/a/0", "1/a/0/x", "1/a/0/-1", "x/a/0/1", "1/a/b/0/1", "1/a/0/²", "1/a/0/١"])
def test_what_is_no_coordinate_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="not a coordinate"):
        coordinate_of(text)


def test_a_coordinate_is_written_as_it_is_read() -> None:
    assert coordinate_of(f"1/{TOPIC}/0/17") == Coordinate(1, TOPIC, 0, 17)
    assert str(Coordinate(1, TOPIC, 0, 17)) == f"1/{TOPIC}/0/17"
    assert Filters().where() == ("1", {})


def test_a_report_in_words_counts_names_and_says_the_remedy() -> None:
    report = Report(accepted=3, gone=[Coordinate(1, TOPIC, 0, offset) for offset in range(12)])
    report.rejected["unknown_field"] = 2
    text = words.report_in_words(report, 17, dry_run=True)
    assert "3 would be accepted" in text
    assert "2 would be still rejected, unknown_field" in text
    assert "remove the field" in text
    assert f"12 are gone from the log by retention: have the source send them again: 1/{TOPIC}/0/0," in text
    assert text.endswith("…")


def test_a_group_in_words_can_be_copied_from() -> None:
    moment = datetime(2026, 3, 2, 8, 10, tzinfo=UTC)
    group = Group("invalid_json", "", TOPIC, 1_234, moment, moment, Coordinate(1, TOPIC, 0, 17))
    assert words.group_in_words(group).split("\n") == [
        f"    1,234  invalid_json at the record, {TOPIC}",
        f"           2026-03-02 08:10:00 to 2026-03-02 08:10:00 UTC, newest 1/{TOPIC}/0/17",
    ]
    assert words.report_in_words(Report(), 0, dry_run=False) == "no rejected record matches"
