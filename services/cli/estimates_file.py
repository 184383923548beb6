"""The file between `frigjort baseline estimate` and `frigjort baseline propose`: JSON, readable, with every figure in it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from services.baselines.estimates import TaskTypeEstimate
from services.domain.estimation.diagnosis import Diagnosis
from services.domain.estimation.estimate import Estimate, OtherCaps
from services.runtime.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Estimates:
    """What was estimated from one source: its name and digest, what was counted in it, and the estimates."""

    source: str
    sha256: str
    counts: Mapping[str, int]
    found: list[TaskTypeEstimate]

    def as_json(self) -> dict[str, Any]:
        """The content of the file; also the answer of `--json`."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            **self.counts,
            "estimates": [_as_json(entry) for entry in self.found],
        }

    def write(self, file: Path) -> None:
        """Writes the file."""
        file.write_text(json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_estimates(file: Path) -> tuple[dict[str, str], list[TaskTypeEstimate]]:
    """The evidence (source and sha256) and the estimates of a file. Raises `Misconfigured` where it is none."""
    try:
        answer = json.loads(file.read_text(encoding="utf-8"))
        evidence = {"source": answer["source"], "sha256": answer["sha256"]}
        graded = any("grade" in entry for entry in answer["estimates"])
        found = [_from_json(entry) for entry in answer["estimates"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(str(file), f"not what `frigjort baseline estimate -o` writes ({error!r})") from error
    if graded:
        raise Misconfigured(str(file), "grade: it follows from the method and cannot be given: leave it out")
    return evidence, found


def _as_json(entry: TaskTypeEstimate) -> dict[str, Any]:
    numbers = asdict(entry.estimate)
    verdict = entry.verdict
    return {
        "activity": entry.activity,
        "task_type": entry.task_type,
        "complexity": entry.complexity,
        "n": numbers.pop("n"),
        "cases": numbers.pop("clusters"),
        **numbers,
        "window_from": entry.window_from.isoformat(),
        "window_to": entry.window_to.isoformat(),
        "method": entry.method,
        "verdict": verdict.word,
        "reasons": verdict.reasons,
        "notes": verdict.notes,
        "diagnosis": asdict(entry.diagnosis),
    }


def _from_json(entry: dict[str, Any]) -> TaskTypeEstimate:
    numbers = {name: entry[name] for name in Estimate.__dataclass_fields__ if name not in {"clusters", "other_caps"}}
    other_caps = msgspec.convert(entry["other_caps"], OtherCaps | None)
    return TaskTypeEstimate(
        activity=entry["activity"],
        task_type=entry["task_type"],
        estimate=Estimate(**numbers, clusters=entry["cases"], other_caps=other_caps),
        diagnosis=msgspec.convert(entry["diagnosis"], Diagnosis),
        window_from=datetime.fromisoformat(entry["window_from"]),
        window_to=datetime.fromisoformat(entry["window_to"]),
        method=entry["method"],
        complexity=entry["complexity"],
    )
