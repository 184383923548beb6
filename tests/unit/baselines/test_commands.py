"""The commands as a person runs them: what they print, what they write, what they answer to a mistake."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.reading import Record, read
from contracts.topics import tasks_topic

AUTHORITY = "10000009"
PEOPLE = ("--proposed-by", "a", "--approved-by", "b")
LONG_NAME = "En meget lang betegnelse for en sagsgang"


def frigjort(*arguments: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "services.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "sager 2025.csv"
    rows = [f"s{n},{LONG_NAME},2025-12-{n % 28 + 1:02d}T{n % 12:02d}:59:00Z,{n % 7 + 1}" for n in range(60)]
    rows += ["x,Sjælden,2025-06-01T00:30:00+01:00,5", "x,Sjælden,2025-06-01T02:30:00+02:00,500"]
    file.write_text("sag,art,slut,minutter\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return file


COLUMNS = ("--case-column", "sag", "--activity-column", "art", "--completion-column", "slut", "--duration-column")


def test_an_estimate_is_printed_whole_and_written(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "estimates.json"
    ended = frigjort("baseline", "estimate", "--from", str(log), *COLUMNS, "minutter", "-o", str(output))
    assert ended.returncode == 0, ended.stderr
    assert "…" not in ended.stdout
    assert "1 of 2 task types are supported." in ended.stdout
    assert "local:sjaelden is unsupported: even a cap of 240 minutes" in " ".join(ended.stdout.split())
    written = json.loads(output.read_text())
    assert (written["source"], written["items"], len(written["estimates"])) == ("sager-2025.csv", 62, 2)


def test_a_cut_with_an_offset_is_the_moment_it_says(log: Path) -> None:
    cut = ("--before", "2025-06-01T01:30:00+01:00", "--prefix", "Sj", "--json")
    ended = frigjort("baseline", "estimate", "--from", str(log), *COLUMNS, "minutter", *cut)
    (found,) = json.loads(ended.stdout)["estimates"]
    assert (found["n"], found["window_to"]) == (1, datetime(2025, 5, 31, 23, 30, tzinfo=UTC).isoformat())


def test_measured_time_has_no_cap(log: Path) -> None:
    measured = ("--time-basis", "measured", "--json")
    ended = frigjort("baseline", "estimate", "--from", str(log), *COLUMNS, "minutter", *measured)
    assert {entry["cap_ms"] for entry in json.loads(ended.stdout)["estimates"]} == {None}


def test_an_import_writes_events_of_the_contract(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "events.jsonl"
    options = ("--authority", AUTHORITY, "--key", "k", "--until", "2025-12-01", "--work", "administrative", "--json")
    ended = frigjort("import", "csv", str(log), *COLUMNS, "minutter", *options, "-o", str(output))
    assert json.loads(ended.stdout)["sent"] == 2
    for line in output.read_bytes().splitlines():
        event = json.loads(line)
        headers = (("content-type", b"application/cloudevents+json"),)
        read(Record(tasks_topic(AUTHORITY), event["subject"].encode(), headers, line))
        assert event["data"]["work"] == "administrative"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("baseline", "estimate", "--from", "{log}"), "has no column"),
        (("import", "csv", "{log}", "--authority", "10000008", "--key", "k"), "is not a CVR number"),
        (
            ("baseline", "publish", "{log}", *["--level", "nation", "--valid-from", "2026-01-01"], *PEOPLE),
            "not what `frigjort baseline estimate -o` writes",
        ),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(log: Path, arguments: tuple[str, ...], words: str) -> None:
    ended = frigjort(*(argument.format(log=log) for argument in arguments))
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
