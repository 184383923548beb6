"""Tasks with AI against tasks that were merely done without it. It is shown, and it is not causal.

Nobody drew which tasks AI takes part in. Where people choose the quicker ones, the others are slower without AI having done
anything, and this difference cannot tell that from an effect: no interval covers it, and no mix of the known cells mends it,
since people see more of a task than its cell. So it enters no adjustment, and its grade is never above C.
"""

from dataclasses import dataclass
from typing import Final

from contracts.tasks import TimeBasis
from services.domain.arrays import Integers
from services.domain.effect.balance import PostStratified, post_stratified
from services.domain.effect.grades import Assigned, Evidence, Graded, graded
from services.domain.effect.mix import TaskMix
from services.domain.effect.refusal import Refusal

NOT_CAUSAL: Final = "not causal"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the tasks with AI would have cost at the efforts of those without it in the same cells, less what they cost."""

    post_stratified: PostStratified
    grade: Graded
    label: str = NOT_CAUSAL


def comparison(
    mix: TaskMix,
    effort_ms: Integers,
    assignments: frozenset[Assigned],
    time_bases: frozenset[TimeBasis],
) -> Comparison | Refusal:
    """The comparison of assisted tasks (`mix.treated`) with those whose assistance is none; `effort_ms`: Σ effort of each
    row of the mix, shape (m,). `assignments` and `time_bases`: those that occur among them. Refused where no cell has enough of both."""
    found = post_stratified(mix, effort_ms)
    if isinstance(found, Refusal):
        return found
    return Comparison(found, graded(Evidence(frozenset(), assignments, time_bases, "comparison")))
