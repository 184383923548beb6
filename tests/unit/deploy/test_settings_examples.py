"""The examples of settings: the real classes load them, nothing is missing, unknown, or another than the default it claims."""

import itertools
import os
import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from services.cli.config import PROCESSES
from services.runtime.settings import Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
GROUPS = sorted({group for groups in PROCESSES.values() for group in groups}, key=lambda group: group.__name__)
LINE = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)


def variables(name: str) -> dict[str, str]:
    found = LINE.findall((DEPLOY / name).read_text())
    assert len(found) == len(dict(found)), "a variable stands twice"
    return dict(found)


@pytest.fixture(params=["minimal.env", "reference.env"])
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The environment holds this example and nothing else of ours."""
    for name in [name for name in os.environ if name.upper().startswith("FRIGJORT_")]:
        monkeypatch.delenv(name)
    for name, value in variables(request.param).items():
        monkeypatch.setenv(name, value)
    return str(request.param)


@pytest.mark.usefixtures("example")
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_both_examples_load_and_change_no_default(group: type[Settings]) -> None:
    loaded = group.load()
    for name, field in group.model_fields.items():
        if field.default is not PydanticUndefined:
            assert getattr(loaded, name) == field.default, name


def test_the_reference_has_every_setting_and_no_other() -> None:
    assert set(variables("reference.env")) == {name for group in GROUPS for name in group.variables().values()}


def test_the_minimum_is_what_is_required() -> None:
    required = {
        group.variables()[name] for group in GROUPS for name, field in group.model_fields.items() if field.is_required()
    }
    assert set(variables("minimal.env")) == required


def test_every_setting_of_the_reference_is_explained_with_its_default() -> None:
    lines = (DEPLOY / "reference.env").read_text().splitlines()
    required = set(variables("minimal.env"))
    for before, line in itertools.pairwise(lines):
        if found := LINE.match(line):
            name, value = found.groups()
            ending = "No default: required" if name in required else f"Default: {value}"
            assert before.startswith("# "), name
            assert before.endswith(ending), name
            for unit, word in {
                "_SECONDS": "seconds",
                "_MS": "milliseconds",
                "_BYTES": "bytes",
                "_DAYS": "days",
            }.items():
                assert not name.endswith(unit) or word in before, name
