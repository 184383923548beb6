"""Which state is stale, from the design's words: the registry has said something newer that concerns it."""

from collections.abc import Iterable, Mapping
from typing import Any

from contracts.events import RegistryEvent
from contracts.registry import Authority, Baseline, BaselineWithdrawal


def newer_generation(state: Mapping[str, Any], events: Iterable[RegistryEvent]) -> int:
    """The newest number that concerns a state (a row of `measurements` as a dictionary); 0 for none.

    A baseline: of the state's authority, its sector or the nation, for its task type, for its complexity or any, in force
    when it was completed. A withdrawal: as the baseline. An authority: the registration of the state's own one, the first
    and, if it ever changed its sector, every one.
    """
    said = [event.data for event in events]
    own = [data for data in said if isinstance(data, Authority) and data.authority == state["authority"]]
    sector = max(own, key=lambda data: (data.version, data.generation)).sector if own else ""
    numbers = [0]
    if own:
        first_or_last = max if len({data.sector for data in own}) > 1 else min
        numbers.append(first_or_last(data.generation for data in own))
    for baseline in (data for data in said if isinstance(data, Baseline)):
        if _concerns(baseline, state, sector):
            numbers.append(baseline.generation)
            numbers += [
                data.generation
                for data in said
                if isinstance(data, BaselineWithdrawal)
                and (data.baseline, data.version) == (baseline.baseline, baseline.version)
            ]
    return max(numbers)


def _concerns(baseline: Baseline, state: Mapping[str, Any], sector: str) -> bool:
    return (
        baseline.authority in {None, state["authority"]}
        and baseline.sector in {None, sector}
        and baseline.task_type == state["task_type"]
        and baseline.complexity in {"any", state["complexity"]}
        and baseline.valid_from <= state["completed_at"] < min(baseline.valid_to, baseline.expires_at)
    )
