"""`frigjort events validate` as a supplier uses it."""

import json
from pathlib import Path

from typer.testing import CliRunner

from contracts.examples import CANARY, invalid, valid
from contracts.reading import STRUCTURED
from services.cli.main import app

RUN = CliRunner()
STRUCTURED_HEADERS = (("content-type", STRUCTURED.encode()),)


def test_valid_files_pass(tmp_path: Path) -> None:
    files = []
    for example in valid():
        if example.record.headers == STRUCTURED_HEADERS:
            file = tmp_path / f"{example.name}.json"
            file.write_bytes(example.record.value or b"")
            files.append(str(file))
    result = RUN.invoke(app, ["events", "validate", *files])
    assert result.exit_code == 0, result.output
    assert f"{len(files)} events checked, 0 invalid" in result.output


def test_every_structured_fault_is_named_with_its_remedy(tmp_path: Path) -> None:
    for example in invalid():
        value = example.record.value
        needs_the_record = example.code in {"task_mismatch", "wrong_topic", "authority_mismatch", "empty_value"}
        if example.record.headers != STRUCTURED_HEADERS or value is None or needs_the_record or b"\n" in value.strip():
            continue
        if example.name in {"json-list", "personal-number-as-key"}:
            continue  # an array of events is a file format here; the key is the record's
        file = tmp_path / "event.json"
        file.write_bytes(value)
        result = RUN.invoke(app, ["events", "validate", str(file), "--authority", "10000009"])
        assert result.exit_code == 1, example.name
        assert str(example.code) in result.output, (example.name, result.output)
        assert "Remedy:" in result.output
        assert CANARY not in result.output


def test_lines_are_numbered_and_json_is_machine_readable(tmp_path: Path) -> None:
    good = next(e for e in valid() if e.name == "completed").record.value or b""
    file = tmp_path / "events.jsonl"
    file.write_bytes(good + b"\n" + good.replace(b"1200000", b"-5") + b"\n")
    result = RUN.invoke(app, ["events", "validate", str(file), "--json"])
    assert result.exit_code == 1
    first, second = (json.loads(line) for line in result.output.splitlines())
    assert first["valid"] is True
    assert (second["place"], second["code"], second["path"]) == (f"{file}:2", "out_of_range", "data.active_ms")


def test_an_unknown_field_is_named_to_its_supplier_alone(tmp_path: Path) -> None:
    good = next(e for e in valid() if e.name == "completed").record.value or b""
    file = tmp_path / "event.json"
    file.write_bytes(good.replace(b'"work":', b'"caseworker": "x", "work":'))
    assert "field `caseworker`" in RUN.invoke(app, ["events", "validate", str(file)]).output


def test_an_unreadable_file_is_a_usage_error(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["events", "validate", str(tmp_path / "none.json")])
    assert result.exit_code == 2


def test_a_type_that_is_no_text_is_answered_in_words(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"type": ["dk.frigjort.task.completed.v1"], "data": {}}')
    result = RUN.invoke(app, ["events", "validate", str(file)])
    assert result.exit_code == 1
    assert "wrong_type at type" in result.output
