"""The verdict: each finding at its threshold, in words, and the heaviest of them counts."""

from dataclasses import replace
from typing import Any

import pytest

from services.domain.diagnosis import Diagnosis
from services.domain.estimate import Estimate
from services.domain.heaping import Heaping
from services.domain.history import Parts
from services.domain.stability import Ratio
from services.domain.verdict import judge

MINUTE = 60_000
GOOD = Estimate(1_000, 300, 9 * MINUTE, MINUTE, 8 * MINUTE, 20 * MINUTE, 30 * MINUTE, 0.01, 11 * MINUTE, "elapsed")
SOUND = Diagnosis(
    tasks=1_000,
    cluster_kind="case",
    parts=Parts(review=True, rework=True, lacking=0),
    heaping=(Heaping(5, 700, 0.21, 0.2, 0.3),),
    stability=Ratio(1.05, 0.98, 1.12),
    tasks_per_case=3.3,
    splitting=Ratio(1.1, 1.05, 1.15),
    largest_share=0.02,
    immature=0,
)
HEAPED = Heaping(15, 400, 0.4, 1 / 15, 1e-9)


def test_what_is_sound_is_supported_without_a_word() -> None:
    verdict = judge(GOOD, SOUND)
    assert (verdict.word, verdict.findings, str(verdict)) == ("supported", (), "supported")


@pytest.mark.parametrize(
    ("estimate", "diagnosis", "reason"),
    [
        (
            {"cap_ms": None, "capped_share": 0.034},
            {},
            "even a cap of 240 minutes would cut 3.4 % of the tasks, more than 2 %",
        ),
        ({"clusters": 1}, {}, "a single case says nothing about the spread"),
        ({"clusters": 1}, {"cluster_kind": "team"}, "a single team says nothing about the spread"),
        ({"n": 0, "clusters": 0}, {}, "none of 1,000 tasks has both review and rework time"),
    ],
)
def test_unsupported(estimate: dict[str, Any], diagnosis: dict[str, Any], reason: str) -> None:
    used = replace(GOOD, **estimate)
    verdict = judge(used, replace(SOUND, **diagnosis))
    assert (verdict.word, verdict.reasons) == ("unsupported", (reason,))
    assert not used.supported


@pytest.mark.parametrize(
    ("estimate", "diagnosis", "reason"),
    [
        ({"clusters": 29}, {"cluster_kind": "mixed"}, "29 clusters are fewer than 30"),
        ({}, {"largest_share": 0.101}, "one case holds 10 % of the time: the mean would be another without it"),
        (
            {},
            {"stability": Ratio(0.8, 0.7, 0.9)},
            "the second half of the window took 20 % less time per task than the first (95 % interval -30 to -10 %)",
        ),
        (
            {},
            {"splitting": Ratio(1.5, 1.2, 1.9)},
            "50 % more tasks per case (95 % interval +20 to +90 %): work may have been cut into other pieces",
        ),
        (
            {},
            {"heaping": (replace(HEAPED, minutes=5, share=0.45, expected=0.2), HEAPED)},
            "multiples of 15 minutes, where a smooth distribution has 7 %: they were written in by hand, and are not elapsed",
        ),
        ({"time_basis": "measured", "cap_ms": None}, {"heaping": (HEAPED,)}, "and are not measured"),
        (
            {"n": 940},
            {"parts": Parts(review=True, rework=True, lacking=60)},
            "60 of 1,000 tasks have no review or rework time and are left out: it is unknown",
        ),
        ({}, {"immature": 101}, "101 of 1,000 tasks were younger than 90 days when last seen: rework may still come"),
        ({"n": 199}, {"drawn": True}, "199 control tasks are fewer than 200"),
        ({}, {"assisted": 51}, "51 of 1,000 control tasks were done with AI all the same; counted as drawn"),
        ({}, {"other_basis": 60}, "60 of 1,060 tasks are not elapsed time and are left out"),
        ({}, {"without_cluster": 51}, "51 of 1,000 tasks came without a case or team and count as independent"),
    ],
)
def test_weak(estimate: dict[str, Any], diagnosis: dict[str, Any], reason: str) -> None:
    used = replace(GOOD, **estimate)
    verdict = judge(used, replace(SOUND, **diagnosis))
    assert verdict.word == "weak"
    (found,) = verdict.reasons
    assert found.endswith(reason)
    assert used.supported


@pytest.mark.parametrize(
    ("estimate", "diagnosis"),
    [
        ({"clusters": 30}, {}),
        ({}, {"largest_share": 0.10}),
        ({}, {"stability": Ratio(1.3, 0.99, 1.7)}),
        ({}, {"stability": Ratio(1.09, 1.05, 1.13)}),
        ({}, {"splitting": Ratio(1.24, 1.1, 1.4)}),
        ({}, {"heaping": (replace(HEAPED, p_value=0.001),)}),
        ({}, {"heaping": (replace(HEAPED, share=0.15),)}),  # 9 % of the durations rounded
        ({}, {"immature": 900, "parts": Parts(review=True, rework=False, lacking=0)}),  # nothing there to mature
        ({"n": 150}, {}),
    ],
)
def test_at_the_threshold_it_is_supported(estimate: dict[str, Any], diagnosis: dict[str, Any]) -> None:
    assert judge(replace(GOOD, **estimate), replace(SOUND, **diagnosis)).word == "supported"


@pytest.mark.parametrize(
    ("estimate", "diagnosis", "note"),
    [
        ({"time_basis": "self_reported", "cap_ms": None}, {"heaping": (HEAPED,)}, "people round what they report"),
        ({}, {"stability": None}, "one half of the window has too few cases to be compared"),
        ({}, {"parts": Parts(review=True, rework=False, lacking=0)}, "rework time is not in the source"),
        ({}, {"parts": Parts(review=False, rework=False, lacking=0)}, "review and rework time is not in the source"),
        ({}, {"parts": Parts(review=True, rework=True, lacking=50)}, "50 of 1,000 tasks have no review or rework"),
        ({}, {"immature": 100}, "100 of 1,000 tasks were younger than 90 days"),
        ({}, {"assisted": 50}, "50 of 1,000 control tasks were done with AI"),
        ({}, {"other_basis": 40}, "40 of 1,040 tasks are not elapsed time"),
        ({}, {"without_cluster": 50}, "50 of 1,000 tasks came without a case or team"),
    ],
)
def test_a_note_is_said_and_weighs_nothing(estimate: dict[str, Any], diagnosis: dict[str, Any], note: str) -> None:
    verdict = judge(replace(GOOD, **estimate), replace(SOUND, **diagnosis))
    assert (verdict.word, verdict.reasons) == ("supported", ())
    (found,) = verdict.notes
    assert note in found


def test_the_heaviest_finding_counts_and_every_reason_is_said() -> None:
    verdict = judge(replace(GOOD, cap_ms=None, capped_share=0.05, clusters=12), replace(SOUND, largest_share=0.5))
    assert verdict.word == "unsupported"
    assert len(verdict.reasons) == 3
    assert str(verdict).startswith(
        "unsupported: even a cap of 240 minutes would cut 5.0 % of the tasks, more than 2 %; 12"
    )
