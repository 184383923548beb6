"""`frigjort config show`: every setting, where it comes from, and no secret."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.config import PROCESSES
from services.cli.main import app

RUN = CliRunner()
SERVICES = Path(__file__).parents[3] / "services"
SECRET = "a-secret-of-the-collector-of-32-characters"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("FRIGJORT_")]:
        monkeypatch.delenv(name)


def shown(process: str = "collector") -> tuple[int, dict[str, tuple[str, str]], list[str]]:
    """Exit code, (value, origin) by variable, problems."""
    result = RUN.invoke(app, ["config", "show", "--json", "--process", process])
    answer: dict[str, Any] = json.loads(result.stdout)[process]
    settings = {entry["variable"]: (entry["value"], entry["origin"]) for entry in answer["settings"]}
    return result.exit_code, settings, answer["problems"]


def test_every_group_of_settings_belongs_to_a_process() -> None:
    text = "".join(file.read_text() for file in SERVICES.rglob("*.py"))
    groups = {group.__name__ for groups in PROCESSES.values() for group in groups}
    assert groups == set(re.findall(r"^class (\w+)\(Settings\)", text, re.MULTILINE))


def test_values_come_from_the_environment_or_are_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRIGJORT_COLLECTOR_SECRET", SECRET)
    monkeypatch.setenv("FRIGJORT_CLICKHOUSE_PASSWORD", "hemmelig")
    monkeypatch.setenv("frigjort_collector_flush_rows", "500")
    code, settings, problems = shown()
    assert (code, problems) == (0, [])
    assert settings["FRIGJORT_COLLECTOR_FLUSH_ROWS"] == ("500", "environment")
    assert settings["FRIGJORT_COLLECTOR_FLUSH_INTERVAL_MS"] == ("250", "default")
    assert settings["FRIGJORT_KAFKA_IDEMPOTENT_PRODUCER"] == ("True", "default")
    assert settings["FRIGJORT_CLICKHOUSE_PASSWORD"] == ("**********", "environment")


def test_nothing_secret_is_shown_even_where_it_stands_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRIGJORT_CLICKHOUSE_URL", "http://user:hemmelig@db:8123")
    monkeypatch.setenv("FRIGJORT_CLICKHOUSE_PASSWORD", "hemmelig")
    monkeypatch.setenv("FRIGJORT_COLLECTOR_SECRET", SECRET)
    for wrong in ({}, {"FRIGJORT_CLICKHOUSE_PASWORD": "hemmelig"}, {"FRIGJORT_COLLECTOR_SECRET": SECRET[:20]}):
        for name, value in wrong.items():
            monkeypatch.setenv(name, value)
        for options in ([], ["--json"]):
            result = RUN.invoke(app, ["config", "show", *options])
            assert "db:8123" in result.output or wrong
            assert "hemmelig" not in result.output
            assert SECRET[:20] not in result.output


def test_what_is_missing_or_unknown_is_said_and_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRIGJORT_KAFKA_SERVERS", "x:9092")
    code, settings, problems = shown()
    assert code == 1
    assert settings["FRIGJORT_COLLECTOR_SECRET"] == ("", "missing")
    assert settings["FRIGJORT_KAFKA_SERVERS"] == ("", "unknown")
    assert len(problems) == 3
    assert any("FRIGJORT_KAFKA_SERVERS: unknown setting" in text for text in problems)
    text = RUN.invoke(app, ["config", "show"], env={"COLUMNS": "100"}).stdout
    assert "collector would not start: FRIGJORT_COLLECTOR_SECRET: Field required" in text
