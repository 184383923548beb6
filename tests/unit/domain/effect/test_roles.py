"""Control, treated, comparison: as drawn."""

import pytest

from contracts.tasks import Arm, Assistance
from services.domain.effect.roles import Role, role_of
from tests.reference.roles import ROLES


@pytest.mark.parametrize(("arm", "assistance", "role"), ROLES)
def test_a_task_counts_as_it_was_drawn(arm: Arm | None, assistance: Assistance, role: Role) -> None:
    assert role_of(arm, assistance) == role
