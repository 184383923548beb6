"""Which baseline a task is measured against: the examples a newcomer would ask about."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.registry import Authority, BaselineWithdrawal
from services.domain.match import Registry
from tests.properties.domain.strategies import AUTHORITIES, TASK_TYPES, baseline, day, event

HOME = AUTHORITIES[0]
AT = day(5)


def registered(generation: int, sector: str, version: int = 1) -> Authority:
    fields = {"authority": HOME, "version": version, "generation": generation, "name": "Eksempel", "sector": sector}
    return Authority.model_validate(fields)


def matched(*data: Any, complexity: str = "low", at: Any = AT) -> int | None:
    found = Registry().apply(map(event, data)).match(HOME, TASK_TYPES[0], complexity, at)
    return None if found is None else found.generation


def test_the_level_is_asked_before_the_complexity() -> None:
    place = registered(1, "state")
    nation = baseline(2, complexity="low")
    sector = baseline(3, level="sector", sector="state", complexity="any")
    own = baseline(4, level="authority", authority=HOME, complexity="any")
    own_exact = baseline(5, level="authority", authority=HOME, complexity="low")
    assert matched(place, nation, sector, own, own_exact) == 5
    assert matched(place, nation, sector, own) == 4
    assert matched(place, nation, sector) == 3
    assert matched(place, nation) == 2
    assert (
        matched(place, nation, baseline(3, level="authority", authority=HOME, complexity="low"), complexity="high")
        is None
    )


def test_the_baseline_of_a_sector_is_for_registered_authorities_of_that_sector() -> None:
    sector = baseline(1, level="sector", sector="state")
    assert matched(sector) is None
    assert matched(sector, registered(2, "region")) is None
    assert matched(sector, registered(2, "state")) == 1


def test_the_newest_version_of_an_authority_says_its_sector() -> None:
    sector = baseline(1, level="sector", sector="state")
    assert matched(sector, registered(3, "region", version=2), registered(2, "state", version=1)) is None
    assert matched(sector, registered(3, "state", version=2), registered(2, "region", version=1)) == 1


@pytest.mark.parametrize(
    ("offset_ms", "found"),
    [(-86_400_001, None), (-86_400_000, 1), (0, 1), (86_400_000 - 1, 1), (86_400_000, None)],
)
def test_in_force_is_half_open(offset_ms: int, found: int | None) -> None:
    only = baseline(1, valid_from=day(4), valid_to=day(6))
    assert matched(only, at=AT + timedelta(milliseconds=offset_ms)) == found


def test_an_expired_baseline_is_not_matched_though_it_would_be_valid() -> None:
    assert matched(baseline(1, expires_at=AT)) is None
    assert matched(baseline(1, expires_at=AT + timedelta(milliseconds=1))) == 1


def test_a_withdrawn_version_uncovers_the_one_before_it() -> None:
    first, second = baseline(1, baseline="b", version=1), baseline(2, baseline="b", version=2)
    withdrawal = BaselineWithdrawal(baseline="b", version=2, generation=3, reason="wrong", withdrawn_by="second")
    assert matched(first, second) == 2
    assert matched(first, second, withdrawal) == 1
    assert matched(withdrawal, second, first) == 1
