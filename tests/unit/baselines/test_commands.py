"""The commands as a person runs them: what they print, what they write, what they answer to a mistake."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.reading import Record, read
from contracts.topics import tasks_topic
from services.baselines.csv_source import read_csv
from services.baselines.estimates import estimates
from services.baselines.work_items import LogColumns, ReadingCounts
from services.cli.estimates_file import Estimates, read_estimates
from services.cli.main import app

RUN = CliRunner()
AUTHORITY = "10000009"
PROPOSE = ("baseline", "propose", "--valid-from", "2026-01-01", "--by", "a", "--level")
BY_HAND = ("--task-type", "local:a", "--method", "history", "--n", "40", "--clusters", "12", "--mean-ms", "1000",
           "--standard-error-ms", "10", "--median-ms", "900", "--p90-ms", "2000", "--window-from", "2025-01-01",
           "--window-to", "2025-06-01")  # fmt: skip
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
    assert max(map(len, ended.stdout.splitlines())) <= 80
    said = " ".join(ended.stdout.split())
    assert "2 task types: 1 supported, 1 unsupported." in said
    assert "local:sjaelden unsupported 2 1" in said
    assert (
        "– even a cap of 240 minutes would cut 50.0 % of the tasks, more than 2 % – a single case says nothing" in said
    )
    assert said.count("All: review and rework time is not in the source") == 1
    assert "62 pieces of work in the source, 62 used; 60 younger than 90 days at its end." in said
    written = json.loads(output.read_text())
    assert (written["source"], written["items"], len(written["estimates"])) == ("sager-2025.csv", 62, 2)


def test_review_and_rework_are_effort_and_a_part_that_is_missing_is_said(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    rows = [f"s{n},x,2025-12-{n % 28 + 1:02d}T12:00:00Z,7,1,{'' if n < 10 else 2}" for n in range(100)]
    file.write_text("case,activity,completed_at,m,check,redo\n" + "\n".join(rows), encoding="utf-8")
    parts = ("--duration-column", "m", "--review-column", "check", "--rework-column", "redo")
    command = ["baseline", "estimate", "--from", str(file), *parts]
    shown = " ".join(RUN.invoke(app, command).stdout.split())
    assert "10 of 100 tasks have no review or rework time and are left out: it is unknown" in shown
    (found,) = json.loads(RUN.invoke(app, [*command, "--json"]).stdout)["estimates"]
    assert (found["n"], found["mean_ms"], found["verdict"], found["method"]) == (90, 600_000, "weak", "history")
    assert found["diagnosis"]["parts"] == {"review": True, "rework": True, "lacking": 10}
    assert len(found["reasons"]) == 2  # and none of its tasks has had ninety days
    later = RUN.invoke(app, [*command, "--observed-until", "2026-06-01", "--json"]).stdout
    (mature,) = json.loads(later)["estimates"]
    assert (mature["diagnosis"]["immature"], len(mature["reasons"])) == (0, 1)


def test_estimates_are_read_as_they_were_written(log: Path, tmp_path: Path) -> None:
    output = tmp_path / "estimates.json"
    columns = LogColumns("sag", "art", completed="slut", duration="minutter")
    found = estimates(list(read_csv(log, ReadingCounts(), columns)))
    Estimates("log", "0" * 64, {"items": 62}, found).write(output)
    assert read_estimates(output) == ({"source": "log", "sha256": "0" * 64}, found)


def test_a_cut_with_an_offset_is_the_moment_it_says(log: Path) -> None:
    cut = ("--before", "2025-06-01T01:30:00+01:00", "--prefix", "Sj", "--json")
    ended = frigjort("baseline", "estimate", "--from", str(log), *COLUMNS, "minutter", *cut)
    (found,) = json.loads(ended.stdout)["estimates"]
    assert (found["n"], found["window_to"]) == (1, datetime(2025, 5, 31, 23, 30, tzinfo=UTC).isoformat())


def test_measured_time_has_no_cap(log: Path) -> None:
    measured = ("--time-basis", "measured", "--json")
    ended = frigjort("baseline", "estimate", "--from", str(log), *COLUMNS, "minutter", *measured)
    found = json.loads(ended.stdout)["estimates"]
    assert {(entry["cap_ms"], entry["other_caps"]) for entry in found} == {(None, None)}


def test_elapsed_time_is_estimated_at_half_and_double_the_cap_too(log: Path) -> None:
    ended = frigjort("baseline", "estimate", "--from", str(log), *COLUMNS, "minutter", "--json")
    for entry in json.loads(ended.stdout)["estimates"]:
        at = entry["other_caps"]
        assert (at is None) == (entry["cap_ms"] is None)
        if at is not None:
            assert at["mean_half_cap_ms"] <= entry["mean_ms"] <= at["mean_double_cap_ms"] <= entry["raw_mean_ms"]


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
        (("baseline", "estimate", "--from", "{log}"), "csv: has no column activity"),
        (
            ("baseline", "estimate", "--from", "{log}", *COLUMNS, "minutter", "--prefix", "none"),
            "holds no piece of work of an activity that begins with none",
        ),
        (
            ("baseline", "estimate", "--from", "{log}", *COLUMNS, "minutter", "--before", "2001-01-01"),
            "none of 62 pieces of work was completed before 2001-01-01",
        ),
        (("baseline", "estimate", "--from", "{other}"), "other.xlsx: only .xes and .csv (plain or .gz) and .parquet"),
        (("baseline", "estimate-controls", "10000008"), "10000008 is not a CVR number"),
        (("import", "csv", "{log}", "--authority", "10000008", "--key", "k"), "is not a CVR number"),
        ((*PROPOSE, "nation", "{log}"), "not what `frigjort baseline estimate -o` writes"),
        ((*PROPOSE, "nation"), "missing evidence: --task-type, --method, --n, --clusters, --mean-ms"),
        ((*PROPOSE, "nation", *BY_HAND), "missing evidence: --source (or --sha256 with --source-name)"),
        (
            (*PROPOSE, "nation", *BY_HAND, "--sha256", "0" * 64),
            "--source-name: with --sha256 the data set needs a name",
        ),
        ((*PROPOSE, "nation", *BY_HAND, "--source", "{log}", "--sha256", "0" * 64), "has another digest: "),
        ((*PROPOSE, "nation", *BY_HAND, "--source", "{log}", "--grade", "A"), "No such option: --grade"),
        ((*PROPOSE, "nation", *BY_HAND, "--source", "{log}", "--method", "gut-feeling"), "'gut-feeling' is not one of"),
        ((*PROPOSE, "nation", "{log}", "--n", "40"), "--n: the file has the evidence"),
        ((*PROPOSE, "nation", "--whose", AUTHORITY, "{log}"), "--whose: a baseline of the nation is nobody's"),
        ((*PROPOSE, "authority", "--whose", "10000008", "{log}"), "--whose: '10000008' is not a CVR number"),
        ((*PROPOSE, "sector", "--whose", "church", "{log}"), "--whose: 'church' is not a sector"),
        (
            ("baseline", "propose", "--level", "nation", "--valid-from", "2026-01-01", "--by", "a b"),
            "--by: not a token",
        ),
        (("baseline", "approve", "12345678", "--by", "0101011234"), "--by: not a token"),
        (
            ("baseline", "renew", "a", "--by", "a", "--window-from", "2026-02-01", "--window-to", "2026-01-01"),
            "ends before",
        ),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(log: Path, arguments: tuple[str, ...], words: str) -> None:
    other = log.with_name("other.xlsx")
    other.write_bytes(b"PK")
    ended = frigjort(*(argument.format(log=log, other=other) for argument in arguments), columns=200)
    assert ended.returncode == 2
    assert words in " ".join(re.sub(r"[│╭╮╰╯─]", " ", ended.stderr).split())
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("entry", "code", "words"),
    [
        ({"cases": 1}, 1, "unsupported: a single case says nothing"),
        ({"cap_ms": None}, 1, "unsupported: even a cap of 240 minutes"),
        ({"grade": "A"}, 2, "grade: it follows from the method and cannot be given"),
    ],
)
@pytest.mark.parametrize("named", [(), ("--task-type", "local:en-meget-lang-betegnelse-for-en-sagsgang")])
def test_an_estimate_that_supports_nothing_is_not_proposed(
    log: Path, tmp_path: Path, entry: dict[str, Any], code: int, words: str, named: tuple[str, ...]
) -> None:
    output = tmp_path / "estimates.json"
    frigjort("baseline", "estimate", "--from", str(log), *COLUMNS, "minutter", "--prefix", "En", "-o", str(output))
    written = json.loads(output.read_text())
    written["estimates"][0] |= entry
    output.write_text(json.dumps(written))
    ended = frigjort(*PROPOSE, "nation", str(output), *named, "--data", str(tmp_path))
    assert ended.returncode == code
    assert words in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
