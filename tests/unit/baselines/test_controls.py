"""From control tasks that were received to estimates: which tasks count, what their effort is, and what names the evidence."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.registry import ProposedBaseline
from services.baselines.controls import Controls, control_counts, control_estimates, renewed_estimate
from services.baselines.estimates import TaskTypeEstimate, proposal

AUTHORITY = "10000009"
MINUTE = 60_000
DAY = 86_400_000
NOW = datetime(2027, 6, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp()) * 1000
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("authority", "task", "task_type", "complexity", "time_basis")),
        *((name, pa.string()) for name in ("assistance", "origin", "outcome", "cluster", "cluster_kind")),
        *((name, pa.uint64()) for name in ("revision", "log_no", "partition", "offset")),
        *((name, pa.int64()) for name in ("started_ms", "completed_ms", "active_ms", "review_ms", "rework_ms")),
    ]
)


def state(number: int, **fields: Any) -> dict[str, Any]:
    """A control task of 7 minutes, done without AI and well known, unless the fields say otherwise."""
    completed = NOW_MS - 200 * DAY + number * DAY // 8
    return {
        "authority": AUTHORITY,
        "task": f"t-{number:04d}",
        "task_type": "kle:27.35.04",
        "complexity": "low",
        "time_basis": "measured",
        "assistance": "none",
        "origin": "pre_existing",
        "outcome": "completed",
        "cluster": f"c-{number % 40}",
        "cluster_kind": "team",
        "revision": 1,
        "log_no": 1,
        "partition": 0,
        "offset": number,
        "started_ms": completed - 8 * MINUTE,
        "completed_ms": completed,
        "active_ms": 7 * MINUTE,
        "review_ms": None,
        "rework_ms": 0,
        **fields,
    }


def controls(rows: list[dict[str, Any]]) -> Controls:
    return Controls(AUTHORITY, pa.Table.from_pylist(rows, SCHEMA), NOW)


def estimated(rows: list[dict[str, Any]], *, pooled: bool = False) -> list[TaskTypeEstimate]:
    return control_estimates(controls(rows), pooled=pooled)


def test_enough_sound_controls_support_a_baseline_of_the_best_grade() -> None:
    times = np.random.default_rng(3).lognormal(13, 0.6, 240).astype(int).tolist()
    (found,) = estimated([state(n, active_ms=times[n]) for n in range(240)])
    assert (found.verdict.word, found.verdict.notes) == ("supported", ())
    assert (found.estimate.n, found.estimate.clusters, found.estimate.cap_ms) == (240, 40, None)
    evidence = {"source": "controls", "sha256": "0" * 64}
    fields = proposal(found, {"level": "authority", "authority": AUTHORITY}, evidence, "first", NOW)
    baseline = ProposedBaseline.model_validate({**fields, "version": 1})
    assert (baseline.method, baseline.grade, baseline.complexity) == ("holdout", "A", "low")
    assert baseline.baseline == "10000009/kle:27.35.04/low"


def test_one_estimate_a_cell_or_one_a_task_type() -> None:
    rows = [state(n, complexity=("low", "high")[n % 2], active_ms=(1 + n % 2) * MINUTE) for n in range(40)]
    rows += [state(n, task_type="form:44.20.05") for n in range(40, 45)]
    cells = [(found.task_type, found.complexity, found.estimate.n) for found in estimated(rows)]
    assert cells == [("form:44.20.05", "low", 5), ("kle:27.35.04", "high", 20), ("kle:27.35.04", "low", 20)]
    pooled = estimated(rows, pooled=True)
    assert [(found.task_type, found.complexity, found.estimate.n) for found in pooled] == [
        ("form:44.20.05", "any", 5),
        ("kle:27.35.04", "any", 40),
    ]
    assert pooled[1].estimate.mean_ms == 3 * MINUTE // 2


def test_only_finished_work_that_would_exist_without_ai_counts_and_the_rest_is_counted() -> None:
    rows = [state(n) for n in range(6)]
    rows += [state(6, outcome="abandoned"), state(7, outcome="escalated"), state(8, origin="induced")]
    rows += [state(9, origin="induced", outcome="abandoned")]
    (found,) = estimated(rows)
    counts = control_counts(controls(rows))
    assert (found.estimate.n, counts.controls, counts.unfinished, counts.induced) == (6, 10, 2, 2)


def test_effort_is_active_review_and_rework_and_what_is_missing_is_not_zero() -> None:
    rows = [
        state(0, active_ms=10 * MINUTE, review_ms=None, rework_ms=2 * MINUTE),  # without AI: nothing to review
        state(1, active_ms=10 * MINUTE, review_ms=None, rework_ms=None),  # left out
        state(2, active_ms=10 * MINUTE, assistance="draft", review_ms=4 * MINUTE, rework_ms=0),  # as drawn
        state(3, active_ms=10 * MINUTE, assistance="draft", review_ms=None, rework_ms=0),  # left out
    ]
    (found,) = estimated(rows)
    assert (found.estimate.n, found.estimate.mean_ms) == (2, 13 * MINUTE)
    assert (found.diagnosis.parts.lacking, found.diagnosis.assisted) == (2, 2)


def test_a_source_that_never_knows_rework_has_none_in_its_effort() -> None:
    (found,) = estimated([state(n, rework_ms=None) for n in range(50)])
    assert (found.estimate.n, found.estimate.mean_ms) == (50, 7 * MINUTE)
    assert "rework time is not in the source" in found.verdict.notes[0]


def test_the_commonest_time_basis_counts_and_the_others_are_stated() -> None:
    rows = [state(n, time_basis="elapsed", active_ms=20 * MINUTE) for n in range(12)]
    rows += [state(n, time_basis="self_reported", active_ms=900 * MINUTE) for n in range(12, 20)]
    (found,) = estimated(rows)
    assert (found.estimate.n, found.estimate.time_basis, found.estimate.cap_ms) == (12, "elapsed", 30 * MINUTE)
    assert found.diagnosis.other_basis == 8
    (tied,) = estimated(rows[8:16])  # four of each: the more exact one
    assert tied.estimate.time_basis == "elapsed"


def test_what_people_said_is_of_the_lowest_grade_also_where_it_was_drawn() -> None:
    (found,) = estimated([state(n, time_basis="self_reported") for n in range(50)])
    assert found.method == "self_report"


def test_tasks_without_a_token_are_clusters_of_their_own_and_stated() -> None:
    rows = [state(n, cluster="", cluster_kind="") for n in range(3)] + [state(n) for n in (40, 80)]
    (found,) = estimated(rows)
    assert (found.estimate.clusters, found.diagnosis.without_cluster, found.diagnosis.cluster_kind) == (4, 3, "team")
    (alone,) = estimated(rows[:3])
    assert (alone.estimate.clusters, alone.diagnosis.cluster_kind) == (3, "task")
    (mixed,) = estimated([state(0), state(1, cluster_kind="case")])
    assert mixed.diagnosis.cluster_kind == "mixed"


def test_the_same_token_of_two_authorities_is_two_clusters() -> None:
    rows = [state(n, cluster="same", authority=cvr) for n in range(3) for cvr in (AUTHORITY, "10000017")]
    (found,) = estimated(rows)
    assert found.estimate.clusters == 2


def test_a_renewal_keeps_the_cap_that_was_fixed_before_ai() -> None:
    """Half of the tasks take 20 minutes, so the rule would give a cap of 30; what was fixed is 15."""
    rows = [state(n, time_basis="elapsed", active_ms=(10 + n % 2 * 10) * MINUTE) for n in range(240)]
    found = renewed_estimate(controls(rows), "low", 15 * MINUTE)
    assert found is not None
    assert (found.estimate.cap_ms, found.estimate.mean_ms) == (15 * MINUTE, (10 + 15) * MINUTE // 2)
    assert found.verdict.reasons[:1] == (
        "the cap of 15 minutes, fixed before AI, cuts 50.0 % of the tasks, more than 2 %",
    )
    by_the_rule = renewed_estimate(controls(rows), "any", None)
    assert by_the_rule is not None
    assert (by_the_rule.estimate.cap_ms, by_the_rule.complexity) == (30 * MINUTE, "any")
    measured = renewed_estimate(controls([state(n, active_ms=40 * MINUTE) for n in range(9)]), "low", 15 * MINUTE)
    assert measured is not None
    assert (measured.estimate.cap_ms, measured.estimate.mean_ms) == (None, 40 * MINUTE)
    assert renewed_estimate(controls([state(0, outcome="abandoned")]), "low", None) is None


def test_what_is_younger_than_ninety_days_when_last_seen_is_immature() -> None:
    edge = NOW_MS - 90 * DAY
    rows = [state(n, completed_ms=edge + n - 1) for n in range(3)]
    (found,) = estimated(rows)
    assert found.diagnosis.immature == 1


def test_the_window_is_of_the_tasks_that_count() -> None:
    rows = [state(1), state(2), state(99, outcome="abandoned")]
    (found,) = estimated(rows)
    assert found.window_from.timestamp() * 1000 == rows[0]["started_ms"]
    assert found.window_to.timestamp() * 1000 == rows[1]["completed_ms"]


def test_no_finished_controls_are_no_estimates() -> None:
    assert estimated([]) == []
    assert estimated([state(0, outcome="abandoned")]) == []


def test_the_evidence_is_lines_with_tabs_sorted_by_authority_and_task() -> None:
    rows = [state(2, review_ms=5), state(1)]
    start = [row["started_ms"] for row in rows]
    end = [row["completed_ms"] for row in rows]
    head = "\tkle:27.35.04\tlow\t"
    tail = "\tmeasured\tnone\tpre_existing\tcompleted\t"
    text = (
        "authority\ttask\trevision\tlog_no\tpartition\toffset\ttask_type\tcomplexity\tstarted_ms\tcompleted_ms\ttime_basis\t"
        "assistance\torigin\toutcome\tcluster\tcluster_kind\tactive_ms\treview_ms\trework_ms\n"
        f"10000009\tt-0001\t1\t1\t0\t1{head}{start[1]}\t{end[1]}{tail}c-1\tteam\t420000\t\\N\t0\n"
        f"10000009\tt-0002\t1\t1\t0\t2{head}{start[0]}\t{end[0]}{tail}c-2\tteam\t420000\t5\t0\n"
        f"10000017\tt-0001\t1\t1\t0\t1{head}{start[1]}\t{end[1]}{tail}c-1\tteam\t420000\t\\N\t0\n"
    )
    found = controls([rows[0], rows[1] | {"authority": "10000017"}, rows[1]])
    assert found.evidence == text.encode()
    assert found.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert controls(rows).source == "controls-10000009"


@pytest.mark.parametrize("changed", [{"active_ms": 1}, {"revision": 2}, {"rework_ms": None}, {"cluster": "c-other"}])
def test_another_state_is_another_digest(changed: dict[str, Any]) -> None:
    rows = [state(n) for n in range(3)]
    assert controls([*rows[:2], rows[2] | changed]).sha256 != controls(rows).sha256


@given(st.permutations(range(30)), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(order: list[int], seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows = [
        state(
            n,
            active_ms=int(chance.integers(0, 40 * MINUTE)),
            complexity=str(chance.choice(["low", "high"])),
            time_basis=str(chance.choice(["measured", "elapsed"])),
            cluster=str(chance.choice(["", "a", "b"])),
            rework_ms=None if chance.random() < 0.1 else 0,
        )
        for n in range(30)
    ]
    shuffled = [rows[index] for index in order]
    one, two = estimated(rows), estimated(shuffled)
    assert [(found.estimate.mean_ms, found.estimate.n, found.estimate.clusters) for found in one] == [
        (found.estimate.mean_ms, found.estimate.n, found.estimate.clusters) for found in two
    ]
    assert controls(rows).sha256 == controls(shuffled).sha256
