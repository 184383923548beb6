"""Who asks: two users, the ways in which ClickHouse's clients say who they are, and passwords compared in constant time."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from services.embedded.endpoint.errors import Code, QueryError
from services.embedded.endpoint.settings import EndpointSettings


@dataclass(frozen=True, slots=True)
class User:
    """A user who has shown his password."""

    name: str
    audits: bool


class Accounts:
    """The two users."""

    def __init__(self, settings: EndpointSettings) -> None:
        self._known = [
            (User(settings.writer_user, audits=False), _digest(settings.writer_password.get_secret_value().encode())),
            (User(settings.auditor_user, audits=True), _digest(settings.auditor_password.get_secret_value().encode())),
        ]

    def authenticate(self, headers: Mapping[str, str], url: Mapping[str, str]) -> User:
        """The user. Raises `QueryError`: nothing shown, two ways at once, or wrong; never which of name and password."""
        shown = [given for given in (_from_headers(headers), _from_basic(headers), _from_url(url)) if given]
        if not shown:
            raise QueryError.refused(Code.REQUIRED_PASSWORD, "Name and password are required")
        if len(shown) > 1:
            raise QueryError.refused(
                Code.AUTHENTICATION_FAILED, "Name and password were given in more than one way: use one"
            )
        ((name, password),) = shown
        digest = _digest(password)
        found = None
        for user, expected in self._known:
            right_name = hmac.compare_digest(name, user.name.encode())
            if hmac.compare_digest(digest, expected) and right_name:
                found = user
        if found is None:
            shown_name = name.decode("utf-8", "replace")[:64]
            raise QueryError.refused(
                Code.AUTHENTICATION_FAILED,
                f"{shown_name}: Authentication failed: password is incorrect, or there is no user with such name",
            )
        return found


def _digest(password: bytes) -> bytes:
    return hashlib.sha256(password).digest()


def _from_headers(headers: Mapping[str, str]) -> tuple[bytes, bytes] | None:
    if "x-clickhouse-user" not in headers and "x-clickhouse-key" not in headers:
        return None
    user, key = headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    return user.encode("latin-1"), key.encode("latin-1")  # the bytes as they came


def _from_basic(headers: Mapping[str, str]) -> tuple[bytes, bytes] | None:
    if "authorization" not in headers:
        return None
    scheme, _, encoded = headers["authorization"].partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        decoded = b""
    user, colon, password = decoded.partition(b":")
    if scheme.lower() != "basic" or not colon:
        raise QueryError.refused(Code.AUTHENTICATION_FAILED, "Only Basic authorisation is known here")
    return user, password


def _from_url(url: Mapping[str, str]) -> tuple[bytes, bytes] | None:
    if "user" not in url and "password" not in url:
        return None
    return url.get("user", "default").encode(), url.get("password", "").encode()
