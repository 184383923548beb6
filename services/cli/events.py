"""`frigjort events validate`: a supplier checks events before sending them, and is told what is wrong in words."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from contracts import topics
from contracts.codes import EXPLANATIONS, Violation
from contracts.events import REGISTRY_EVENTS
from contracts.identifiers import holds_personal_number, is_cvr
from contracts.reading import STRUCTURED, Record, read
from services.cli.exit_codes import ExitCode

app = typer.Typer(help="Events of the contract.", no_args_is_help=True)
_HEADERS = (("content-type", STRUCTURED.encode()),)


@app.callback()
def events() -> None:
    """Events of the contract."""


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


@app.command()
def validate(
    files: Annotated[
        list[str], typer.Argument(help="Files with a JSON event, a JSON array or JSON lines; - for input.")
    ],
    authority: Annotated[str, typer.Option(help="CVR number whose topic they are for; default: the data's own.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a finding.")] = False,
) -> None:
    """Check events against the contract. Exit code 0: all valid; 1: some are not; 2: a file cannot be read.

    Example: frigjort events validate events.jsonl --authority 29189846
    """
    checked = wrong = 0
    for file in files:
        for place, value in _events(file):
            finding = _check(place, value, authority)
            checked += 1
            wrong += bool(finding.code)
            if as_json:
                verdict = {
                    "place": finding.place,
                    "valid": not finding.code,
                    "code": finding.code,
                    "path": finding.path,
                }
                typer.echo(json.dumps(verdict))
            elif finding.code:
                typer.echo(finding.in_words())
    if not as_json:
        typer.echo(f"{checked} events checked, {wrong} invalid")
    if wrong:
        raise typer.Exit(ExitCode.NO)


def _events(file: str) -> Iterator[tuple[str, bytes]]:
    """(place, bytes) of every event in a file."""
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


def _check(place: str, value: bytes, authority: str) -> Finding:
    topic, key = _addressed(value, authority)
    try:
        read(Record(topic, key, _HEADERS, value))
    except Violation as violation:
        return Finding(place, violation.code.value, violation.path, violation.name or "")
    return Finding(place)


def _addressed(value: bytes, authority: str) -> tuple[str, bytes | None]:
    """The topic and key that the event would be sent with, as far as it says them itself."""
    try:
        document: Any = json.loads(value)
    except (ValueError, RecursionError):
        return topics.tasks_topic(authority), None
    if not isinstance(document, dict):
        return topics.tasks_topic(authority), None
    key = document.get("partitionkey")
    data = document.get("data")
    own = data.get("authority") if isinstance(data, dict) else None
    named = authority or (own if isinstance(own, str) and is_cvr(own) else "")
    topic = topics.BASELINES if document.get("type") in REGISTRY_EVENTS else topics.tasks_topic(named)
    return topic, key.encode("utf-8", "replace") if isinstance(key, str) else None
