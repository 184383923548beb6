"""The real log, against figures that were published with it and a second computation."""

from datetime import UTC, datetime, timedelta
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


def test_every_task_type_before_the_cut_has_the_cap_and_mean_of_a_second_computation(items: list[WorkItem]) -> None:
    found = estimates(items, CUT)
    assert sum(entry.estimate.n for entry in found) == 37_184
    assert sum(item.completed_at >= CUT for item in items) == 34_187
    for entry in found:
        raw = [i.duration_ms for i in items if i.activity == entry.activity and i.completed_at < CUT]
        cap = next(cap for cap in CAPS_MS if sum(ms > cap for ms in raw) <= 0.02 * len(raw))
        assert (entry.estimate.supported, entry.estimate.cap_ms) == (True, cap)
        assert entry.estimate.mean_ms == pytest.approx(sum(min(ms, cap) for ms in raw) / len(raw), abs=0.5)
        other = entry.estimate.other_caps
        assert other is not None
        for mean, limit in ((other.mean_half_cap_ms, cap // 2), (other.mean_double_cap_ms, 2 * cap)):
            assert mean == pytest.approx(sum(min(ms, limit) for ms in raw) / len(raw), abs=0.5)


def test_what_the_verdicts_say_of_a_real_log(items: list[WorkItem]) -> None:
    found = {entry.activity: entry for entry in estimates(items, CUT)}
    assert {name: entry.verdict.reasons for name, entry in found.items() if entry.verdict.reasons} == {
        "W_Afhandelen leads": (
            "the second half of the window took 21 % more time per task than the first (95 % interval +5 to +40 %)",
        ),
        "W_Beoordelen fraude": ("one case holds 21 % of the time: the mean would be another without it",),
    }
    offers = found["W_Nabellen offertes"].diagnosis
    assert offers.tasks_per_case == pytest.approx(12_055 / 2_709)
    assert offers.splitting is not None
    assert offers.splitting.ratio == pytest.approx(1.21, abs=0.005)
    # The log goes on until 14 March 2012: what was completed 90 days before that has had its time.
    last = max(item.completed_at for item in items)
    young = sum(last - timedelta(days=90) < item.completed_at < CUT for item in items)
    assert sum(entry.diagnosis.immature for entry in found.values()) == young == 6_680
