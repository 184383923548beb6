"""What is set in advance: versions beside each other, and nothing that cannot be."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from services.baselines.targets import TargetVersion, newest, set_target
from services.runtime.errors import Misconfigured

NOW = datetime(2026, 5, 1, tzinfo=UTC)
BEGUN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class MemoryTargets:
    """Holds versions; notes whether a writer was alone when it stored."""

    versions: list[TargetVersion] = field(
        default_factory=lambda: [
            TargetVersion("hours_freed_2035", 1, 50e6, "hours", "the goal", "migration", BEGUN),
            TargetVersion("minimum_grade", 1, 3.0, "grade: 1 is A", "set in advance", "migration", BEGUN),
            TargetVersion("deadline", 1, 2035.0, "year", "the goal", "migration", BEGUN),
            TargetVersion("estimator", 1, 1.0, "1", "measuring", "migration", BEGUN),
        ]
    )
    holders: dict[str, datetime] = field(default_factory=dict)

    def claim(self, holder: str) -> None:
        self.holders[holder] = NOW

    def release(self, holder: str) -> None:
        del self.holders[holder]

    def open_claims(self) -> dict[str, datetime]:
        return self.holders

    def targets(self) -> list[TargetVersion]:
        return self.versions

    def add_target(self, version: TargetVersion) -> None:
        assert len(self.holders) == 1
        self.versions = [version, *self.versions]


def test_a_new_version_stands_beside_the_old_one() -> None:
    store = MemoryTargets()
    version, new = set_target(store, "hours_freed_2035", "60000000", "act 12", "finance-office", NOW)
    assert (version, new) == (TargetVersion("hours_freed_2035", 2, 6e7, "hours", "act 12", "finance-office", NOW), True)
    assert newest(store.versions)["hours_freed_2035"] == version
    assert len(store.versions) == 5
    assert store.holders == {}


def test_the_same_again_changes_nothing_and_another_source_does() -> None:
    store = MemoryTargets()
    first, new = set_target(store, "norm_office", "1850.5", "agreement", "a", NOW)
    assert (first.version, first.unit, new) == (1, "hours per full-time equivalent", True)
    assert set_target(store, "norm_office", "1850.5", "agreement", "b", NOW) == (first, False)
    second, new = set_target(store, "norm_office", "1850.5", "another agreement", "b", NOW)
    assert (second.version, new) == (2, True)


def test_grades_are_letters() -> None:
    version, _ = set_target(MemoryTargets(), "minimum_grade", "b", "decision", "a", NOW)
    assert (version.value, version.unit) == (2.0, "grade: 1 is A")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hours", "1", "is no target: give one of deadline, estimator, hours_freed_2035, minimum_grade"),
        ("hours_freed_2035", "many", "is no number: give hours"),
        ("hours_freed_2035", "0", "is not between"),
        ("hours_freed_2035", "nan", "is not between"),
        ("deadline", "2035.5", "no calendar year"),
        ("deadline", "20350", "is not between"),
        ("minimum_grade", "E", "give A, B, C or D"),
        ("minimum_grade", "3", "give A, B, C or D"),
        ("estimator", "2", "the one estimator there is"),
        ("norm_a", "9000", "hours of one full-time equivalent in a year"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_stored(name: str, value: str, said: str) -> None:
    store = MemoryTargets()
    with pytest.raises(Misconfigured, match=said):
        set_target(store, name, value, "s", "a", NOW)
    assert len(store.versions) == 4
    assert store.holders == {}
