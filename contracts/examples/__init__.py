"""Example records: valid ones, and invalid ones with the verdict that they must get. Part of the contract."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from contracts.codes import RejectionCode
from contracts.reading import Record

FOLDER: Final = Path(__file__).parent
AUTHORITY: Final = "10000009"
"""The authority of every example: a number that passes the check and belongs to nobody."""
CANARY: Final = "010190-1234"
"""Something like a CPR number, found in examples and nowhere else."""


@dataclass(frozen=True, slots=True)
class Example:
    """A record, and for an invalid one the code and field path of its verdict."""

    name: str
    record: Record
    code: RejectionCode | None = None
    path: str = ""

    def of(self, authority: str) -> "Example":
        """The same example on the topic of another authority."""
        old, new = AUTHORITY.encode(), authority.encode()
        record = self.record
        value = None if record.value is None else record.value.replace(old, new)
        key = None if record.key is None else record.key.replace(old, new)
        topic = record.topic.replace(AUTHORITY, authority)
        return replace(self, record=Record(topic, key, record.headers, value))


def valid() -> Iterator[Example]:
    """The valid examples, in the order of their names."""
    return load(FOLDER / "valid")


def invalid() -> Iterator[Example]:
    """The invalid examples, in the order of their names."""
    return load(FOLDER / "invalid")


def load(folder: Path) -> Iterator[Example]:
    """The examples whose files stand in a folder, in the order of their names."""
    for file in sorted(folder.glob("*.json")):
        stored = json.loads(file.read_text(encoding="utf-8"))
        record = Record(
            stored["topic"],
            _bytes(stored, "key"),
            tuple(
                (name, base64.b64decode(value) if encoded else value.encode())
                for name, value, encoded in stored["headers"]
            ),
            _bytes(stored, "value"),
        )
        expected = stored.get("expected")
        code = RejectionCode(expected["code"]) if expected else None
        yield Example(file.stem, record, code, expected["path"] if expected else "")


def store(example: Example) -> str:
    """An example as the text of its file."""
    record = example.record
    document: dict[str, Any] = {"topic": record.topic, **_text("key", record.key)}
    document["headers"] = [_header(name, value) for name, value in record.headers]
    document |= _text("value", record.value)
    if example.code is not None:
        document["expected"] = {"code": example.code.value, "path": example.path}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _header(name: str, value: bytes) -> list[Any]:
    try:
        return [name, value.decode(), False]
    except UnicodeDecodeError:
        return [name, base64.b64encode(value).decode(), True]


def _text(name: str, value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {name: None}
    try:
        return {name: value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value).decode()}


def _bytes(stored: dict[str, Any], name: str) -> bytes | None:
    if f"{name}_base64" in stored:
        return base64.b64decode(stored[f"{name}_base64"])
    text = stored[name]
    return None if text is None else str(text).encode()
