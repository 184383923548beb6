"""The role of a task by arm and assistance, every combination, as docs/measuring.md has it in section 1."""

from typing import Final, get_args

from contracts.tasks import Arm, Assistance
from services.domain.effect.roles import Role

ASSISTANCES: Final[tuple[Assistance, ...]] = get_args(Assistance)

ROLES: Final[tuple[tuple[Arm | None, Assistance, Role], ...]] = (
    *(("control", assistance, "control") for assistance in ASSISTANCES),
    *(("treatment", assistance, "treated") for assistance in ASSISTANCES),
    *((None, assistance, "comparison" if assistance == "none" else "treated") for assistance in ASSISTANCES),
)
