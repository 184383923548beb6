"""What the processes of an installation answer over HTTP."""

import json
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen


class Readiness(NamedTuple):
    """What /readyz answered: its status, 0 for no answer and then why; and the problems that it names."""

    status: int
    problems: tuple[str, ...] = ()
    error: str = ""


def readiness(address: str, seconds: float = 5.0) -> Readiness:
    """Asks the process at a base URL."""
    try:
        with urlopen(f"{address}/readyz", timeout=seconds) as response:
            return Readiness(response.status)
    except HTTPError as error:
        return Readiness(error.code, _problems(error.read()))
    except (OSError, ValueError) as error:
        return Readiness(0, error=str(error))


def text_of(url: str, seconds: float = 5.0) -> str:
    """What a URL answers; nothing where it does not."""
    try:
        with urlopen(url, timeout=seconds) as response:
            body: bytes = response.read()
            return body.decode()
    except OSError:
        return ""


def _problems(body: bytes) -> tuple[str, ...]:
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return ()
    return tuple(str(text) for text in answer.get("problems", [])) if isinstance(answer, dict) else ()
