"""From a record's bytes to the event's JSON document, in both content modes; the first fault of the bytes decides."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

Headers = Sequence[tuple[str, bytes]]
_EXTENSION: Final = re.compile(r"ce_[a-z0-9]{1,20}")


class FaultError(Exception):
    """A fault of the bytes: the code of its rejection."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FaultError("duplicate_key")
    return found


def _non_finite(_: str) -> NoReturn:
    raise FaultError("non_finite_number")


_decode: Final[Callable[[str], Any]] = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_non_finite).decode


def document_of(value: bytes | None, headers: Headers) -> dict[str, Any]:
    """The event in structured form. Raises `FaultError` with the code of the first fault of size, headers and JSON."""
    if not value:
        raise FaultError("empty_value")
    if len(value) > 65_536:
        raise FaultError("oversized")
    attributes = _attributes(headers)
    try:
        document = _decode(value.decode())
    except UnicodeDecodeError:
        raise FaultError("invalid_utf8") from None
    except json.JSONDecodeError as error:
        raise FaultError("trailing_data" if error.msg == "Extra data" else "invalid_json") from None
    except RecursionError:
        raise FaultError("invalid_json") from None
    if type(document) is not dict:
        raise FaultError("invalid_json")
    return document if attributes is None else {**attributes, "data": document}


def _attributes(headers: Headers) -> dict[str, str] | None:
    """The attributes of binary mode, `None` in structured mode."""
    if len(headers) == 1 and headers[0] == ("content-type", b"application/cloudevents+json"):
        return None
    found: dict[str, str] = {}
    kinds: list[str] = []
    for name, value in headers:
        if name == "content-type" or name.startswith("ce_"):
            try:
                text = value.decode()
            except UnicodeDecodeError:
                raise FaultError("invalid_header") from None
            if name == "content-type":
                kinds.append(text.lower().replace(" ", "").removesuffix(";charset=utf-8"))
            elif not _EXTENSION.fullmatch(name) or name in {"ce_data", "ce_datacontenttype"} or name[3:] in found:
                raise FaultError("invalid_header")
            else:
                found[name[3:]] = text
    if kinds == ["application/cloudevents+json"] and not found:
        return None
    if kinds == ["application/json"] and found:
        return {**found, "datacontenttype": "application/json"}
    raise FaultError("invalid_header")
