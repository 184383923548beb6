"""Files of events as suppliers write them, and the verdict on each event."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from contracts import topics
from contracts.codes import EXPLANATIONS, Violation
from contracts.events import REGISTRY_EVENTS
from contracts.identifiers import holds_personal_number, is_cvr
from contracts.reading import STRUCTURED_HEADERS, Record, read
from services.cli.exit_codes import ExitCode


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one event: `code` is empty for a valid one."""

    place: str
    code: str = ""
    path: str = ""
    name: str = ""

    def in_words(self) -> str:
        """What is wrong, where, and what to do. A name like a personal number is never shown."""
        if not self.code:
            return f"{self.place}: valid"
        explanation = EXPLANATIONS[next(code for code in EXPLANATIONS if code.value == self.code)]
        named = f" (field `{self.name}`)" if self.name and not holds_personal_number(self.name) else ""
        where = f" at {self.path}" if self.path else ""
        return f"{self.place}: {self.code}{where}{named}: {explanation.meaning}. Remedy: {explanation.remedy}."

    def as_json(self) -> dict[str, Any]:
        """The same for a machine."""
        return {"place": self.place, "valid": not self.code, "code": self.code, "path": self.path}


def events_of(file: str) -> Iterator[tuple[str, bytes]]:
    """(place, bytes) of every event in a file: one JSON event, a JSON array, or JSON lines; `-` is the standard input.

    A file that cannot be read ends the command with exit code 2.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        typer.echo(f"{file} cannot be read: {error.strerror}", err=True)
        raise typer.Exit(ExitCode.USAGE) from error
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, list):
        yield from ((f"{file} [{number}]", json.dumps(event).encode()) for number, event in enumerate(document))
    elif isinstance(document, dict) or b"\n" not in content.strip():
        yield file, content
    else:
        lines = content.splitlines()
        yield from ((f"{file}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip())


def addressed(value: bytes, authority: str) -> Record:
    """The record that would be sent: topic and key as far as the event says them itself, else those of `authority`."""
    try:
        document: Any = json.loads(value)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Record(topics.tasks_topic(authority), None, STRUCTURED_HEADERS, value)
    key = document.get("partitionkey")
    data = document.get("data")
    own = data.get("authority") if isinstance(data, dict) else None
    named = authority or (own if isinstance(own, str) and is_cvr(own) else "")
    kind = document.get("type")
    registry = isinstance(kind, str) and kind in REGISTRY_EVENTS
    topic = topics.BASELINES if registry else topics.tasks_topic(named)
    return Record(topic, key.encode("utf-8", "replace") if isinstance(key, str) else None, STRUCTURED_HEADERS, value)


def judged(place: str, record: Record) -> Finding:
    """The verdict that a collector would come to."""
    try:
        read(record)
    except Violation as violation:
        return Finding(place, violation.code.value, violation.path, violation.name or "")
    return Finding(place)
