"""The arithmetic of a measurement, written out with its numbers. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """A state's figures under a span of generations: from `since` on, before `until` (none: to this day). Milliseconds; a part
    that is unknown is none."""

    since: int
    until: int | None
    time_basis: str
    assistance: str
    origin: str
    outcome: str
    active_ms: int
    review_ms: int | None
    rework_ms: int | None
    baseline: str
    baseline_version: int
    baseline_level: str
    cap_ms: int | None
    status: str
    counted_active_ms: int
    effort_ms: int
    credit_ms: int | None
    saved_ms: int | None

    def covers(self, generation: int) -> bool:
        """Whether they hold under this generation."""
        return self.since <= generation and (self.until is None or generation < self.until)


@dataclass(frozen=True, slots=True)
class Step:
    """A line of the arithmetic: what it gives, how, and the milliseconds (none: not known, or none given)."""

    name: str
    how: str
    ms: int | None


def steps(figures: Figures) -> list[Step]:
    """The lines in order; the last is what the task saved."""
    return [_active(figures), _effort(figures), _credit(figures), _saved(figures)]


def _active(f: Figures) -> Step:
    if f.time_basis != "elapsed":
        how = f"active {f.active_ms:,}; no idle cap, since its time is {f.time_basis.replace('_', ' ')}"
    elif not f.baseline:
        how = f"active {f.active_ms:,}; no idle cap without a baseline"
    elif f.cap_ms is None:
        how = f"active {f.active_ms:,}; its baseline carries no idle cap"
    else:
        how = f"min(active {f.active_ms:,}, idle cap {f.cap_ms:,})"
    return Step("counted active", how, f.counted_active_ms)


def _effort(f: Figures) -> Step:
    parts = [f"counted active {f.counted_active_ms:,}"]
    for name, ms in (("review", f.review_ms), ("rework", f.rework_ms)):
        parts.append(f"{name} unknown" if ms is None else f"{name} {ms:,}")
    return Step("effort", " + ".join(parts), f.effort_ms)


def _credit(f: Figures) -> Step:
    if f.outcome != "completed":
        return Step("credit", f"none: the task was {f.outcome}", None)
    if f.origin != "pre_existing":
        return Step("credit", "none: the task exists only because of AI (induced)", None)
    if not f.baseline:
        return Step("credit", "none: no baseline was in force for it", None)
    return Step("credit", f"mean of {f.baseline} version {f.baseline_version} ({f.baseline_level})", f.credit_ms)


def _saved(f: Figures) -> Step:
    if f.status == "unmeasured":
        return Step("saved", "not known: unmeasured until a baseline comes", None)
    if f.status == "incomplete":
        return Step("saved", "not known: with AI, and review or rework is unknown", None)
    credit = "no credit" if f.credit_ms is None else f"credit {f.credit_ms:,}"
    return Step("saved", f"{credit} − effort {f.effort_ms:,}", f.saved_ms)
