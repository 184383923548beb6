"""The real log, against figures that were published with it and a second computation."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from services.baselines.estimates import estimates
from services.baselines.work_items import ReadingCounts, WorkItem
from services.baselines.xes import read_xes
from tests.reference.log import CAPS_MS, pairs

LOG = Path(__file__).resolve().parents[4] / "shared" / "data" / "bpic2012.xes.gz"
CUT = datetime(2012, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the real log is not beside the project")


@pytest.fixture(scope="module")
def counts() -> ReadingCounts:
    return ReadingCounts()


@pytest.fixture(scope="module")
def items(counts: ReadingCounts) -> list[WorkItem]:
    return list(read_xes(LOG, counts, "W_"))


def test_every_pair_is_found_and_the_rest_is_counted(items: list[WorkItem], counts: ReadingCounts) -> None:
    assert len(items) == counts.items == 71_371
    assert len({item.activity for item in items}) == 6
    assert (counts.starts_without_completion, counts.completions_without_start) == (5, 1_042)
    assert counts.completed_before_started == 0
    assert len({item.place for item in items}) == len(items)


def test_the_same_pairs_as_a_second_reader(items: list[WorkItem]) -> None:
    assert [(i.case, i.activity, i.started_at, i.completed_at) for i in items] == pairs(LOG)


def test_the_times_are_as_published(items: list[WorkItem]) -> None:
    seconds = np.array([i.duration_ms for i in items if i.activity == "W_Completeren aanvraag"]) / 1000
    assert len(seconds) == 23_511
    assert [
        round(float(f)) for f in (np.median(seconds), seconds.mean(), np.percentile(seconds, 95), seconds.max())
    ] == [
        160,
        613,
        1_075,
        244_731,
    ]


def test_every_task_type_before_the_cut_supports_a_baseline(items: list[WorkItem]) -> None:
    found = estimates(items, CUT)
    assert sum(entry.estimate.n for entry in found) == 37_184
    assert sum(item.completed_at >= CUT for item in items) == 34_187
    for entry in found:
        raw = [i.duration_ms for i in items if i.activity == entry.activity and i.completed_at < CUT]
        cap = next(cap for cap in CAPS_MS if sum(ms > cap for ms in raw) <= 0.02 * len(raw))
        assert (entry.verdict, entry.estimate.cap_ms) == ("supported", cap)
        assert entry.estimate.mean_ms == pytest.approx(sum(min(ms, cap) for ms in raw) / len(raw), abs=0.5)
