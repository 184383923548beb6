"""What became of a load: read back from Kafka and folded by the reference model, and held against the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from tests.reference.model import State, Total, fold
from tests.reference.records import LogRecord, Records
from tests.reference.registry import Registry

from contracts import topics
from services.baselines.kafka import RegistryKafka
from services.runtime.settings import KafkaSettings

if TYPE_CHECKING:
    from tests.faults.world import World

_STATES = """
SELECT authority, task, revision, log_no, partition, offset, toInt32(day), toUnixTimestamp64Milli(completed_at), task_type,
       complexity, active_ms, review_ms, rework_ms, status, counted_active_ms, capped, effort_ms, credit_ms, saved_ms,
       baseline, baseline_version, baseline_level, grade
FROM task_measurements WHERE authority IN {authorities:Array(String)} ORDER BY authority, task
"""
_TOTALS = """
SELECT authority, toInt32(day), task_type, complexity, count(), countIf(status = 'measured'), countIf(status = 'unmeasured'),
       countIf(status = 'incomplete'), countIf(capped = 1), sumIf(effort_ms, status = 'measured'),
       sumIf(ifNull(credit_ms, 0), status = 'measured'), sumIf(ifNull(saved_ms, 0), status = 'measured'),
       sumIf(ifNull(credit_ms - counted_active_ms, 0), status = 'measured')
FROM task_measurements WHERE authority IN {authorities:Array(String)} GROUP BY ALL
"""
_DISPOSITIONS = """
SELECT topic, partition, offset, accepted, code FROM dispositions WHERE topic IN {topics:Array(String)}
"""
_DUPLICATES = "SELECT topic, partition, offset FROM duplicates WHERE topic IN {topics:Array(String)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many records there were, and what is not as the reference model has it."""

    records: int
    tasks: int
    lost: int
    doubled: int
    wrong_dispositions: int
    wrong_states: int
    wrong_totals: int
    reconcile_exit_code: int
    examples: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, doubled or is wrong."""
        wrong = self.lost + self.doubled + self.wrong_dispositions + self.wrong_states + self.wrong_totals
        return wrong == 0 and self.reconcile_exit_code == 0


def read_log(kafka: KafkaSettings, logs: Mapping[str, int], ends: Mapping[tuple[str, int], int]) -> list[LogRecord]:
    """Every record of these partitions; `logs` gives each topic's log number."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": "frigjort-test",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in ends])
    found: list[LogRecord] = []
    left = sum(ends.values())
    try:
        while left > 0:
            messages = consumer.consume(min(left, 10_000), timeout=20)
            assert messages, f"{left} records did not come"
            for message in messages:
                assert message.error() is None, message.error()
                topic = str(message.topic())
                headers = tuple(message.headers() or ())
                place = (logs[topic], topic, message.partition(), message.offset())
                found.append(LogRecord(*place, message.key(), message.value(), headers))
            left -= len(messages)
    finally:
        consumer.close()
    return found


def read_registry(world: "World") -> Registry:
    """The registry as it was told to every collector."""
    return Registry(RegistryKafka(world.kafka).told())


def verdict(world: "World", cvrs: Sequence[str], ends: Mapping[tuple[str, int], int]) -> Verdict:
    """Compares everything about these authorities."""
    names = [topics.tasks_topic(cvr) for cvr in cvrs]
    logs = dict(
        world.rows("SELECT topic, max(log_no) FROM logs WHERE topic IN {t:Array(String)} GROUP BY topic", t=names)
    )
    records = Records(read_log(world.kafka, logs, ends))
    model = fold(records, read_registry(world))
    examples: list[str] = []
    wrong_states = _wrong(
        "state", _states(world, cvrs), {(s.authority, s.task): _state_row(s) for s in model.states()}, examples
    )
    wrong_totals = _wrong("total", _totals(world, cvrs), model.totals(), examples)
    stored, wrong_dispositions = _dispositions(world, names, records, examples)
    reconciled = reconcile(world, cvrs)
    return Verdict(
        records=sum(ends.values()),
        tasks=len(model),
        lost=sum(ends.values()) - len(set(stored)),
        doubled=len(stored) - len(set(stored)),
        wrong_dispositions=wrong_dispositions,
        wrong_states=wrong_states,
        wrong_totals=wrong_totals,
        reconcile_exit_code=reconciled,
        examples=examples[:5],
    )


def reconcile(world: "World", cvrs: Sequence[str]) -> int:
    """The exit code of `frigjort audit reconcile` over these authorities."""
    among = [argument for cvr in cvrs for argument in ("--cvr", cvr)]
    return world.frigjort("audit", "reconcile", "--json", *among, fails=True).returncode


def _states(world: "World", cvrs: Sequence[str]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {row[:2]: row for row in world.rows(_STATES, authorities=list(cvrs))}


def _state_row(state: State) -> tuple[Any, ...]:
    figures, baseline = state.figures, state.figures.baseline
    return (
        *(state.authority, state.task, state.revision),
        *(state.coordinate.log_no, state.coordinate.partition, state.coordinate.offset),
        *(state.day, state.completed_ms, state.task_type, state.complexity),
        *(state.active_ms, state.review_ms, state.rework_ms),
        *(figures.status, figures.counted_active_ms, int(figures.capped), figures.effort_ms),
        *(figures.credit_ms, figures.saved_ms),
        *((baseline.baseline, baseline.version, baseline.level, baseline.grade) if baseline else ("", 0, "", "")),
    )


def _totals(world: "World", cvrs: Sequence[str]) -> dict[tuple[str, int, str, str], Total]:
    return {row[:4]: Total(*row[4:]) for row in world.rows(_TOTALS, authorities=list(cvrs))}


def _dispositions(
    world: "World", names: Sequence[str], records: Records, examples: list[str]
) -> tuple[list[tuple[str, int, int]], int]:
    """Every stored (topic, partition, offset) with how often it has a disposition, and how many are wrong."""
    duplicates = {tuple(row) for row in world.rows(_DUPLICATES, topics=list(names))}
    rows = world.rows(_DISPOSITIONS, topics=list(names))
    found = {}
    for topic, partition, offset, accepted, code in rows:
        place = (topic, partition, offset)
        kind = "rejected" if not accepted else "duplicate" if place in duplicates else "accepted"
        found[place] = (kind, code)
    wanted = {
        (place.topic, place.partition, place.offset): (disposition.kind, disposition.code)
        for place, disposition in records.dispositions()
    }
    return [row[:3] for row in rows], _wrong("disposition", found, wanted, examples)


def _wrong(what: str, found: Mapping[Any, Any], wanted: Mapping[Any, Any], examples: list[str]) -> int:
    differing = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    examples += [f"{what} {key}: found {found.get(key)}, wanted {wanted.get(key)}" for key in differing[:3]]
    return len(differing)


def table(rows: Sequence[tuple[Any, ...]]) -> str:
    """The report of a run, aligned."""
    head = ("fault", "times", "events", "lost", "doubled", "wrong totals", "median s", "worst s")
    lines = [head, *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
