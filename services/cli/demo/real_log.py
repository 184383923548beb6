"""The demo's real part: a log of real casework, its earlier half as the baseline, its later half as tasks."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from contracts import topics
from contracts.reading import STRUCTURED_HEADERS
from services.baselines.estimates import TaskTypeEstimate, estimates, proposal, sha256_of
from services.baselines.imports import ImportOptions, task_events
from services.baselines.work_items import ReadingCounts, WorkItem
from services.baselines.xes import read_xes
from services.cli.demo.case_systems import Message
from services.cli.demo.offices import METHOD_OFFICE

CUT: Final = datetime(2012, 1, 1, tzinfo=UTC)
WITHOUT_AI: Final = "10000009"
WITH_AI: Final = "10000017"
FACTOR_PERCENT: Final = 80
_FILE: Final = Path(__file__).resolve().parents[4] / "shared" / "data" / "bpic2012.xes.gz"


def default_file() -> Path:
    """The log beside the project, or the one that FRIGJORT_DEMO_LOG names."""
    named = os.environ.get("FRIGJORT_DEMO_LOG")  # noqa: TID251 - where a demo finds its input
    return Path(named) if named else _FILE


@dataclass(frozen=True, slots=True)
class RealLog:
    """A log, read: its pieces of work, the digest of its file, and the estimates from before the cut."""

    items: list[WorkItem]
    sha256: str
    estimates: list[TaskTypeEstimate]

    @classmethod
    def read(cls, path: Path) -> "RealLog":
        """Reads the log. Raises `ValueError` where it is not XES."""
        items = list(read_xes(path, ReadingCounts(), "W_"))
        return cls(items, sha256_of(path), estimates(items, CUT))

    def baselines(self) -> list[dict[str, Any]]:
        """Drafts for both authorities: the same evidence, so their errors are one error."""
        evidence = {"source": "bpic2012", "sha256": self.sha256}
        return [
            proposal(found, {"level": "authority", "authority": authority}, evidence, METHOD_OFFICE, CUT)
            for authority in (WITHOUT_AI, WITH_AI)
            for found in self.estimates
            if found.estimate.supported
        ]

    def options(self, authority: str) -> ImportOptions:
        """How an authority reports the tasks after the cut."""
        caps = {e.task_type: e.estimate.cap_ms for e in self.estimates if e.estimate.cap_ms is not None}
        with_ai = authority == WITH_AI
        return ImportOptions(
            authority=authority,
            source="/demo/real-log",
            file_sha256=self.sha256,
            key=b"demo",
            assistance="draft" if with_ai else "none",
            since=CUT,
            caps_ms=caps,
            factor_percent=FACTOR_PERCENT if with_ai else 100,
        )

    def messages(self, authority: str) -> Iterator[Message]:
        """The task events of one of the two authorities."""
        for event in task_events(self.items, self.options(authority)):
            key = event["subject"].encode()
            yield topics.tasks_topic(authority), key, msgspec.json.encode(event), STRUCTURED_HEADERS
