"""Whether a history supports a baseline, with every reason in words. Each threshold stands here once, with its reason."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from services.domain.caps import CAPS_MS, MOST_CAPPED
from services.domain.diagnosis import Diagnosis
from services.domain.estimate import Estimate
from services.domain.heaping import Heaping
from services.domain.interval import MIN_CLUSTERS
from services.domain.stability import Ratio

SUBSTANTIAL: Final = 0.10
"""A tenth of the mean. The effects to be measured are savings of some 20 %: a baseline that may be off by half of that, with
the time of year or with one case, cannot tell them. It is the bound for a change between the halves of the window, for the
share of one case, and for the share of durations that were rounded."""
SPLIT: Final = 0.25
"""Tasks per case may grow by a quarter: at the ends of a window cases are cut, which moves them by up to a fifth on real
logs without anybody splitting work (docs/measuring.md, section 6)."""
CHANCE: Final = 0.001
"""Heaping is looked for at three steps in each of many task types: at 5 % chance alone would flag every seventh."""
MOST_LACKING: Final = 0.05
"""Tasks without review or rework time are left out. What is not recorded is seldom a random part; where it took twice the
time of the others, a twentieth moves the mean by as much, half of what is substantial."""
MOST_IMMATURE: Final = 0.10
"""Tasks whose rework may still come. Where rework is a tenth of effort, a tenth of such tasks moves the mean by 1 %."""
MIN_CONTROLS: Final = 200
"""So many control tasks, and 30 clusters, are a sufficient control of a cell."""
MOST_ASSISTED: Final = 0.05
"""Control tasks done with AI all the same, counted as they were drawn: with 20 % saved on each, a twentieth takes 1 % off."""
MOST_OF_OTHER_BASIS: Final = 0.05
"""Control tasks whose time was measured in another way, and that are left out: as for tasks that lack a part."""
MOST_WITHOUT_CLUSTER: Final = 0.05
"""Tasks without the token of a case or team are taken for independent, which makes the standard error too small."""

Weight = Literal["unsupported", "weak", "note"]
Word = Literal["supported", "weak", "unsupported"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What speaks against a baseline, and how much; a note should be known and weighs nothing."""

    weight: Weight
    words: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Supported, weak or unsupported: the heaviest finding."""

    word: Word
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not supported without reservation."""
        return tuple(found.words for found in self.findings if found.weight != "note")

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be known besides."""
        return tuple(found.words for found in self.findings if found.weight == "note")

    def __str__(self) -> str:
        return f"{self.word}: {'; '.join(self.reasons)}" if self.reasons else self.word


def judge(estimate: Estimate, found: Diagnosis) -> Verdict:
    """The verdict on an estimate and what was found in its history."""
    findings = (
        *_of_the_estimate(estimate, found),
        *_of_the_time(estimate, found),
        *_of_the_effort(estimate, found),
        *_of_the_draw(estimate, found),
    )
    weights = {finding.weight for finding in findings}
    word: Word = "unsupported" if "unsupported" in weights else "weak" if "weak" in weights else "supported"
    return Verdict(word, findings)


def _of_the_estimate(estimate: Estimate, found: Diagnosis) -> Iterator[Finding]:
    cluster = _cluster(found)
    if estimate.n == 0:
        yield Finding("unsupported", f"none of {found.tasks:,} tasks has both review and rework time")
        return
    if estimate.cap_ms is None and estimate.time_basis == "elapsed":
        cap = f"even a cap of {CAPS_MS[-1] // 60_000} minutes"
        cut = f"would cut {_percent(estimate.capped_share, 1)} of the tasks, more than {_percent(MOST_CAPPED)}"
        yield Finding("unsupported", f"{cap} {cut}")
    elif estimate.cap_ms is not None and estimate.capped_share > MOST_CAPPED:
        cap = f"the cap of {estimate.cap_ms // 60_000} minutes, fixed before AI,"
        yield Finding(
            "weak", f"{cap} cuts {_percent(estimate.capped_share, 1)} of the tasks, more than {_percent(MOST_CAPPED)}"
        )
    if estimate.clusters < 2:
        yield Finding("unsupported", f"a single {cluster} says nothing about the spread")
        return
    if estimate.clusters < MIN_CLUSTERS:
        yield Finding("weak", f"{estimate.clusters} {cluster}s are fewer than {MIN_CLUSTERS}")
    if found.largest_share > SUBSTANTIAL:
        share = _percent(found.largest_share)
        yield Finding("weak", f"one {cluster} holds {share} of the time: the mean would be another without it")


def _of_the_time(estimate: Estimate, found: Diagnosis) -> Iterator[Finding]:
    if found.stability is None:
        if estimate.clusters >= 2:
            yield Finding("note", "one half of the window has too few cases to be compared with the other")
    elif found.stability.beyond(SUBSTANTIAL):
        change = f"{_change(found.stability)} time per task than the first {_interval(found.stability)}"
        yield Finding("weak", f"the second half of the window took {change}")
    if found.splitting is not None and found.splitting.beyond(SPLIT):
        change = (
            f"the second half of the window has {_more(found.splitting)} tasks per case {_interval(found.splitting)}"
        )
        yield Finding("weak", f"{change}: work may have been cut into other pieces")
    heaped = max((h for h in found.heaping if _is_heaped(h)), key=lambda heap: heap.rounded, default=None)
    if heaped is not None:
        yield _heaping(heaped, estimate)


def _is_heaped(heap: Heaping) -> bool:
    return heap.rounded > SUBSTANTIAL and heap.p_value < CHANCE


def _heaping(heap: Heaping, estimate: Estimate) -> Finding:
    share = (
        f"{_percent(heap.share)} of the durations from {heap.from_minutes} minutes on are multiples of {heap.minutes}"
    )
    words = f"{share} minutes, where a smooth distribution has {_percent(heap.expected)}"
    if estimate.time_basis == "self_reported":
        return Finding("note", f"{words}: people round what they report")
    return Finding("weak", f"{words}: they were written in by hand, and are not {estimate.time_basis}")


def _of_the_effort(estimate: Estimate, found: Diagnosis) -> Iterator[Finding]:
    if estimate.n == 0:
        return
    parts = found.parts
    absent = [name for name, held in (("review", parts.review), ("rework", parts.rework)) if not held]
    if absent:
        yield Finding("note", f"{' and '.join(absent)} time is not in the source, so it is no part of this effort")
    if parts.lacking:
        heavy = parts.lacking > MOST_LACKING * found.tasks
        words = (
            f"{parts.lacking:,} of {found.tasks:,} tasks have no review or rework time and are left out: it is unknown"
        )
        yield Finding("weak" if heavy else "note", words)
    if parts.rework and found.immature:
        heavy = found.immature > MOST_IMMATURE * estimate.n
        words = f"{found.immature:,} of {estimate.n:,} tasks were younger than 90 days when last seen: rework may still come"
        yield Finding("weak" if heavy else "note", words)


def _of_the_draw(estimate: Estimate, found: Diagnosis) -> Iterator[Finding]:
    if found.drawn and 0 < estimate.n < MIN_CONTROLS:
        yield Finding("weak", f"{estimate.n} control tasks are fewer than {MIN_CONTROLS}")
    if found.assisted:
        heavy = found.assisted > MOST_ASSISTED * estimate.n
        words = f"{found.assisted:,} of {estimate.n:,} control tasks were done with AI all the same; counted as drawn"
        yield Finding("weak" if heavy else "note", words)
    if found.other_basis:
        all_tasks = found.tasks + found.other_basis
        heavy = found.other_basis > MOST_OF_OTHER_BASIS * all_tasks
        words = f"{found.other_basis:,} of {all_tasks:,} tasks are not {estimate.time_basis} time and are left out"
        yield Finding("weak" if heavy else "note", words)
    if found.without_cluster:
        heavy = found.without_cluster > MOST_WITHOUT_CLUSTER * found.tasks
        words = (
            f"{found.without_cluster:,} of {found.tasks:,} tasks came without a case or team and count as independent"
        )
        yield Finding("weak" if heavy else "note", words)


def _cluster(found: Diagnosis) -> str:
    return "cluster" if found.cluster_kind == "mixed" else found.cluster_kind


def _percent(share: float, decimals: int = 0) -> str:
    return f"{100 * share:.{decimals}f} %"


def _change(ratio: Ratio) -> str:
    return f"{_percent(abs(ratio.ratio - 1))} {'more' if ratio.ratio > 1 else 'less'}"


def _more(ratio: Ratio) -> str:
    return f"{_percent(abs(ratio.ratio - 1))} {'more' if ratio.ratio > 1 else 'fewer'}"


def _interval(ratio: Ratio) -> str:
    return f"(95 % interval {100 * (ratio.low - 1):+.0f} to {100 * (ratio.high - 1):+.0f} %)"
