"""A baseline from numbers that somebody gives, with where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from services.baselines.estimates import EXPIRES_AFTER, rfc3339, sha256_of, source_token
from services.cli.moments import utc
from services.runtime.errors import Misconfigured

_WHAT: Final = "a proposal by hand"
_OTHER_CAPS: Final = (
    *("mean-half-cap-ms", "standard-error-half-cap-ms"),
    *("mean-double-cap-ms", "standard-error-double-cap-ms"),
)


class CapMinutes(StrEnum):
    """The idle caps of the design."""

    M15 = "15"
    M30 = "30"
    M60 = "60"
    M120 = "120"
    M240 = "240"


@dataclass(frozen=True, slots=True)
class Source:
    """The evidence: a file whose digest is taken here, or a digest and a name."""

    file: Path | None
    sha256: str
    name: str

    def evidence(self, window: tuple[datetime, datetime]) -> dict[str, str]:
        """The contract's evidence. Raises `Misconfigured` where name and digest are not both known."""
        if self.file is not None and self.sha256 and sha256_of(self.file) != self.sha256:
            raise Misconfigured("--sha256", f"{self.file} has another digest: {sha256_of(self.file)}")
        if self.file is None and not self.name:
            raise Misconfigured("--source-name", "with --sha256 the data set needs a name")
        return {
            "source": self.name or (source_token(self.file) if self.file else ""),
            "sha256": self.sha256 or (sha256_of(self.file) if self.file else ""),
            "window_from": rfc3339(window[0]),
            "window_to": rfc3339(window[1]),
        }


def content(
    numbers: Mapping[str, Any], source: Source, scope: Mapping[str, str], people: str, valid_from: datetime
) -> dict[str, Any]:
    """The fields of a proposed baseline but the version. `numbers`: by the names of the options, without `--`.

    Raises `Misconfigured` that names every option that is missing.
    """
    required = ("task-type", "method", "n", "clusters", "mean-ms", "standard-error-ms", "median-ms", "p90-ms")
    missing = [f"--{name}" for name in (*required, "window-from", "window-to") if numbers.get(name) in (None, "")]
    if source.file is None and not source.sha256:
        missing.append("--source (or --sha256 with --source-name)")
    if missing:
        raise Misconfigured(
            _WHAT,
            f"missing evidence: {', '.join(missing)}; no number without where it comes from, or give an estimates file",
        )
    window = utc(numbers["window-from"]), utc(numbers["window-to"])
    cap, complexity, task_type = numbers["cap-minutes"], numbers["complexity"], str(numbers["task-type"])
    whose = scope.get("authority") or scope.get("sector") or "nation"
    part = "" if complexity == "any" else f"/{complexity}"
    return {
        "baseline": numbers["series"] or f"{whose}/{task_type.removeprefix('local:')}{part}",
        **scope,
        "task_type": task_type,
        "complexity": complexity,
        "valid_from": rfc3339(valid_from),
        "valid_to": rfc3339(valid_from + EXPIRES_AFTER),
        "expires_at": rfc3339(valid_from + EXPIRES_AFTER),
        **{name.replace("-", "_"): numbers[name] for name in required[1:]},
        "cap_ms": None if cap is None else int(cap) * 60_000,
        **{name.replace("-", "_"): numbers[name] for name in _OTHER_CAPS},
        "between_authority_sd_ms": numbers["between-authority-sd-ms"],
        "evidence": source.evidence(window),
        "proposed_by": people,
    }
