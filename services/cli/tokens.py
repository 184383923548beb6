"""Who, why and of whom, as people write it on the command line."""

import re
from typing import Annotated

import typer

from contracts.identifiers import TOKEN_PATTERN, holds_personal_number, is_cvr
from services.runtime.errors import Misconfigured


def token(option: str, text: str) -> str:
    """The text, if it is a token of the contract and holds nothing like a CPR number. Raises `Misconfigured`."""
    if not re.fullmatch(TOKEN_PATTERN, text) or holds_personal_number(text):
        raise Misconfigured(option, "not a token: letters, digits and . _ : / -")
    return text


def cvr_number(option: str, text: str) -> str:
    """The text, if it is a CVR number. Raises `Misconfigured`."""
    if not is_cvr(text):
        raise Misconfigured(option, f"{text} is not a CVR number")
    return text


Cvrs = Annotated[list[str] | None, typer.Option("--cvr", help="Only this authority; may be repeated.")]


def cvr_numbers(cvr: list[str] | None) -> list[str]:
    """The authorities asked for, each once, sorted; none: all. Raises `Misconfigured` for what is no CVR number."""
    return sorted({cvr_number("--cvr", one) for one in cvr or ()})
