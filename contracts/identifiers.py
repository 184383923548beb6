"""Formats of identifiers and timestamps: plain functions, used by the models and by every faster decoder alike."""

import re
from datetime import UTC, datetime
from typing import Final

TOKEN_PATTERN: Final = r"^[A-Za-z0-9](?:[A-Za-z0-9._:/-]{0,126}[A-Za-z0-9])?$"
"""An opaque token made by a source: ASCII, no blanks, 1 to 128 characters."""
SOURCE_PATTERN: Final = r"^[A-Za-z0-9/](?:[A-Za-z0-9._:/#?=&%+-]{0,254})$"
"""A CloudEvents source: a URI-reference in ASCII, 1 to 255 characters."""
CVR_PATTERN: Final = r"^[1-9][0-9]{7}$"
SHA256_PATTERN: Final = r"^[0-9a-f]{64}$"
SEQUENCE_PATTERN: Final = r"^(?:0|[1-9][0-9]{0,17})$"
TASK_TYPE_PATTERN: Final = (
    r"^(?:kle:[0-9]{2}\.[0-9]{2}\.[0-9]{2}(?:-[A-ZÆØÅ][0-9]{2})?"
    r"|form:[0-9]{2}(?:\.[0-9]{2}){1,3}"
    r"|local:[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)$"
)
TIMESTAMP_PATTERN: Final = (
    r"^(20[0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,9})?(Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])$"
)
PERSONAL_NUMBER_PATTERN: Final = (
    r"(?:^|[^0-9A-Za-z])(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])(?:0[1-9]|1[0-2])[0-9]{2}[- ]?[0-9]{4}"
    r"(?:$|[^0-9A-Za-z])"
)
"""A token of its own like a CPR number: DDMMYY, optional hyphen or blank, four digits; day + 60 for replacement
numbers; modulus 11 is not required (numbers without it are valid since 2007). Written without look-around so that
linear-time engines read it the same way."""

_CVR_WEIGHTS: Final = (2, 7, 6, 5, 4, 3, 2, 1)
_CVR = re.compile(CVR_PATTERN, re.ASCII)
_TASK_TYPE = re.compile(TASK_TYPE_PATTERN)
_TIMESTAMP = re.compile(TIMESTAMP_PATTERN, re.ASCII)
_NAIVE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?$", re.ASCII)
_PERSONAL_NUMBER = re.compile(PERSONAL_NUMBER_PATTERN, re.ASCII)


def is_cvr(text: str) -> bool:
    """Whether `text` is a CVR number: 8 digits whose weighted sum (2,7,6,5,4,3,2,1) is divisible by 11."""
    if not _CVR.fullmatch(text):
        return False
    return sum(weight * int(digit) for weight, digit in zip(_CVR_WEIGHTS, text, strict=True)) % 11 == 0


def is_task_type(text: str) -> bool:
    """Whether `text` has the format of a task type: KLE (facet optional), FORM or local."""
    return _TASK_TYPE.fullmatch(text) is not None


def is_naive_timestamp(text: str) -> bool:
    """Whether `text` would be a timestamp if it had an offset."""
    return _NAIVE.fullmatch(text) is not None


def parse_timestamp(text: str) -> datetime | None:
    """An RFC 3339 timestamp with offset, years 2000 to 2099, as aware UTC floored to the millisecond; else None."""
    if not _TIMESTAMP.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:  # 30 February
        return None
    if moment.year < 2000 or moment.year > 2099:  # the offset moved it out
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def holds_personal_number(text: str) -> bool:
    """Whether a token of `text` looks like a CPR number."""
    return _PERSONAL_NUMBER.search(text) is not None
