"""A baseline's numbers from the control tasks that were received."""

import hashlib
from math import sqrt
from typing import Any

import pyarrow as pa
import pytest

from services.baselines.in_scope.holdout import holdout
from services.runtime.errors import Refused

MINUTE = 60_000


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A finished control task of ten minutes, five a case."""
    return {
        "authority": "10000009",
        "task": f"t{number:04}",
        "revision": 1,
        "log_no": 1,
        "partition": 0,
        "offset": number,
        "cluster": f"c{number // 5}",
        "outcome": "completed",
        "origin": "pre_existing",
        "time_basis": "measured",
        "assistance": "none",
        "active_ms": 10 * MINUTE,
        "review_ms": None,
        "rework_ms": None,
        **fields,
    }


SCHEMA = pa.Table.from_pylist([row(0, review_ms=0, rework_ms=0)]).schema


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


ENOUGH = [row(number) for number in range(200)]


def test_effort_is_counted_as_that_of_any_task() -> None:
    """Elapsed time up to the cap that was fixed before AI; review and rework in full; an unknown part of unassisted work
    adds nothing."""
    others = [
        row(200, active_ms=90 * MINUTE, time_basis="elapsed"),
        row(201, active_ms=90 * MINUTE),
        row(202, active_ms=MINUTE, review_ms=2 * MINUTE, rework_ms=3 * MINUTE, assistance="draft"),
    ]
    found = holdout(table([*ENOUGH, *others]), cap_ms=30 * MINUTE).estimate
    total = 200 * 10 + 30 + 90 + 6
    assert (found.n, found.mean_ms) == (203, round(total * MINUTE / 203))
    assert holdout(table([*ENOUGH, *others]), cap_ms=None).estimate.mean_ms == round((total + 60) * MINUTE / 203)


def test_the_error_is_clustered_within_an_authority() -> None:
    """Two authorities with the same cluster tokens; one case is slower than the others. By hand: sqrt(G/(G-1) Σ s²)/n."""
    rows = [*ENOUGH, *(row(number, authority="10000017", active_ms=20 * MINUTE) for number in range(5))]
    found = holdout(table(rows), None).estimate
    mean = (200 * 10 + 5 * 20) / 205
    squares = 40 * (5 * (10 - mean)) ** 2 + (5 * (20 - mean)) ** 2
    assert found.clusters == 41
    assert found.standard_error_ms == pytest.approx(sqrt(41 / 40 * squares) / 205 * MINUTE, abs=1)


def test_what_says_nothing_of_the_credit_is_left_out_and_counted() -> None:
    others = [
        row(300, outcome="abandoned"),
        row(301, origin="induced"),
        row(302, time_basis="self_reported"),
        row(303, assistance="draft", review_ms=1),
        row(304, assistance="draft", rework_ms=1),
    ]
    found = holdout(table([*others, *ENOUGH]), None)
    assert found.left_out == {"earns no credit": 2, "self-reported time": 1, "incomplete": 2}
    assert found.estimate.n == 200
    assert not any(f"t03{n:02}".encode() in found.evidence for n in range(5))


def test_the_evidence_is_the_tasks_in_their_order_whatever_the_order_of_reading() -> None:
    found, other = holdout(table(ENOUGH), None), holdout(table(ENOUGH[::-1]), None)
    assert found == other
    lines = found.evidence.decode().splitlines()
    assert lines[:2] == [
        "authority,task,revision,log_no,partition,offset,cluster,effort_ms",
        "10000009,t0000,1,1,0,0,c0,600000",
    ]
    assert len(lines) == 201
    assert found.sha256 == hashlib.sha256(found.evidence).hexdigest()
    assert found.source == f"holdout-{found.sha256[:16]}"
    assert holdout(table([*ENOUGH[:-1], row(199, revision=2)]), None).source != found.source


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ENOUGH[:-1], "199 usable control tasks in 40 clusters"),
        ([row(n, cluster=f"c{n % 29}") for n in range(400)], "400 usable control tasks in 29 clusters"),
        ([], "0 usable control tasks in 0 clusters"),
        ([*ENOUGH[:-1], row(199, outcome="escalated")], "1 left out: earns no credit"),
    ],
)
def test_too_few_are_refused(rows: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(Refused, match=words):
        holdout(table(rows), None)


def test_a_task_without_a_cluster_is_its_own() -> None:
    assert holdout(table([row(n, cluster="") for n in range(200)]), None).estimate.clusters == 200
