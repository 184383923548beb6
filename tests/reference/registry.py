"""The registry, read a second time: which baseline was in force for a task, at any generation. From the design's words."""

import json
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from tests.reference.fields import Moment, moment

_GRADES: Final = {
    "randomised": "A",
    "holdout": "A",
    "concurrent": "B",
    "history": "C",
    "expert_estimate": "D",
    "self_report": "D",
}


class Baseline(NamedTuple):
    """What a task needs of a baseline. In force: `begin_ms` <= completed < `end_ms`."""

    generation: int
    baseline: str
    version: int
    level: str
    grade: str
    begin_ms: int
    end_ms: int
    mean_ms: int
    cap_ms: int | None


class Book:
    """The registry at one generation."""

    def __init__(self, generation: int, messages: Iterable[dict[str, Any]]) -> None:
        self.generation = generation
        self._sectors: dict[str, tuple[tuple[int, int], str]] = {}
        self._scopes: dict[tuple[str, str, str, str], list[Baseline]] = {}
        self._known: dict[tuple[str, str, str], list[Baseline]] = {}
        told = [(message["type"].split(".")[2:4], message["data"]) for message in messages]
        withdrawn = {(data["baseline"], data["version"]) for kind, data in told if kind[1] == "withdrawn"}
        for kind, data in told:
            if kind == ["authority", "registered"]:
                rank = (data["version"], data["generation"])
                self._sectors[data["authority"]] = max(
                    self._sectors.get(data["authority"], (rank, "")), (rank, data["sector"])
                )
            elif kind == ["baseline", "published"] and (data["baseline"], data["version"]) not in withdrawn:
                self._publish(data)
        for baselines in self._scopes.values():
            baselines.sort(reverse=True)  # the newest generation first

    def _publish(self, data: dict[str, Any]) -> None:
        owner = {"authority": data.get("authority"), "sector": data.get("sector"), "nation": ""}[data["level"]]
        scope = (data["level"], str(owner), data["task_type"], data["complexity"])
        self._scopes.setdefault(scope, []).append(
            Baseline(
                generation=data["generation"],
                baseline=data["baseline"],
                version=data["version"],
                level=data["level"],
                grade=_GRADES[data["method"]],
                begin_ms=_ms(data["valid_from"]),
                end_ms=min(_ms(data["valid_to"]), _ms(data["expires_at"])),
                mean_ms=data["mean_ms"],
                cap_ms=data.get("cap_ms"),
            )
        )

    def match(self, authority: str, task_type: str, complexity: str, completed_ms: int) -> Baseline | None:
        """The most specific baseline in force at the task's completion: authority, else sector, else nation; in each its
        complexity, else any. Of several in one scope the newest generation."""
        asked = (authority, task_type, complexity)
        candidates = self._known.get(asked)
        if candidates is None:
            levels = [("authority", authority), ("nation", "")]
            if authority in self._sectors:
                levels.insert(1, ("sector", self._sectors[authority][1]))
            scopes = [(*level, task_type, wanted) for level in levels for wanted in (complexity, "any")]
            candidates = [baseline for scope in scopes for baseline in self._scopes.get(scope, ())]
            self._known[asked] = candidates
        for baseline in candidates:
            if baseline.begin_ms <= completed_ms < baseline.end_ms:
                return baseline
        return None


class Registry:
    """Every message of the registry, in any order, more than once too. Raises where two contents have one generation."""

    def __init__(self, messages: Iterable[bytes | str | dict[str, Any]]) -> None:
        self._told: dict[int, dict[str, Any]] = {}
        self._books: dict[int, Book] = {}
        for message in messages:
            event = message if isinstance(message, dict) else json.loads(message)
            before = self._told.setdefault(event["data"]["generation"], event)
            if (before["type"], before["data"]) != (event["type"], event["data"]):
                raise ValueError(f"two contents under generation {event['data']['generation']}")

    @property
    def generation(self) -> int:
        """The newest number; 0 for none."""
        return max(self._told, default=0)

    def at(self, generation: int) -> Book:
        """The registry when `generation` was the newest that was applied."""
        if generation not in self._books:
            self._books[generation] = Book(generation, (m for g, m in self._told.items() if g <= generation))
        return self._books[generation]


def _ms(text: str) -> int:
    found = moment(text)
    if not isinstance(found, Moment):
        raise TypeError(f"{text!r} is no moment")
    return int(found)
