"""`python -m contracts.generate [--check | --release]`: writes, or compares, all that is generated from the models.

JSON Schema 2020-12 per event type, the AsyncAPI 3 document, and the example files. Committed; a test runs the check, which
also compares the schemas with those of the last release. `--release` makes today's schemas and valid examples the last
release, in `contracts/released`: it refuses when they would break an event that the release before accepts.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from contracts import topics
from contracts.compatibility import breaks
from contracts.deadletters import REJECTED_TYPE, RecordRejected
from contracts.events import AUTHORITY_EVENTS, REGISTRY_EVENTS, schema_name
from contracts.examples import FOLDER as EXAMPLES
from contracts.examples import store
from contracts.examples.sources import invalid_examples, valid_examples
from contracts.seals import SEALED_TYPE, RecordsSealed

HERE: Final = Path(__file__).parent
SCHEMAS: Final = HERE / "schemas"
RELEASED: Final = HERE / "released"
_MODELS: Final[dict[str, type[BaseModel]]] = {
    **AUTHORITY_EVENTS,
    **REGISTRY_EVENTS,
    REJECTED_TYPE: RecordRejected,
    SEALED_TYPE: RecordsSealed,
}


def schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema of one event type, in structured mode."""
    generated = _MODELS[event_type].model_json_schema(by_alias=True)
    _drop_null_defaults(generated)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": schema_name(event_type), **generated}


def _drop_null_defaults(node: Any) -> None:
    """An optional field is absent or has a value: null is not its default."""
    if isinstance(node, dict):
        if node.get("default", 0) is None:
            del node["default"]
        for child in node.values():
            _drop_null_defaults(child)
    elif isinstance(node, list):
        for child in node:
            _drop_null_defaults(child)


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: channels, what may stand in them, and in which content modes."""
    channels = {
        "tasks": (topics.TASKS_PREFIX + "{authority}", list(AUTHORITY_EVENTS), "send"),
        "baselines": (topics.BASELINES, list(REGISTRY_EVENTS), "receive"),
        "rejected": (topics.REJECTED, [REJECTED_TYPE], "receive"),
        "seals": (topics.SEALS, [SEALED_TYPE], "receive"),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Frigjort",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 on Kafka, one event a record; the record's key is partitionkey. Content modes: "
            "structured (content-type application/cloudevents+json) and binary (content-type application/json, ce_ headers).",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {name: _channel(address, types) for name, (address, types, _) in channels.items()},
        "operations": {
            f"{action}-{name}": {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
            for name, (_, _, action) in channels.items()
        },
        "components": {"messages": {event_type: _message(event_type) for event_type in _MODELS}},
    }


def _channel(address: str, types: list[str]) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": address,
        "messages": {event_type: {"$ref": f"#/components/messages/{event_type}"} for event_type in types},
    }
    if "{authority}" in address:
        channel["parameters"] = {"authority": {"description": "CVR number of the authority, 8 digits"}}
    return channel


def _message(event_type: str) -> dict[str, Any]:
    documentation = (_MODELS[event_type].__doc__ or "").strip()
    return {
        "name": event_type,
        "summary": documentation,
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"./schemas/{event_type}.json"},
    }


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file and its text."""
    for event_type in _MODELS:
        yield SCHEMAS / f"{event_type}.json", json.dumps(schema(event_type), indent=2, ensure_ascii=False) + "\n"
    yield HERE / "asyncapi.json", json.dumps(asyncapi(), indent=2, ensure_ascii=False) + "\n"
    for kind, examples in (("valid", valid_examples()), ("invalid", invalid_examples())):
        for example in examples:
            yield EXAMPLES / kind / f"{example.name}.json", store(example)


def stale() -> list[str]:
    """What differs between the files and the models: changed, missing and orphaned files."""
    expected = dict(files())
    folders = (SCHEMAS, EXAMPLES / "valid", EXAMPLES / "invalid")
    present = {file for folder in folders for file in folder.glob("*.json")} | {HERE / "asyncapi.json"}
    wrong = [file for file, text in expected.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    return sorted(str(file.relative_to(HERE)) for file in {*wrong, *(present - set(expected))})


def broken(released: Path = RELEASED) -> list[str]:
    """Why an event that is valid under the last release may be refused now, schema by schema; empty: none is."""
    found = []
    for file in sorted((released / "schemas").glob("*.json")):
        if file.stem not in _MODELS:
            found.append(f"{file.stem}: the event type is gone")
            continue
        before = json.loads(file.read_text(encoding="utf-8"))
        found += [f"{file.stem}: {reason}" for reason in breaks(before, schema(file.stem))]
    return found


def release(released: Path = RELEASED) -> list[str]:
    """Makes today's schemas and valid examples the last release, unless something would break; then why.

    Examples of earlier releases stay: what was valid once is read for ever.
    """
    reasons = broken(released)
    if not reasons:
        for file, text in files():
            if file.parent in {SCHEMAS, EXAMPLES / "valid"}:
                copy = released / file.parent.name / file.name
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(text, encoding="utf-8")
    return reasons


def main() -> int:
    """Exit code 1 where `--check` finds something stale or broken, or `--release` something broken."""
    if {"--check", "--release"} & set(sys.argv[1:]):
        differing = stale()
        for name in differing:
            sys.stderr.write(f"stale: contracts/{name}: run python -m contracts.generate\n")
        reasons = release() if "--release" in sys.argv[1:] and not differing else broken()
        for reason in reasons:
            sys.stderr.write(f"breaks the last release: {reason}\n")
        return 1 if differing or reasons else 0
    for file, text in files():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
