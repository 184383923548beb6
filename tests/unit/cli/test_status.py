"""The glance as a terminal shows it."""

import io
import re
from datetime import UTC, datetime

from rich.console import Console

from services.cli.status.pipeline import Collectors, Keeping, Pipeline
from services.cli.status.screen import glance
from services.domain.effect.refusal import Refusal
from services.domain.effect.waterfall import Step
from services.domain.figures.shapes import TOTAL, Counts, Figure, Scope
from services.domain.forecast.pace import required
from services.reports.progress import Progress, Target

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = 3_600_000
COUNTS = Counts(1_000, 990, 10, 0, treated=600, control=200, compared=190, controlled=500, provisional=60, excluded=0)
STEPS = (
    Step("without_control", -2_000 * HOUR, -3_000.0 * HOUR, -1_000.0 * HOUR),
    Step("adjusted", 10_000 * HOUR, 9_000.0 * HOUR, 11_000.0 * HOUR),
)
TARGET = Target(50e6 * HOUR, datetime(2036, 1, 1, tzinfo=UTC), {"goal": 1666.67}, "C", {})
NUMBER = Progress(
    target=TARGET,
    published_at=NOW,
    total=Figure(Scope("nation"), TOTAL, COUNTS, STEPS, "A", "C", None, 0),
    rate=Refusal("no month with AI is complete"),
    pace=required(TARGET.freed_ms, 12_000 * HOUR, NOW, TARGET.deadline),
    scenarios={},
    errors={},
    months=(),
    until=(),
)
COLLECTORS = Collectors(2, 5_000, 4_900, 100, 7, 1, 0, 3, NOW.timestamp() - 30)
KEEPING = Keeping(False, 4, 7, 1, 0.0, 0, 120.0, NOW.timestamp() - 5, 2)


def lines(number: Progress | Refusal, pipeline: Pipeline) -> list[str]:
    output = io.StringIO()
    Console(file=output, force_terminal=True, width=80).print(glance(number, pipeline, NOW, 12.0))
    return re.sub(r"\x1b\[[0-9;]*m", "", output.getvalue()).splitlines()


def test_every_line_is_shown_and_none_is_too_long() -> None:
    shown = lines(NUMBER, Pipeline({"http://a": (), "http://b": ("a [partition] is halted",)}, COLLECTORS, KEEPING))
    text = " ".join(" ".join(line.strip("│ ") for line in shown).split())
    assert {len(line) for line in shown} == {80}
    for words in (
        "12,000.0 hours so far, 0.024% of 50,000,000 by 2035",
        "adjusted 10,000.0 (9,000.0 … 11,000.0), grade A",
        "without control 2,000.0 (1,000.0 … 3,000.0), grade C",
        "1,000: 600 with AI, 200 control, 10 unmeasured, 60 provisional",
        "No run-rate: no month with AI is complete.",
        "5,000 (12 a second): 4,900 accepted, 100 rejected since they started",
        "7 records; last stored 30 s ago",
        "not whole; 4 offsets missing, 1 findings",
        "2 authorities whose baselines do not hold",
        "http://b: a [partition] is halted",
    ):
        assert words in text, words


def test_before_the_first_figure_it_says_so() -> None:
    nobody = Pipeline({"http://a": ("does not answer",)}, Collectors(0, 0, 0, 0, 0, 0, 0, 0, None), None)
    text = " ".join(lines(Refusal("no figure is published yet"), nobody))
    assert "Nothing yet: no figure is published yet." in text
    assert "last stored never" in text
    assert not nobody.well
