"""Titles, descriptions and names of columns in English and Danish."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders.dashboard import Dashboard

from deploy.grafana.source.danish import DANISH

Language = Literal["en", "da"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "da")


@dataclass(frozen=True, slots=True)
class Say:
    """A text in a language; the English one is its key. Raises `KeyError` for a text without a translation."""

    language: Language

    def __call__(self, english: str) -> str:
        """The text."""
        return english if self.language == "en" else DANISH[english]

    def sector(self, column: str) -> str:
        """An expression for the name of a sector."""
        return self._named(column, {"municipality": "municipalities", "region": "regions", "state": "state agencies"})

    def part(self, column: str) -> str:
        """An expression for how much there is, by the name of a step."""
        texts = {"gross": "gross", "net": "net", "adjusted": "adjusted by the control"}
        return self._named(column, {**texts, "without_control": "net without control, apart"})

    def step(self, column: str) -> str:
        """An expression for the name of a step of the waterfall."""
        names = ("gross", "review", "rework", "abandoned", "escalated", "net", "adjusted")
        texts = {"induced": "induced by AI", "without_control": "without control", "drift": "drift of baselines"}
        return self._named(column, {**{name: name for name in names}, **texts})

    def assistance(self, column: str) -> str:
        """An expression for a kind of assistance."""
        return self._named(
            column,
            {
                "none": "no AI",
                "suggestion": "suggestion",
                "draft": "draft",
                "decision_support": "decision support",
                "automation": "automation",
            },
        )

    def work(self, column: str) -> str:
        """An expression for a kind of work."""
        return self._named(column, {"administrative": "administration", "core": "core task", "": "not stated"})

    def audience(self, column: str) -> str:
        """An expression for whom a task is for."""
        return self._named(
            column, {"citizen": "citizens", "business": "businesses", "internal": "internal", "": "not stated"}
        )

    def _named(self, column: str, texts: Mapping[str, str]) -> str:
        return f"transform(toString({column}), {list(texts)}, {[self(text) for text in texts.values()]}, toString({column}))"

    def dashboard(self, uid: str, title: str, about: str, *, since: str = "now-2y") -> Dashboard:
        """An empty one."""
        return (
            Dashboard(self(title))
            .uid(f"{uid}-{self.language}")
            .description(self(about))
            .tags(["frigjort", self.language])
            .timezone("utc")
            .refresh("30s")
            .time(since, "now")
            .readonly()
        )
