"""What became of a load: read back from Kafka, folded by the reference model, and held against the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from contracts import topics
from services.baselines.kafka import RegistryKafka
from tests.integration.against import compared, records_in_kafka
from tests.reference.records import Records
from tests.reference.registry import Registry

if TYPE_CHECKING:
    from tests.faults.world import World

_COUNTS = """
SELECT count(), uniqExact(log_no, topic, partition, offset) FROM dispositions WHERE topic IN {topics:Array(String)}
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many records there were, and what is not as the reference model has it."""

    records: int
    lost: int
    doubled: int
    wrong: dict[str, int]
    reconciled: str
    examples: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, doubled or is wrong."""
        return not (self.lost or self.doubled or any(self.wrong.values()) or self.reconciled)


def verdict(world: "World", cvrs: Sequence[str], ends: Mapping[tuple[str, int], int]) -> Verdict:
    """Compares everything about these authorities, and asks `frigjort audit reconcile`."""
    names = [topics.tasks_topic(cvr) for cvr in cvrs]
    client = world.client()
    logs = dict(
        world.rows("SELECT topic, max(log_no) FROM logs WHERE topic IN {t:Array(String)} GROUP BY topic", t=names)
    )
    records = Records(records_in_kafka(world.kafka.bootstrap_servers, logs))
    sent = sum(ends.values())
    assert len(records) == sent, f"{len(records)} records were read back, {sent} are there"
    found = compared(client, records, Registry(RegistryKafka(world.kafka).told()), cvrs)
    ((rows, distinct),) = world.rows(_COUNTS, topics=names)
    return Verdict(
        records=sent,
        lost=sent - distinct,
        doubled=rows - distinct,
        wrong={kind: len(lines) for kind, lines in found.items()},
        reconciled=reconcile(world, cvrs),
        examples=[f"{kind} {line}" for kind, lines in found.items() for line in lines[:3]],
    )


def reconcile(world: "World", cvrs: Sequence[str]) -> str:
    """What `frigjort audit reconcile` finds over these authorities; empty: all is whole."""
    among = [argument for cvr in cvrs for argument in ("--cvr", cvr)]
    ended = world.frigjort("audit", "reconcile", "--json", *among, fails=True)
    return "" if ended.returncode == 0 else f"exit code {ended.returncode}: {ended.stdout}{ended.stderr}"


def table(rows: Sequence[tuple[Any, ...]]) -> str:
    """The report of a run, aligned."""
    head = ("fault", "times", "events", "lost", "doubled", "wrong totals", "median s", "worst s")
    lines = [head, *(tuple(str(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
