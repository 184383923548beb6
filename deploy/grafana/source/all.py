"""Every dashboard in both languages, as files."""

from collections.abc import Callable
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.source import ai_in_use, authority, pipeline, progress, quality, trust
from deploy.grafana.source.words import LANGUAGES, Say

_DASHBOARDS: Final[tuple[Callable[[Say], Any], ...]] = (
    progress.dashboard,
    authority.dashboard,
    ai_in_use.dashboard,
    quality.dashboard,
    trust.dashboard,
    pipeline.dashboard,
)


def generated() -> dict[str, str]:
    """The files by their path below `dashboards`."""
    files = {}
    for language in LANGUAGES:
        for make in _DASHBOARDS:
            built = make(Say(language)).build()
            for number, panel in enumerate(built.panels or [], start=1):
                panel.id_val = number
            text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(built)
            files[f"{language}/{built.uid.removesuffix(f'-{language}')}.json"] = text + "\n"
    return files
