"""What proves a record: salt, digest and leaf, from its coordinate, its broker time and its bytes. Pure.

    coordinate = "<log_no>/<topic>/<partition>/<offset>"
    salt   = HMAC-SHA256(secret, coordinate)             stored beside the payload, erased with it
    digest = SHA256(salt payload)                        the same record at the same coordinate, always the same
    leaf   = SHA256(coordinate "/" broker_ms "/" digest)             of an accepted record
    leaf   = SHA256(coordinate "/" broker_ms "/" code "/" path)      of a rejected one

The salt is 32 bytes that nobody without the secret can foretell, so the digest binds to the payload and hides it: after a
lawful erasure of payload and salt, digest and leaf remain and say nothing about what was erased. An auditor computes
digest and leaf in SQL. HMAC is RFC 2104 over hashlib with the keyed states prepared once; a test holds it to the standard
library's.
"""

import hmac
from hashlib import sha256
from typing import Final

_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_BLOCK: Final = 64
REJECTED_DIGEST: Final = bytes(32)


class Provenance:
    """The proofs of one installation: `secret` is the same in every collector, for ever."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) > _BLOCK:
            secret = sha256(secret).digest()
        key = secret.ljust(_BLOCK, b"\0")
        self._inner = sha256(key.translate(_INNER))
        self._outer = sha256(key.translate(_OUTER))

    def salt(self, coordinate: bytes) -> bytes:
        """32 bytes that nobody without the secret can foretell."""
        inner = self._inner.copy()
        inner.update(coordinate)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


def digest_of(salt: bytes, payload: bytes) -> bytes:
    """The digest of a payload under its salt (32 bytes)."""
    return sha256(salt + payload).digest()


def matches(salt: bytes, payload: bytes, digest: bytes) -> bool:
    """Whether `digest` is that of `payload` under `salt`."""
    return hmac.compare_digest(digest_of(salt, payload), digest)


def accepted_leaf(coordinate: bytes, broker_ms: int, digest: bytes) -> bytes:
    """The leaf of an accepted record."""
    return sha256(b"%b/%d/%b" % (coordinate, broker_ms, digest)).digest()


def rejected_leaf(coordinate: bytes, broker_ms: int, code: str, path: str) -> bytes:
    """The leaf of a rejected record."""
    return sha256(b"%b/%d/%b/%b" % (coordinate, broker_ms, code.encode(), path.encode())).digest()
