"""The registry that goes with the workload: authorities, and baselines of every level, for a part of the tasks and of the time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from tests.reference.workload import KINDS, START

SECTORS: Final = ("municipality", "region", "state")


def authority_entries(among: Sequence[str]) -> list[dict[str, Any]]:
    """The authorities as the registry's writer takes them."""
    return [
        {"authority": cvr, "name": f"Lastkommune {number}", "sector": SECTORS[number % len(SECTORS)]}
        for number, cvr in enumerate(among)
    ]


def drafts(among: Sequence[str], factor_percent: int = 100) -> list[dict[str, Any]]:
    """Baselines for the nation (any complexity), a sector (one complexity) and an authority (in force for a part of the
    time only), as they are proposed. `factor_percent` makes other contents, hence new versions."""
    proposals = []
    for number, (task_type, complexity) in enumerate(KINDS[:-1]):
        mean = (15 + 20 * number) * 600 * factor_percent
        scopes: list[dict[str, Any]] = [
            {"level": "nation", "complexity": "any"},
            {"level": "sector", "sector": SECTORS[number % 3], "complexity": complexity.decode()},
            {"level": "authority", "authority": among[number % len(among)], "complexity": complexity.decode()},
        ]
        for level, scope in enumerate(scopes):
            series = f"{scope['level']}/{task_type.decode().partition(':')[2]}/{scope['complexity']}"
            proposals.append(_draft(series, task_type.decode(), mean + level * 60_000, scope))
    return list({proposal["baseline"]: proposal for proposal in proposals}.values())


def baselines(among: Sequence[str]) -> list[dict[str, Any]]:
    """The same as they are published first, but for the generation."""
    return [{**draft, "version": 1, "approved_by": "finance-office"} for draft in drafts(among)]


def registry(among: Sequence[str]) -> list[dict[str, Any]]:
    """Events of the registry's topic: the authorities, every baseline, then other versions of some, one of them withdrawn."""
    told = [("authority.registered", {**entry, "version": 1}) for entry in authority_entries(among)]
    first = baselines(among)
    told += [("baseline.published", proposal) for proposal in first]
    told += [("baseline.published", {**p, "version": 2, "mean_ms": p["mean_ms"] + 90_000}) for p in first[::3]]
    withdrawal = {"version": 2, "reason": "wrong-file", "withdrawn_by": "finance-office"}
    told.append(("baseline.withdrawn", {"baseline": first[0]["baseline"], **withdrawal}))
    return [registry_event(kind, {**data, "generation": number}) for number, (kind, data) in enumerate(told, start=1)]


def registry_event(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """An event of the registry, such as `baseline.published`."""
    what = "authority/{authority}/{version}" if kind.startswith("authority") else "{baseline}/{version}"
    subject = what.format(**data) + ("/withdrawn" if kind.endswith("withdrawn") else "")
    event_type = f"dk.frigjort.{kind}.v1"
    return {
        "specversion": "1.0",
        "id": f"{subject}-{data['generation']}",
        "source": "/load/registry",
        "type": event_type,
        "subject": subject,
        "partitionkey": subject,
        "time": "2026-01-01T00:00:00Z",
        "dataschema": f"urn:frigjort:schema:{event_type}",
        "data": data,
    }


def _draft(series: str, task_type: str, mean: int, scope: dict[str, Any]) -> dict[str, Any]:
    begin = START + timedelta(days=20 if scope["level"] == "authority" else -365)
    end = START + timedelta(days=60 if scope["level"] == "authority" else 365)
    window = {"window_from": "2024-01-01T00:00:00Z", "window_to": "2025-01-01T00:00:00Z"}
    return {
        "baseline": series,
        "task_type": task_type,
        **scope,
        "valid_from": begin.isoformat().replace("+00:00", "Z"),
        "valid_to": end.isoformat().replace("+00:00", "Z"),
        "expires_at": end.isoformat().replace("+00:00", "Z"),
        "n": 4_000,
        "clusters": 1_200,
        "mean_ms": mean,
        "standard_error_ms": 20_000,
        "median_ms": mean // 2,
        "p90_ms": mean * 2,
        "cap_ms": 3_600_000,
        "method": "history",
        "evidence": {"source": "load", "sha256": "0" * 64, **window},
        "proposed_by": "method-office",
    }
