"""Whether what one schema accepts another accepts too: old events must stay valid under a newer release. Pure.

For the keywords that the generated schemas use the comparison is exact; any other keyword, a pattern or a format must be
gone or the same, since nothing here can show that another one is wider. So a harmless change may be reported, a harmful one
is never passed over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

_ANNOTATIONS: Final = {
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "$schema",
    "$id",
    "$comment",
    "$defs",
}
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_COMPARED: Final = {
    *("anyOf", "type", "enum", "const", "properties", "required", "additionalProperties", "items"),
    *(*_LOWER, *_UPPER),
}


def breaks(released: Schema, current: Schema) -> list[str]:
    """Why `current` refuses, or may refuse, something that `released` accepts: "path: reason", sorted; empty: it never does.

    Both are whole JSON Schemas without recursion; local references are followed.
    """
    return sorted(set(_Comparison(released, current).nodes(released, current, "")))


@dataclass(frozen=True, slots=True)
class _Comparison:
    released: Schema
    current: Schema

    def nodes(self, old: Schema, new: Schema, path: str) -> list[str]:
        old, new = _resolved(old, self.released), _resolved(new, self.current)
        if "anyOf" in old or "anyOf" in new:
            return self._alternatives(old, new, path)
        here = path or "event"
        reasons = list(_types(old, new)) or [*_values(old, new), *_bounds(old, new), *_others(old, new)]
        found = [f"{here}: {reason}" for reason in reasons]
        if "items" in new:
            found += self.nodes(old.get("items", {}), new["items"], f"{path}[]")
        return [*found, *self._fields(old, new, path)]

    def _alternatives(self, old: Schema, new: Schema, path: str) -> list[str]:
        """Each alternative of before is taken by one of now; else what the nearest one refuses."""
        found: list[str] = []
        for before in _expanded(old):
            refused = [self.nodes(before, now, path) for now in _expanded(new)]
            nearest: list[str] = min(refused, key=len)
            found += nearest
        return found

    def _fields(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        was_open, is_open = (node.get("additionalProperties", True) for node in (old, new))
        for name in before.keys() - now.keys():
            yield f"{_below(path, name)}: the field is gone"
        for name in set(new.get("required", ())) - set(old.get("required", ())):
            yield f"{_below(path, name)}: the field is required now"
        if was_open is not False:
            for name in now.keys() - before.keys():
                yield f"{_below(path, name)}: the name was free before"
            if is_open is False:
                yield f"{path or 'event'}: unknown fields are refused now"
            elif isinstance(is_open, Mapping):
                yield from self.nodes(was_open if isinstance(was_open, Mapping) else {}, is_open, _below(path, "*"))
        for name in before.keys() & now.keys():
            yield from self.nodes(before[name], now[name], _below(path, name))


def _resolved(node: Schema, root: Schema) -> Schema:
    while "$ref" in node:
        target: Any = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _expanded(node: Schema) -> list[Schema]:
    beside = {key: value for key, value in node.items() if key != "anyOf"}
    return [{**beside, **alternative} for alternative in node.get("anyOf", [{}])]


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _types(old: Schema, new: Schema) -> Iterator[str]:
    if "type" not in new:
        return
    accepted = _as_set(new["type"])
    if "number" in accepted:
        accepted |= {"integer"}
    refused = _as_set(old.get("type", "anything")) - accepted
    if refused:
        yield f"type {', '.join(sorted(refused))} is refused now"


def _as_set(types: str | list[str]) -> set[str]:
    return {types} if isinstance(types, str) else set(types)


def _values(old: Schema, new: Schema) -> Iterator[str]:
    before, now = _listed(old), _listed(new)
    if now is None:
        return
    if before is None:
        yield "only listed values are accepted now"
        return
    for value in before:
        if value not in now:
            yield f"value {value!r} is refused now"


def _listed(node: Schema) -> list[Any] | None:
    if "const" in node:
        return [node["const"]]
    values: list[Any] | None = node.get("enum")
    return values


def _bounds(old: Schema, new: Schema) -> Iterator[str]:
    for keywords, sign in ((_LOWER, 1), (_UPPER, -1)):
        for keyword in keywords:
            if keyword in new and (keyword not in old or sign * new[keyword] > sign * old[keyword]):
                yield f"{keyword} is {new[keyword]} now, was {old.get(keyword, 'absent')}"


def _others(old: Schema, new: Schema) -> Iterator[str]:
    for keyword in new.keys() - _ANNOTATIONS - _COMPARED:
        if old.get(keyword) != new[keyword]:
            yield f"{keyword} is another one now"
