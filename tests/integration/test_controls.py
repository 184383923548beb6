"""Estimates from control tasks as ClickHouse has them: the same figures as from the log by the reference model, the digest as
an auditor computes it, and the way from events to a renewed baseline."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from contracts import topics
from contracts.reading import STRUCTURED_HEADERS
from services.baselines.controls import control_counts, control_estimates
from services.baselines.controls_store import ControlStore
from services.baselines.in_scope.place import Place
from services.cli.main import app
from services.cli.producer import Sender
from services.domain.estimate import Estimate
from tests.integration.conftest import AUTHORITY, Running, on_embedded
from tests.integration.delivering import SENT_MS, Database, snapshot_of
from tests.integration.test_metamorphic import placed
from tests.integration.test_outside import cloud_event, state
from tests.reference import load_registry, workload
from tests.reference.log import CAPS_MS
from tests.reference.model import State, fold
from tests.reference.records import Records
from tests.reference.registry import Registry

RUN = CliRunner()
AUTHORITIES = workload.authorities(2)
SINCE, BEFORE = (workload.START + timedelta(days=number) for number in (20, 70))
BASES = ("measured", "elapsed", "self_reported")
_DIGEST = """
SELECT lower(hex(SHA256(concat({head:String}, '\\n', arrayStringConcat(groupArray(line), '\\n'), '\\n')))) FROM (
    SELECT arrayStringConcat([authority, task, toString(revision), toString(log_no), toString(partition), toString(offset), task_type,
        complexity, toString(toUnixTimestamp64Milli(started_at)), toString(toUnixTimestamp64Milli(completed_at)), time_basis,
        assistance, origin, outcome, cluster, cluster_kind, toString(active_ms), ifNull(toString(review_ms), '\\\\N'),
        ifNull(toString(rework_ms), '\\\\N')], '\\t') AS line
    FROM task_measurements WHERE arm = 'control' AND authority = {authority:String}
        AND completed_at >= {since:DateTime64(3)} AND completed_at < {before:DateTime64(3)} ORDER BY task)
