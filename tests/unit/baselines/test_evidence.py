"""No baseline without its numbers and where they come from; the grade follows from the method."""

from typing import Any

import pytest

from services.baselines.proposals import Draft
from services.baselines.registry import Registry
from services.runtime.errors import Misconfigured
from tests.unit.baselines.drafts import NOW, content, publish, refused
from tests.unit.baselines.worlds import MemoryStore

OTHER_CAPS = {
    "cap_ms": 900_000,
    "mean_half_cap_ms": 1_000,
    "standard_error_half_cap_ms": 12,
    "mean_double_cap_ms": 1_000,
    "standard_error_double_cap_ms": 8,
}


def test_what_is_said_of_other_caps_is_published(registry: Registry) -> None:
    publish(registry, content("a", **OTHER_CAPS))
    (version,) = registry.book().versions.values()
    assert {name: getattr(version.baseline, name) for name in OTHER_CAPS} == OTHER_CAPS


@pytest.mark.parametrize(
    "missing", ["evidence", "n", "clusters", "mean_ms", "standard_error_ms", "method", "proposed_by"]
)
def test_without_its_evidence_nothing_is_proposed(registry: Registry, store: MemoryStore, missing: str) -> None:
    draft = {name: value for name, value in content("a").items() if name != missing}
    with pytest.raises(Misconfigured, match=f"a: {missing} is missing: no baseline without its numbers"):
        registry.propose([Draft(draft)], NOW)
    assert store.filed == {}


@pytest.mark.parametrize("missing", ["source", "sha256", "window_from", "window_to"])
def test_no_part_of_the_evidence_may_be_missing(registry: Registry, missing: str) -> None:
    draft = content("a")
    draft["evidence"] = {name: value for name, value in draft["evidence"].items() if name != missing}
    with pytest.raises(Misconfigured, match=f"evidence.{missing} is missing"):
        registry.propose([Draft(draft)], NOW)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"grade": "A"}, "grade: it follows from the method and cannot be given"),
        ({"evidence": {**content("a")["evidence"], "sha256": "abc"}}, "evidence.sha256: the string does not have"),
        ({"valid_to": "2026-01-01T00:00:00Z"}, "valid_to is after valid_from"),
        ({"clusters": 101}, "no more clusters than tasks"),
        ({**OTHER_CAPS, "cap_ms": None}, "stand together and with cap_ms alone"),
        *(({**OTHER_CAPS, name: None}, "stand together") for name in OTHER_CAPS if name != "cap_ms"),
        ({**OTHER_CAPS, "mean_half_cap_ms": 1_001}, "a mean does not fall where the cap rises"),
        ({**OTHER_CAPS, "mean_double_cap_ms": 999}, "a mean does not fall where the cap rises"),
        ({**OTHER_CAPS, "mean_double_cap_ms": -1}, "mean_double_cap_ms: "),
        ({"method": "guess"}, "method: the value is not one of the allowed ones"),
        ({"proposed_by": "0101011234"}, "never a personal number"),
    ],
)
def test_what_breaks_the_contract_is_named(
    registry: Registry, store: MemoryStore, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(Misconfigured, match=words) as caught:
        registry.propose([Draft(content("a", **fields))], NOW)
    assert "0101011234" not in str(caught.value)
    assert store.filed == {}


@pytest.mark.parametrize(
    ("method", "grade"),
    [("randomised", "A"), ("holdout", "A"), ("concurrent", "B"), ("history", "C"), ("expert_estimate", "D"), ("self_report", "D")],
)  # fmt: skip
def test_the_grade_follows_from_the_method(registry: Registry, method: str, grade: str) -> None:
    publish(registry, content("a", method=method))
    (version,) = registry.book().versions.values()
    assert version.baseline.grade == grade


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"clusters": 1}, "unsupported: a single case or team"),
        ({"p90_ms": 899}, "90th percentile is below its median"),
        ({"valid_to": "2028-01-02T00:00:00.001Z", "expires_at": "2028-01-02T00:00:00.001Z"}, "later than 24 months"),
    ],
)
def test_what_no_baseline_may_be_is_refused(
    registry: Registry, store: MemoryStore, fields: dict[str, Any], words: str
) -> None:
    refused(store, lambda: registry.propose([Draft(content("a", **fields))], NOW), words)
