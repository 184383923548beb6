"""Which part a task has in a comparison of work with and without AI."""

from typing import Literal

from contracts.tasks import Arm, Assistance

Role = Literal["treated", "control", "comparison"]


def role_of(arm: Arm | None, assistance: Assistance) -> Role:
    """The role of a task, as drawn (intention to treat). The view `measured_roles` says the same in SQL.

    - `control`: arm `control`, whatever then happened, AI or not: taking out those that got AI after all would leave a
      selection.
    - `treated`: arm `treatment`, AI or not; or no arm and assistance other than `none`.
    - `comparison`: no arm and assistance `none`. Somebody chose these tasks to be done without AI, so what they show is
      not causal: they never enter an adjustment.
    """
    if arm is not None:
        return "control" if arm == "control" else "treated"
    return "comparison" if assistance == "none" else "treated"
