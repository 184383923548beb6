"""What `frigjort baseline estimate -o` writes, read again."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from services.baselines.estimates import TaskTypeEstimate
from services.domain.estimate import Estimate
from services.runtime.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Read:
    """One estimate of a file; `unsupported` is its verdict where it supports no baseline, else empty."""

    found: TaskTypeEstimate
    unsupported: str


def read_estimates(file: Path) -> tuple[dict[str, str], list[Read]]:
    """Source and digest of the log, and its estimates. Raises `Misconfigured` where the file is no such thing.

    A verdict in the file that says unsupported stands, whatever the numbers say.
    """
    try:
        answer = json.loads(file.read_text(encoding="utf-8"))
        evidence = {"source": answer["source"], "sha256": answer["sha256"]}
        entries = [(entry, _from_json(entry)) for entry in answer["estimates"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(str(file), f"not what `frigjort baseline estimate -o` writes ({error!r})") from error
    if any("grade" in entry for entry, _ in entries):
        raise Misconfigured(str(file), "grade: it follows from the method and cannot be given: leave it out")
    return evidence, [Read(found, _unsupported(entry, found)) for entry, found in entries]


def _unsupported(entry: dict[str, Any], found: TaskTypeEstimate) -> str:
    if not found.estimate.supported:
        return found.verdict
    said = str(entry.get("verdict", ""))
    return said if said.startswith("unsupported") else ""


def _from_json(entry: dict[str, Any]) -> TaskTypeEstimate:
    return TaskTypeEstimate(
        activity=entry["activity"],
        task_type=entry["task_type"],
        estimate=Estimate(
            n=entry["n"],
            clusters=entry["cases"],
            mean_ms=entry["mean_ms"],
            standard_error_ms=entry["standard_error_ms"],
            median_ms=entry["median_ms"],
            p90_ms=entry["p90_ms"],
            cap_ms=entry["cap_ms"],
            capped_share=entry["capped_share"],
            raw_mean_ms=entry["raw_mean_ms"],
            time_basis=entry["time_basis"],
        ),
        window_from=datetime.fromisoformat(entry["window_from"]),
        window_to=datetime.fromisoformat(entry["window_to"]),
    )
