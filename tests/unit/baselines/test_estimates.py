"""From pieces of work to estimates, proposals and task events."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from contracts.events import TaskCompleted
from contracts.identifiers import is_task_type
from contracts.reading import Record, read
from contracts.registry import ProposedBaseline
from services.baselines.estimates import TaskTypeEstimate, estimates, proposal, source_token, task_type_of
from services.baselines.imports import ImportOptions, active_ms, task_events
from services.baselines.work_items import WorkItem

CUT = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = 60_000
AUTHORITY = "10000009"
OPTIONS = ImportOptions(AUTHORITY, "/test", "0" * 64, b"key")


def item(number: int, minutes: float = 5, activity: str = "W_a", case: str = "", hours: float = -24) -> WorkItem:
    completed = CUT + timedelta(hours=hours)
    return WorkItem(
        case or f"c{number}", activity, completed - timedelta(minutes=minutes), completed, f"event {number}"
    )


@pytest.mark.parametrize(
    ("activity", "task_type"),
    [
        ("W_Nabellen offertes", "local:w_nabellen-offertes"),
        ("Høring af børn på Ærø, Århus", "local:hoering-af-boern-paa-aeroe-aarhus"),
        ("A\u030arhus", "local:aarhus"),  # å written as two characters
        ("Prüfung: é", "local:prufung-e"),
        ("__..--", "local:unnamed"),
        ("日本", "local:unnamed"),
        ("x" * 70, "local:" + "x" * 64),
    ],
)
def test_a_task_type_from_a_name(activity: str, task_type: str) -> None:
    assert task_type_of(activity) == task_type


@given(st.text())
def test_every_name_gives_a_task_type_of_the_contract(activity: str) -> None:
    assert is_task_type(task_type_of(activity))


def test_only_work_completed_before_the_cut_counts() -> None:
    before, at = item(1, hours=-1 / 3_600_000), item(2, hours=0)
    (found,) = estimates([before, at, item(3, activity="late only", hours=5)], CUT)
    assert (found.estimate.n, found.task_type, found.window_to) == (1, "local:w_a", before.completed_at)


def test_two_spellings_of_one_task_type_are_one_estimate() -> None:
    (found,) = estimates([item(1, activity="Ring op"), item(2, activity="ring  OP")])
    assert (found.estimate.n, found.activity) == (2, "Ring op / ring  OP")


def test_cases_are_the_clusters() -> None:
    (found,) = estimates([item(n, case=f"c{n % 3}") for n in range(12)])
    assert (found.estimate.n, found.estimate.clusters) == (12, 3)
    assert "3 cases are fewer than 30" in found.verdict.reasons


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([item(n, minutes=7) for n in range(40)], "supported"),
        ([item(n, case="one") for n in range(40)], "unsupported: a single case"),
        ([item(n, minutes=300) for n in range(40)], "unsupported: even a cap of 240 minutes"),
    ],
)
def test_the_verdict_in_words(items: list[WorkItem], verdict: str) -> None:
    (found,) = estimates(items)
    assert str(found.verdict).startswith(verdict)
    assert found.estimate.supported == (verdict == "supported")


def proposed(found: TaskTypeEstimate) -> dict[str, Any]:
    evidence = {"source": "history", "sha256": "0" * 64}
    return proposal(found, {"level": "authority", "authority": AUTHORITY}, evidence, "first", CUT)


def test_a_proposal_is_a_baseline_of_the_contract() -> None:
    (found,) = estimates([item(n, minutes=n) for n in range(40)])
    baseline = ProposedBaseline.model_validate({**proposed(found), "version": 1})
    assert (baseline.n, baseline.clusters, baseline.mean_ms, baseline.cap_ms) == (40, 40, 1_170_000, 60 * MINUTE)
    assert (baseline.mean_half_cap_ms, baseline.mean_double_cap_ms) == (1_102_500, 1_170_000)
    assert baseline.standard_error_double_cap_ms == baseline.standard_error_ms != baseline.standard_error_half_cap_ms
    assert (baseline.complexity, baseline.method, baseline.grade) == ("any", "history", "C")
    assert baseline.expires_at - baseline.valid_from == timedelta(days=730)


def test_what_people_said_is_of_the_lowest_grade_and_has_no_cap() -> None:
    (found,) = estimates([item(n, minutes=300) for n in range(40)], time_basis="self_reported")
    assert found.verdict.word == "supported"
    baseline = ProposedBaseline.model_validate({**proposed(found), "version": 1})
    assert (baseline.cap_ms, baseline.method, baseline.grade) == (None, "self_report", "D")
    assert (baseline.mean_half_cap_ms, baseline.standard_error_double_cap_ms) == (None, None)


def test_what_is_unsupported_is_not_proposed() -> None:
    (found,) = estimates([item(1)])
    with pytest.raises(ValueError, match="unsupported"):
        proposed(found)


@pytest.mark.parametrize(
    ("name", "token"), [("log 2011 æ.xes.gz", "log-2011-.xes.gz"), ("_.csv", "csv"), ("æ", "unnamed")]
)
def test_a_files_name_as_a_token(name: str, token: str) -> None:
    assert source_token(Path("folder") / name) == token


# --- Task events


def test_every_event_keeps_the_contract() -> None:
    for event in task_events([item(n, activity="Høring") for n in range(3)], OPTIONS):
        value = msgspec.json.encode(event)
        headers = (("content-type", b"application/cloudevents+json"),)
        found = read(Record(topics.tasks_topic(AUTHORITY), event["subject"].encode(), headers, value)).event
        assert isinstance(found, TaskCompleted)
        assert (found.data.active_ms, found.data.review_ms, found.data.rework_ms) == (5 * MINUTE, 0, 0)
        assert (found.data.time_basis, found.data.cluster_kind) == ("elapsed", "case")


def test_the_same_file_gives_the_same_tasks_also_in_parts() -> None:
    items = [item(n, hours=n) for n in range(6)]
    whole = list(task_events(items, OPTIONS))
    middle = CUT + timedelta(hours=3)
    early = ImportOptions(AUTHORITY, "/test", "0" * 64, b"key", until=middle)
    late = ImportOptions(AUTHORITY, "/test", "0" * 64, b"key", since=middle)
    assert [*task_events(items, early), *task_events(items[2:], late)] == whole
    assert len({event["id"] for event in whole}) == 6


def test_another_authority_or_file_gives_other_tasks() -> None:
    (one,) = task_events([item(1)], OPTIONS)
    (two,) = task_events([item(1)], ImportOptions("10000017", "/test", "0" * 64, b"key"))
    (three,) = task_events([item(1)], ImportOptions(AUTHORITY, "/test", "1" * 64, b"key"))
    assert len({one["id"], two["id"], three["id"]}) == 3


def test_the_case_is_told_by_a_keyed_token_alone() -> None:
    rows = [item(1, case="2011-173688"), item(2, case="2011-173688"), item(3, case="other")]
    events = list(task_events(rows, OPTIONS))
    clusters = [event["data"]["cluster"] for event in events]
    assert clusters[0] == clusters[1] != clusters[2]
    assert "173688" not in str(events)
    (other_key,) = task_events(rows[:1], ImportOptions(AUTHORITY, "/test", "0" * 64, b"another"))
    assert other_key["data"]["cluster"] != clusters[0]


@pytest.mark.parametrize(("minutes", "percent", "ms"), [(5, 80, 240_000), (90, 80, 2_880_000), (90, 100, 5_400_000)])
def test_a_hypothetical_copy_scales_the_counted_time(minutes: float, percent: int, ms: int) -> None:
    options = ImportOptions(
        AUTHORITY, "/test", "0" * 64, b"key", factor_percent=percent, caps_ms={"local:w_a": 60 * MINUTE}
    )
    assert active_ms(item(1, minutes), options) == ms


def test_a_copy_is_rounded_half_up() -> None:
    odd = WorkItem("c", "W_a", CUT, CUT + timedelta(milliseconds=5), "event 1")
    half = ImportOptions(AUTHORITY, "/test", "0" * 64, b"key", factor_percent=50)
    assert active_ms(odd, half) == 3