"""


def place(cvr: str) -> Place:
    """All tasks of an authority in the window."""
    return Place(cvr, (cvr,), "", "any", SINCE, BEFORE)


def ms(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def second_computation(states: list[State]) -> tuple[str, int, int | None, float, int]:
    """Time basis, n, cap, mean and clusters of a cell, in plain Python."""
    counts = Counter(found.traits.time_basis for found in states)
    basis = max(BASES, key=lambda name: (counts[name], -BASES.index(name)))
    chosen = [found for found in states if found.traits.time_basis == basis]
    cap = None
    if basis == "elapsed":
        fits = (cap for cap in CAPS_MS if sum(found.active_ms > cap for found in chosen) <= 0.02 * len(chosen))
        cap = next(fits, None)
    efforts = [
        min(found.active_ms, cap or 10**12) + (found.review_ms or 0) + (found.rework_ms or 0) for found in chosen
    ]
    clusters = {found.traits.cluster or found.task for found in chosen}
    return basis, len(chosen), cap, sum(efforts) / len(efforts), len(clusters)


def test_the_figures_are_those_of_the_log(new_database: Callable[[], Database]) -> None:
    log = placed(list(workload.messages(9_000, 31, AUTHORITIES)))
    registry = load_registry.registry(AUTHORITIES)
    database = new_database()
    database.deliver(log, snapshot_of(registry))
    found = ControlStore(database.client).controls(place(AUTHORITIES[0]))
    assert found is not None

    cells: dict[tuple[str, str], list[State]] = defaultdict(list)
    controls = [
        task
        for task in fold(Records(log), Registry(json.dumps(message) for message in registry)).states()
        if task.authority == AUTHORITIES[0]
        and task.traits.arm == "control"
        and ms(SINCE) <= task.completed_ms < ms(BEFORE)
    ]
    for task in controls:
        if (task.traits.outcome, task.traits.origin) == ("completed", "pre_existing"):
            cells[task.task_type, task.complexity].append(task)
    estimates: dict[tuple[str, str], Estimate] = {
        (entry.task_type, entry.complexity): entry.estimate for entry in control_estimates(found)
    }
    assert len(controls) > 60
    assert control_counts(found).controls == len(controls)
    assert estimates.keys() == cells.keys()
    for cell, states in cells.items():
        basis, n, cap, mean, clusters = second_computation(states)
        estimate = estimates[cell]
        assert (estimate.time_basis, estimate.n, estimate.cap_ms, estimate.clusters) == (basis, n, cap, clusters)
        assert abs(estimate.mean_ms - mean) <= 0.5

    window = {"since": SINCE, "before": BEFORE, "head": found.evidence.split(b"\n", 1)[0].decode()}
    assert database.rows(_DIGEST, authority=AUTHORITIES[0], **window) == [(found.sha256,)]
    last = max(record.offset for record in log if record.topic == topics.tasks_topic(AUTHORITIES[0]))
    assert ms(found.observed_until) <= SENT_MS + last


def test_an_authority_without_tasks_has_no_controls(new_database: Callable[[], Database]) -> None:
    store = ControlStore(new_database().client)
    assert store.controls(place(AUTHORITY)) is None


@on_embedded
def test_from_control_tasks_to_a_baseline_of_their_authority(
    start_stack: Callable[..., Running], tmp_path: Path
) -> None:
    running = start_stack()
    chance = np.random.default_rng(12)
    with Sender(running.stack.kafka_settings()) as sender:
        for number in range(240):
            drawn = {
                "arm": "control",
                "assignment": "random",
                "assigned_at": "2026-03-02T07:00:00Z",
                "assistance": "none",
            }
            who = {"cluster": f"c-{number % 40}", "cluster_kind": "team", "active_ms": int(chance.lognormal(13, 0.5))}
            event = cloud_event(
                "dk.frigjort.task.completed.v1", state(f"t-{number}", 1, **drawn, **who), f"t-{number}-1"
            )
            value = json.dumps({**event.get_attributes(), "data": event.get_data()}, default=datetime.isoformat)
            key = f"t-{number}".encode()
            sender.send(topics.tasks_topic(AUTHORITY), key, value.encode(), STRUCTURED_HEADERS)
    assert running.stack.drain()

    output, data = tmp_path / "estimates.json", ("--data", str(running.stack.data))
    shown = RUN.invoke(app, ["baseline", "estimate-controls", AUTHORITY, "-o", str(output), *data])
    assert shown.exit_code == 0, shown.output
    said = shown.output.replace(" \n", " ")
    assert "kle:27.35.04, low  supported" in said
    assert "240 control tasks; 0 abandoned or escalated and 0 induced ones are in no estimate." in said
    (estimate,) = json.loads(output.read_text())["estimates"]
    assert (estimate["n"], estimate["complexity"], estimate["method"]) == (240, "low", "holdout")

    whose = ("--level", "authority", "--whose", AUTHORITY, "--by", "method-office", "--valid-from", "2026-04-01")
    proposed = RUN.invoke(app, ["baseline", "propose", str(output), *whose, "--json", *data])
    (proposal,) = [entry["proposal"] for entry in json.loads(proposed.stdout)["proposals"]]
    approved = RUN.invoke(app, ["baseline", "approve", proposal, "--by", "finance-office", *data])
    assert approved.exit_code == 0, approved.output
    assert RUN.invoke(app, ["baseline", "publish", proposal, *data]).exit_code == 0
    listed = json.loads(RUN.invoke(app, ["baseline", "list", "--json", *data]).stdout)
    (own,) = [entry for entry in listed if entry["level"] == "authority"]
    assert (own["baseline"], own["grade"], own["mean_ms"]) == (
        f"{AUTHORITY}/kle:27.35.04/low",
        "A",
        estimate["mean_ms"],
    )
    show = ["baseline", "show", f"{own['baseline']}/{own['version']}", "--json", *data]
    evidence = json.loads(RUN.invoke(app, show).stdout)["evidence"]
    assert evidence["source"] == f"controls-{AUTHORITY}"
