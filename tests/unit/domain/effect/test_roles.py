"""Control, treated, comparison: as drawn."""

import pytest

from contracts.tasks import Arm, Assistance
from services.domain.effect.roles import role_of


@pytest.mark.parametrize(
    ("arm", "assistance", "role"),
    [
        ("control", "none", "control"),
        ("control", "automation", "control"),
        ("treatment", "draft", "treated"),
        ("treatment", "none", "treated"),
        (None, "suggestion", "treated"),
        (None, "decision_support", "treated"),
        (None, "none", "comparison"),
    ],
)
def test_a_task_counts_as_it_was_drawn(arm: Arm | None, assistance: Assistance, role: str) -> None:
    assert role_of(arm, assistance) == role
