"""The placebo on the real log through Kafka, a collector and ClickHouse: one split of each kind gives what the estimator alone
gives on the same split in memory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest

from contracts import topics
from contracts.reading import STRUCTURED_HEADERS
from services.baselines.estimates import proposal, rfc3339
from services.baselines.imports import ImportOptions, task_events
from services.baselines.registry import Registry
from services.cli.demo import case_systems, offices
from services.cli.demo.real_log import RealLog
from services.cli.producer import Sender
from services.domain.clusters.codes import numbered
from services.domain.effect.adjusted import AdjustedSaving, CellResult, Saving, adjusted_saving
from tests.integration.conftest import Running, on_embedded
from tests.integration.test_report import report
from tests.simulations.placebo import Splittable
from tests.simulations.real_log import CUT, LOG, LaterTasks, later_tasks, later_workers

SEED = 2012


@dataclass(frozen=True)
class Kind:
    """A split: whose tasks, what is drawn, and per cent of the counted time that "AI" takes."""

    authority: str
    unit: str
    percent: int


CVRS = [one.cvr for one in case_systems.authorities()]
KINDS = [Kind(CVRS[0], "case", 100), Kind(CVRS[1], "case", 80), Kind(CVRS[2], "case", 90), Kind(CVRS[3], "case", 110),
         Kind(CVRS[4], "worker", 100)]  # fmt: skip


def events(log: RealLog, kind: Kind, control: dict[int, bool], units: list[str]) -> Iterator[dict[str, Any]]:
    """The later tasks as the authority's case system sends them, with the arm of their case or worker. Counted time that is
    multiplied is sent as measured: a cap would cut it a second time."""
    later = [item for item in log.items if item.completed_at >= CUT]
    caps = {one.task_type: one.estimate.cap_ms for one in log.estimates if one.estimate.cap_ms is not None}
    for item, unit in zip(later, numbered(units)[1].tolist(), strict=True):
        held_out = control[unit]
        changed = not held_out and kind.percent != 100
        options = ImportOptions(
            authority=kind.authority,
            source="/placebo",
            file_sha256=log.sha256,
            key=b"placebo",
            assistance="none" if held_out else "draft",
            time_basis="measured" if changed else "elapsed",
            caps_ms=caps,
            factor_percent=kind.percent if changed else 100,
        )
        (event,) = task_events([item], options)
        event["data"] |= {
            "arm": "control" if held_out else "treatment",
            "assignment": "random",
            "assigned_at": rfc3339(item.started_at),
            "cluster": f"u-{unit}",
            "cluster_kind": "case" if kind.unit == "case" else "team",
        }
        yield event


def register(registry: Registry, log: RealLog) -> None:
    """An authority for each kind, with the baselines of the log."""
    now = datetime.now(UTC)
    registry.add_authorities([{"authority": kind.authority, "name": "Prøve", "sector": "state"} for kind in KINDS], now)
    evidence = {"source": "bpic2012", "sha256": log.sha256}
    contents = [
        proposal(found, {"level": "authority", "authority": kind.authority}, evidence, offices.METHOD_OFFICE, CUT)
        for kind in KINDS
        for found in log.estimates
    ]
    offices.publish(registry, contents, now)


def sent(running: Running, log: RealLog, tasks: LaterTasks) -> dict[Kind, AdjustedSaving]:
    """Sends a split of each kind; what the estimator alone makes of it."""
    cases = [item.case for item in log.items if item.completed_at >= CUT]
    units = {"case": cases, "worker": later_workers()}
    random = np.random.default_rng(SEED)
    expected = {}
    with Sender(running.stack.kafka_settings()) as sender:
        for kind in KINDS:
            split = Splittable.of(tasks, numbered(units[kind.unit])[1])
            control = split.drawn(random)
            arms = dict(zip(split.unit.tolist(), control.tolist(), strict=True))
            expected[kind] = adjusted_saving(split.sums(control, kind.percent), tasks.errors)
            for event in events(log, kind, arms, units[kind.unit]):
                key = event["subject"].encode()
                sender.send(topics.tasks_topic(kind.authority), key, msgspec.json.encode(event), STRUCTURED_HEADERS)
    assert running.stack.drain()
    assert running.rows("SELECT code, path FROM rejections LIMIT 1") == []
    return expected


def same_cell(cell: dict[str, Any], alone: CellResult) -> None:
    assert cell["verdict"] == alone.verdict
    for name, arm in (("control", alone.control), ("treated", alone.treated)):
        assert tuple(cell[name].values()) == (arm.tasks, arm.clusters, arm.credit_ms, arm.effort_ms)
    assert alone.drift is not None
    assert cell["drift"]["ratio"] == pytest.approx(alone.drift.ratio, rel=1e-12)
    assert (cell["saving"] is None) == (alone.saving is None)
    if alone.saving is not None:
        same_saving(cell["saving"], alone.saving)


def same_saving(found: dict[str, Any], alone: Saving) -> None:
    """Floats are added in the order of names, which are others here: the last digits may differ."""
    for name in ("saving_ms", "low_ms", "high_ms"):
        assert found[name] == pytest.approx(getattr(alone, name), rel=1e-9)


@on_embedded
@pytest.mark.timeout(600)
@pytest.mark.skipif(not LOG.exists(), reason="the real log is not beside the project")
def test_a_split_of_each_kind_gives_the_numbers_of_the_estimator_alone(start_stack: Callable[..., Running]) -> None:
    log, tasks = RealLog.read(LOG), later_tasks()
    running = start_stack(prepare=lambda registry: register(registry, log))
    for kind, alone in sent(running, log, tasks).items():
        found = report(running, "effect", "--cvr", kind.authority)
        assert found["counts"]["tasks"] == len(tasks.raw_ms)
        of_types = {tasks.names[int(cell.task_type)]: cell for cell in alone.cells}
        assert {cell["task_type"] for cell in found["cells"]} == set(of_types)
        for cell in found["cells"]:
            same_cell(cell, of_types[cell["task_type"]])
        assert found["without_control"]["net_ms"] == alone.insufficient.net_ms
        assert (
            (found["adjusted"] is None) == (alone.adjusted is None) == (kind.unit == "worker")
        )  # too few to be clusters
        if alone.adjusted is not None:
            same_saving(found["adjusted"], alone.adjusted)
            assert found["adjusted_grade"]["grade"] == "B"  # elapsed time
