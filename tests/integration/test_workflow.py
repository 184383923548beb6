"""From a proposal to a published version and its end, by the commands and through the whole stack."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts import topics
from contracts.events import COMPLETED
from contracts.reading import STRUCTURED
from services.baselines.estimates import rfc3339
from services.cli.demo import offices
from services.cli.producer import Sender
from tests.integration.conftest import AUTHORITY, Running, on_embedded
from tests.integration.test_outside import cloud_event, state
from tests.integration.test_restatement import restated
from tests.integration.test_withdrawal import followed

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BEGIN, DONE = TODAY - timedelta(days=100), TODAY - timedelta(days=10)
SERIES = f"{AUTHORITY}/sag"
KIND = {"task_type": "local:sag", "completed_at": rfc3339(DONE), "started_at": rfc3339(DONE - timedelta(hours=1))}
SCOPE = ("--level", "authority", "--whose", AUTHORITY, "--task-type", "local:sag", "--by", "method-office")
OTHER_CAPS = {
    "mean_half_cap_ms": 700_000,
    "standard_error_half_cap_ms": 50_000,
    "mean_double_cap_ms": 950_000,
    "standard_error_double_cap_ms": 70_000,
}

NUMBERS = ("--method", "expert_estimate", "--n", "40", "--clusters", "12", "--mean-ms", "900000",
           "--standard-error-ms", "60000", "--median-ms", "800000", "--p90-ms", "2000000",
           "--window-from", "2025-01-01", "--window-to", "2025-06-01", "--cap-minutes", "15",
           *(part for name, ms in OTHER_CAPS.items() for part in (f"--{name.replace('_', '-')}", str(ms))))  # fmt: skip

pytestmark = on_embedded


def frigjort(running: Running, *arguments: str, code: int = 0) -> Any:
    """What `frigjort baseline …` answers: JSON, or where it refuses, its words."""
    done = ended(running, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def ended(running: Running, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "baseline",
        *arguments,
        "--json",
        "--data",
        str(running.stack.data),
    ]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=100)


def endings(running: Running) -> list[bool]:
    """Whether the series has ended, if it has or will in thirty days. Other scopes may end on the day of the test."""
    answer = json.loads(ended(running, "expire", "--within", "30").stdout)
    return [one["ended"] for one in answer if one["baseline"] == SERIES]


def send(running: Running, tasks: Iterable[dict[str, Any]]) -> None:
    with Sender(running.stack.kafka_settings()) as sender:
        for task in tasks:
            event = cloud_event(COMPLETED, task, f"{task['task']}-1")
            attributes = {**event.get_attributes(), "time": rfc3339(DONE)}
            value = json.dumps({**attributes, "data": event.get_data()}).encode()
            headers = (("content-type", STRUCTURED.encode()),)
            sender.send(topics.tasks_topic(AUTHORITY), task["task"].encode(), value, headers)
    assert running.stack.drain()


def stored(running: Running) -> list[int]:
    """How much stands in every table that a publication or a restatement writes to."""
    tables = ("baselines", "proposals", "approvals", "measurements", "restatements", "registry_claims")
    return [running.value(f"SELECT count() FROM {table}") for table in tables]


def saved(running: Running) -> tuple[int, int]:
    """Measured tasks of the kind, and what they saved."""
    ((tasks, total),) = running.rows(
        "SELECT countIf(status = 'measured'), sum(saved_ms) FROM task_measurements WHERE task_type = 'local:sag'"
    )
    return tasks, total or 0


def publish(running: Running, proposal: str) -> None:
    frigjort(running, "approve", proposal, "--by", "finance-office")
    frigjort(running, "publish", proposal)
    assert followed(running, running.stack.registry().store.generation())
    restated(running)


@pytest.fixture
def running(start_stack: Callable[..., Running]) -> Running:
    """A stack with three tasks that nobody has a baseline for."""
    started = start_stack()
    send(started, [state(f"t-{number}", 1, **KIND) for number in range(3)])
    assert saved(started) == (0, 0)
    return started


@pytest.fixture
def panel(tmp_path: Path) -> Path:
    """What experts said."""
    file = tmp_path / "panel.csv"
    file.write_text("expert,minutes\n1,15\n")
    return file


@pytest.mark.timeout(240)
def test_from_a_proposal_by_hand_to_hours_freed(running: Running, panel: Path) -> None:
    by_hand = (*SCOPE, *NUMBERS, "--source", str(panel), "--valid-from", f"{BEGIN:%Y-%m-%d}")
    (filed,) = frigjort(running, "propose", *by_hand)["proposals"]
    proposal = filed["proposal"]
    assert (filed["becomes"], filed["grade"]) == (f"{SERIES}/1", "D")
    shown = frigjort(running, "show", f"{SERIES}/1")
    assert shown["evidence"]["sha256"] == hashlib.sha256(panel.read_bytes()).hexdigest()
    assert {name: shown[name] for name in OTHER_CAPS} == OTHER_CAPS
    assert (shown["state"], shown["proposal"], shown["proposed_by"]) == ("proposed", proposal, "method-office")

    before = stored(running)
    effect = frigjort(running, "diff", proposal[:8])["effect"]
    assert (effect["tasks"], effect["newly_measured"], effect["no_longer_measured"]) == (3, 3, 0)
    assert (effect["saved_before_ms"], effect["saved_after_ms"]) == (0, 3 * (900_000 - 660_000))
    assert [one["authority"] for one in effect["authorities"]] == [AUTHORITY]
    assert "method-office proposed it" in frigjort(running, "approve", proposal, "--by", "method-office", code=1)
    assert "no such proposal" in frigjort(running, "approve", "deadbeef", "--by", "finance-office", code=2)
    assert stored(running) == before
    assert "nobody but its proposer" in frigjort(running, "publish", proposal, code=1)
    assert stored(running) == [*before[:-1], before[-1] + 2]  # claimed and released

    publish(running, proposal)
    assert saved(running) == (3, effect["saved_after_ms"])
    assert "published before" in frigjort(running, "approve", proposal, "--by", "third-office", code=1)
    before = stored(running)
    refused = frigjort(running, "propose", *by_hand, "--n", "41", code=1)
    assert f"overlaps that of {SERIES}/1" in refused
    assert stored(running) == before

    auditor = running.client("auditor")
    digests = auditor.query("SELECT proposal = lower(hex(SHA256(payload))) FROM baseline_proposals").result_rows
    assert set(digests) == {(1,)}
    approvals = auditor.query("SELECT approved_by FROM baseline_approvals WHERE proposal = {p:String}", {"p": proposal})
    assert approvals.result_rows == [("finance-office",)]


CONTENT = {
    "baseline": SERIES, "level": "authority", "authority": AUTHORITY, "task_type": "local:sag", "complexity": "any",
    "valid_from": rfc3339(BEGIN), "valid_to": rfc3339(BEGIN + timedelta(days=120)),
    "expires_at": rfc3339(BEGIN + timedelta(days=120)), "n": 500, "clusters": 100, "mean_ms": 900_000,
    "standard_error_ms": 9_000, "median_ms": 800_000, "p90_ms": 2_000_000, "cap_ms": 900_000, "method": "history",
    "evidence": {"source": "log", "sha256": "0" * 64, "window_from": "2025-01-01T00:00:00Z",
                 "window_to": "2025-06-01T00:00:00Z"}, "proposed_by": offices.METHOD_OFFICE,
}  # fmt: skip


@pytest.mark.timeout(240)
def test_another_takes_over_and_the_diff_says_what_it_does(running: Running, panel: Path) -> None:
    offices.publish(running.stack.registry(), [CONTENT], datetime.now(UTC))
    restated(running)
    begin = ("--valid-from", f"{BEGIN + timedelta(days=50):%Y-%m-%d}", "--takes-over")
    (filed,) = frigjort(running, "propose", *SCOPE, *NUMBERS, "--source", str(panel), *begin)["proposals"]
    assert (filed["becomes"], filed["replaces"]) == (f"{SERIES}/3", [f"{SERIES}/1"])
    compared = frigjort(running, "diff", f"{SERIES}/3")
    assert compared["fields"]["n"] == {"a": 40, "b": 500}
    assert {"n", "method", "grade", "valid_from", "state", "evidence.sha256"} <= set(compared["differ"])
    assert not {"mean_ms", "task_type", "authority"} & set(compared["differ"])
    effect = compared["effect"]
    assert (effect["tasks"], effect["changed"], effect["newly_measured"]) == (3, 3, 0)
    assert effect["saved_before_ms"] == effect["saved_after_ms"] == saved(running)[1]
    publish(running, filed["proposal"])
    assert saved(running) == (3, effect["saved_after_ms"])

    own = {one["version"]: one for one in frigjort(running, "list") if one["baseline"] == SERIES}
    assert {number: one["state"] for number, one in own.items()} == {1: "withdrawn", 2: "expired", 3: "published"}
    assert own[2]["valid_to"] == own[3]["valid_from"]
    assert frigjort(running, "diff", f"{SERIES}/1", f"{SERIES}/3")["effect"] is None
    frigjort(running, "withdraw", SERIES, "3", "--reason", "wrong", "--by", "method-office")
    assert "published and withdrawn" in frigjort(running, "approve", filed["proposal"], "--by", "third-office", code=1)


def drawn(number: int, **fields: Any) -> dict[str, Any]:
    """A control task, five a case."""
    lot = {"arm": "control", "assignment": "random", "assigned_at": rfc3339(DONE - timedelta(hours=2))}
    case = {"cluster": f"c-{number // 5}", "cluster_kind": "case"}
    return state(f"c-{number}", 1, **{**KIND, **lot, **case, "assistance": "none", "active_ms": 540_000, **fields})


@pytest.mark.timeout(240)
def test_a_baseline_is_renewed_from_its_holdout(start_stack: Callable[..., Running], tmp_path: Path) -> None:
    running = start_stack()
    offices.publish(running.stack.registry(), [CONTENT], datetime.now(UTC))
    assert endings(running) == [False]
    send(running, [drawn(number) for number in range(199)])
    renew = ("renew", SERIES, "--by", "method-office")
    assert "199 control tasks in 40 clusters are weak" in frigjort(running, *renew, code=1)
    others = [drawn(300, arm="treatment"), drawn(301, outcome="abandoned"), drawn(302, complexity="high")]
    send(running, [drawn(199, active_ms=3_000_000, time_basis="elapsed"), *others])

    evidence = tmp_path / "holdout.tsv"
    answer = frigjort(running, *renew, "--evidence", str(evidence))
    assert (answer["becomes"], answer["n"], answer["clusters"]) == (f"{SERIES}/2", 200, 41)
    assert answer["mean_ms"] == 600_000
    assert (answer["unfinished"], answer["induced"]) == (1, 0)
    assert "1 of 201 tasks are not measured time and are left out" in answer["notes"]
    assert answer["sha256"] == hashlib.sha256(evidence.read_bytes()).hexdigest()
    assert frigjort(running, *renew)["proposal"] == answer["proposal"]
    publish(running, answer["proposal"])
    shown = frigjort(running, "show", f"{SERIES}/2")
    assert (shown["method"], shown["grade"], shown["cap_ms"]) == ("holdout", "A", 900_000)
    assert (shown["mean_half_cap_ms"], shown["mean_double_cap_ms"]) == (
        600_000,
        600_000,
    )  # measured: no cap bears on it
    assert shown["standard_error_half_cap_ms"] == shown["standard_error_ms"]
    assert datetime.fromisoformat(shown["valid_from"]) == BEGIN + timedelta(days=120)
    assert datetime.fromisoformat(shown["expires_at"]) == BEGIN + timedelta(days=850)
    assert endings(running) == []
    assert "no version of this series" in frigjort(running, "renew", "other", "--by", "method-office", code=2)
    for version in ("1", "2"):
        frigjort(running, "withdraw", SERIES, version, "--reason", "wrong", "--by", "method-office")
    assert "every version of it is withdrawn" in frigjort(running, *renew, code=1)
