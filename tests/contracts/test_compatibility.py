"""Versions never break: every kind of break between two schemas is found, and there is none since the last release."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from contracts import generate
from contracts.compatibility import breaks
from contracts.events import COMPLETED
from contracts.examples import Example, load
from contracts.reading import read

BASE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z]+$", "minLength": 1, "maxLength": 10},
        "note": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}]},
        "kind": {"const": "a", "type": "string"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}, "maxItems": 3},
        "data": {"$ref": "#/$defs/Data"},
        "open": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "$defs": {
        "Data": {
            "type": "object",
            "additionalProperties": False,
            "required": ["n"],
            "properties": {"n": {"type": "integer"}, "more": {"type": "number"}, "when": {"format": "date-time"}},
        }
    },
}


def changed(*path: str | int, to: Any) -> dict[str, Any]:
    """The base with one place set; `None` takes it away."""
    schema = copy.deepcopy(BASE)
    node: Any = schema
    for part in path[:-1]:
        node = node[part]
    if to is None:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return schema


RELEASED_EXAMPLES = list(load(generate.RELEASED / "valid"))
P, DATA = "properties", ("$defs", "Data", "properties")

BREAKS = {
    "field removed": (changed(P, "tags", to=None), "tags: the field is gone"),
    "nested field removed": (changed(*DATA, "more", to=None), "data.more: the field is gone"),
    "field required": (changed("required", to=["id", "data", "kind"]), "kind: the field is required now"),
    "new field required": (
        changed("$defs", "Data", to={**BASE["$defs"]["Data"], "required": ["n", "new"],
                                     "properties": {**BASE["$defs"]["Data"]["properties"], "new": {}}}),
        "data.new: the field is required now",
    ),
    "type narrowed": (changed(*DATA, "more", "type", to="integer"), "data.more: type number is refused now"),
    "type changed": (changed(P, "id", "type", to="integer"), "id: type string is refused now"),
    "type added": (changed(*DATA, "when", "type", to="string"), "data.when: type anything is refused now"),
    "null refused": (changed(P, "note", to={"type": "integer", "minimum": 0, "maximum": 9}), "note: type null"),
    "alternative narrowed": (changed(P, "note", "anyOf", 0, "maximum", to=8), "note: maximum is 8 now, was 9"),
    "const changed": (changed(P, "kind", "const", to="b"), "kind: value 'a' is refused now"),
    "enum value removed": (changed(P, "tags", "items", "enum", to=["x"]), "tags[]: value 'y' is refused now"),
    "enum added": (changed(P, "id", "enum", to=["a"]), "id: only listed values"),
    "pattern changed": (changed(P, "id", "pattern", to="^[a-y]+$"), "id: pattern is another one"),
    "pattern added": (changed(P, "kind", "pattern", to="^b$"), "kind: pattern is another one"),
    "format added": (changed(P, "id", "format", to="uri"), "id: format is another one"),
    "minimum raised": (changed(P, "note", "anyOf", 0, "minimum", to=1), "note: minimum is 1 now, was 0"),
    "bound added": (changed(*DATA, "n", "maximum", to=5), "data.n: maximum is 5 now, was absent"),
    "length narrowed": (changed(P, "id", "maxLength", to=9), "id: maxLength is 9 now, was 10"),
    "fewer items": (changed(P, "tags", "maxItems", to=2), "tags: maxItems is 2 now"),
    "closed": (changed(P, "open", "additionalProperties", to=False), "open: unknown fields are refused now"),
    "open narrowed": (changed(P, "open", "additionalProperties", "maximum", to=1), "open.*: maximum is 1 now"),
    "free name taken": (changed(P, "open", P, to={"x": {}}), "open.x: the name was free before"),
    "unknown keyword": (changed("not", to={"required": ["note"]}), "event: not is another one now"),
}  # fmt: skip

HARMLESS = {
    "nothing": BASE,
    "optional field": changed(*DATA, "new", to={"type": "string", "pattern": "x"}),
    "enum value": changed(P, "tags", "items", "enum", to=["x", "y", "z"]),
    "const to enum": changed(P, "kind", to={"enum": ["a", "b"], "type": "string"}),
    "wider number": changed(*DATA, "n", "type", to="number"),
    "wider bound": changed(P, "id", "maxLength", to=11),
    "bound gone": changed(P, "tags", "maxItems", to=None),
    "pattern gone": changed(P, "id", "pattern", to=None),
    "no longer required": changed("required", to=["id"]),
    "null accepted": changed(*DATA, "more", to={"anyOf": [{"type": "null"}, {"type": "number"}]}),
    "words": changed(P, "id", "description", to="other words"),
    "opened": changed("additionalProperties", to=True),
    "in place": changed(P, "data", to=BASE["$defs"]["Data"]),
}


@pytest.mark.parametrize("name", BREAKS)
def test_every_kind_of_break_is_found_alone(name: str) -> None:
    current, reason = BREAKS[name]
    found = breaks(BASE, current)
    assert len(found) == 1, found
    assert found[0].startswith(reason)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_accepts_as_much_or_more_is_no_break(name: str) -> None:
    assert breaks(BASE, HARMLESS[name]) == []


def test_nothing_has_broken_since_the_last_release() -> None:
    assert generate.broken() == []


def test_there_is_a_release_to_compare_with() -> None:
    assert len(list((generate.RELEASED / "schemas").glob("*.json"))) >= 10
    assert len(RELEASED_EXAMPLES) >= 20


@pytest.mark.parametrize("example", RELEASED_EXAMPLES, ids=lambda example: example.name)
def test_what_was_valid_at_the_last_release_is_valid(example: Example) -> None:
    payload = json.loads(read(example.record).payload)
    jsonschema.validate(payload, generate.schema(payload["type"]), cls=jsonschema.Draft202012Validator)


def test_a_release_is_refused_when_it_would_break_the_one_before(tmp_path: Path) -> None:
    assert generate.release(tmp_path) == []
    file = tmp_path / "schemas" / f"{COMPLETED}.json"
    before = json.loads(file.read_text())
    before["$defs"]["TaskState"]["properties"]["active_ms"]["maximum"] += 1
    file.write_text(json.dumps(before))
    (tmp_path / "schemas" / "dk.frigjort.gone.v1.json").write_text("{}")
    assert generate.release(tmp_path) == [
        "dk.frigjort.gone.v1: the event type is gone",
        f"{COMPLETED}: data.active_ms: maximum is 31622400000 now, was 31622400001",
    ]
    assert json.loads(file.read_text()) == before
