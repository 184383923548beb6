"""The reference model's reading of the contract, against the contract's own examples and against its words in events of load."""

import json
from typing import Any

import pytest

from contracts.examples import AUTHORITY, Example, invalid, valid
from contracts.examples.base import changed
from contracts.reading import STRUCTURED_HEADERS
from tests.reference import reading
from tests.reference.reading import CannotJudgeError, Event, read

OTHER = "10000025"
ON_TASK_TOPICS = [e for e in (*valid(), *invalid()) if e.record.topic.startswith("frigjort.tasks.v1.")]
COMPLETED = next(example for example in valid() if example.name == "completed")


def _code(example: Example) -> str | None:
    record = example.record
    found = read(record.topic, record.key, record.value, record.headers)
    return found if isinstance(found, str) else None


@pytest.mark.parametrize("authority", [AUTHORITY, OTHER])
def test_every_example_gets_its_code(authority: str) -> None:
    for example in ON_TASK_TOPICS:
        assert _code(example.of(authority)) == (None if example.code is None else example.code.value), example.name


def test_no_invalid_example_is_refused_by_the_table_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_examples", dict)
    doubtful = 0
    for example in ON_TASK_TOPICS:
        if example.code is not None:
            try:
                assert _code(example) == example.code.value, example.name
            except CannotJudgeError:
                doubtful += 1
    assert doubtful < 5


def _read(event: dict[str, Any]) -> Event | str:
    record = COMPLETED.record
    return read(record.topic, str(event["subject"]).encode(), json.dumps(event).encode(), STRUCTURED_HEADERS)


def test_it_does_not_guess_which_of_two_faults_is_the_first() -> None:
    event = json.loads(COMPLETED.record.value or b"")
    assert isinstance(_read(event), Event)
    assert _read(changed(event, "data.complexity", "huge")) == "invalid_value"
    with pytest.raises(CannotJudgeError):
        _read(changed(changed(event, "data.complexity", "huge"), "data.active_ms", -1))
    with pytest.raises(CannotJudgeError):
        _read(changed(event, "data.user_note", "x"))
