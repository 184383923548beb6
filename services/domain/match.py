"""Which baseline a task is measured against: the registry's state at a generation, and the most specific match in it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from contracts.events import AuthorityRegistered, BaselinePublished, BaselineWithdrawn, RegistryEvent
from contracts.registry import Authority, Baseline, ProposedBaseline

Scope = tuple[str, str, str, str]
"""(level, whose: CVR, sector or "", task type, complexity)"""


class TwoContentsForOneGenerationError(Exception):
    """Two registry events carry the same generation and differ: nothing that reads the registry may go on."""

    def __init__(self, generation: int) -> None:
        super().__init__(f"generation {generation} has two contents")
        self.generation = generation


def scope_of(baseline: ProposedBaseline) -> Scope:
    """The scope that a baseline is for."""
    whose = baseline.authority or baseline.sector or ""
    return (baseline.level, whose, baseline.task_type, baseline.complexity)


@dataclass(frozen=True, slots=True)
class Registry:
    """All that the registry has said up to a generation; the same whatever the order in which it was heard.

    A generation stands for all numbers up to it, so that a figure under it can only come out in one way. What was heard
    beyond a number that is missing is kept apart in `early`, and applied when that number comes.
    """

    events: dict[int, RegistryEvent] = field(default_factory=dict)
    early: dict[int, RegistryEvent] = field(default_factory=dict)

    def apply(self, events: Iterable[RegistryEvent]) -> "Registry":
        """The registry with these events too. Raises `TwoContentsForOneGenerationError`."""
        known = self.heard
        for event in events:
            before = known.setdefault(event.data.generation, event)
            if before.data != event.data:
                raise TwoContentsForOneGenerationError(event.data.generation)
        applied: dict[int, RegistryEvent] = {}
        while (number := len(applied) + 1) in known:
            applied[number] = known.pop(number)
        return Registry(applied, known)

    @property
    def heard(self) -> dict[int, RegistryEvent]:
        """By number: what is applied, and what waits for a number before it."""
        return self.events | self.early

    @property
    def generation(self) -> int:
        """The newest number applied; 0 for none."""
        return len(self.events)

    def authorities(self) -> dict[str, Authority]:
        """The newest version of each authority."""
        newest: dict[str, Authority] = {}
        for event in self.events.values():
            if isinstance(event, AuthorityRegistered):
                held = newest.get(event.data.authority)
                if held is None or (held.version, held.generation) < (event.data.version, event.data.generation):
                    newest[event.data.authority] = event.data
        return newest

    def baselines(self) -> list[Baseline]:
        """Every version that may be matched, in the order of generations: published and not withdrawn."""
        withdrawn = {
            (event.data.baseline, event.data.version)
            for event in self.events.values()
            if isinstance(event, BaselineWithdrawn)
        }
        published = [event.data for event in self.events.values() if isinstance(event, BaselinePublished)]
        kept = [baseline for baseline in published if (baseline.baseline, baseline.version) not in withdrawn]
        return sorted(kept, key=lambda baseline: baseline.generation)

    def match(self, authority: str, task_type: str, complexity: str, completed_at: datetime) -> Baseline | None:
        """The most specific baseline in force at `completed_at`.

        Authority before sector before nation, and only within a level the complexity itself before `any`: what an
        authority measured at home, for all complexities, is nearer to its task than what others measured for one. In
        force: valid_from <= completed_at < the earlier of valid_to and expires_at. The registry's writer lets no two of one
        scope be in force at a time; of several from before that rule the newest generation.
        """
        registered = self.authorities().get(authority)
        levels = [("authority", authority), ("sector", registered.sector if registered else None), ("nation", "")]
        in_force = [baseline for baseline in self.baselines() if baseline.valid_from <= completed_at < baseline.end]
        by_scope = {scope_of(baseline): baseline for baseline in in_force}
        for level, whose in levels:
            for wanted in (complexity, "any"):
                found = by_scope.get((level, whose, task_type, wanted)) if whose is not None else None
                if found is not None:
                    return found
        return None
