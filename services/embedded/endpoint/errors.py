"""Errors as a ClickHouse server answers them: a code, a name, an HTTP status."""

import re
from typing import Final

_CODE: Final = re.compile(r"Code: (\d+)")

AUTHENTICATION_FAILED: Final = 516
ACCESS_DENIED: Final = 497
READONLY: Final = 164
BAD_ARGUMENTS: Final = 36
UNSUPPORTED_PARAMETER: Final = 48
UNKNOWN: Final = 1002

_STATUS: Final = {
    **dict.fromkeys((192, 193, 497, 516), 403),
    **dict.fromkeys((6, 27, 36, 38, 41, 53, 62, 69, 72, 117, 130, 131, 206, 386, 456, 457, 1000, 70, 33), 400),
    **dict.fromkeys((16, 46, 47, 50, 56, 60, 81, 115), 404),
    **dict.fromkeys((48, 344), 501),
    **dict.fromkeys((209, 210, 439, 202, 241), 503),
    **dict.fromkeys((164,), 403),
}
"""The statuses of ClickHouse's HTTPHandler for the codes that are met here; all others are 500."""


class QueryError(Exception):
    """An error of the engine, or of this endpoint in the engine's words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUS.get(self.code, 500)

    @classmethod
    def of_engine(cls, text: str) -> "QueryError":
        """From the engine's text, which begins with its code."""
        found = _CODE.search(text)
        return cls(int(found.group(1)) if found else UNKNOWN, text)

    @classmethod
    def denied(cls, code: int, name: str, why: str) -> "QueryError":
        """A refusal of this endpoint, worded as the server words its own."""
        return cls(code, f"Code: {code}. DB::Exception: {why} ({name})")
