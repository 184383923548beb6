"""Errors as a ClickHouse server answers them: a code, its name, an HTTP status."""

import re
from enum import IntEnum
from typing import Final

_CODE: Final = re.compile(r"Code: (\d+)\.")


class Code(IntEnum):
    """The codes that this endpoint raises itself; the engine has many more."""

    BAD_ARGUMENTS = 36
    NOT_IMPLEMENTED = 48
    SYNTAX_ERROR = 62
    UNKNOWN_COMPRESSION_METHOD = 89
    UNKNOWN_SETTING = 115
    READONLY = 164
    REQUIRED_PASSWORD = 194
    QUERY_IS_TOO_LARGE = 229
    CANNOT_DECOMPRESS = 271
    ACCESS_DENIED = 497
    SET_NON_GRANTED_ROLE = 512
    AUTHENTICATION_FAILED = 516
    UNKNOWN_EXCEPTION = 1002


_STATUS: Final = {
    194: 401,
    **dict.fromkeys((192, 193, 497, 512, 516), 403),
    **dict.fromkeys((6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376), 400),
    **dict.fromkeys((427, 441, 675, 676), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511), 404),
    229: 413,
    48: 501,
    **dict.fromkeys((76, 209, 439), 503),
    381: 411,
    159: 408,
    779: 415,
}
"""ClickHouse's own table (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); what is not in it is 500, READONLY (164) for one."""


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
        found = _CODE.search(text[:200])
        return cls(int(found.group(1)) if found else Code.UNKNOWN_EXCEPTION, text)

    @classmethod
    def refused(cls, code: Code, why: str) -> "QueryError":
        """A refusal of this endpoint, worded as the server words its own."""
        return cls(code, f"Code: {code.value}. DB::Exception: {why}. ({code.name})")
