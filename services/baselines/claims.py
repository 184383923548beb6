"""One writer of the registry at a time, over a table that is only added to.

A writer adds its claim, and after that was acknowledged reads which claims are open. It may write only where its own is
the only one; else it releases its claim and tries again under another name. Of two writers whose claims overlap, the one
whose claim was stored later reads after both are stored and sees the other: so never two believe to be alone. Both may see
each other; then both give way, and wait for a random time.

That holds where a stored row is seen by every later read: one ClickHouse server, or one replica that all writers use.

There is no expiry: a writer that is merely slow would be overtaken by it. A claim whose process died is released by a
person who knows that: `frigjort registry unlock`.
"""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from time import monotonic, sleep
from typing import Final, Protocol

from services.runtime.errors import FrigjortError, Halt

_LONGEST_PAUSE_SECONDS: Final = 0.5
_chance: Final = secrets.SystemRandom()


class Claims(Protocol):
    """Who claims to be the writer. What `claim` has stored, every later `open_claims` sees."""

    def claim(self, holder: str) -> None:
        """Stores a claim under a name that was not used before."""
        ...

    def release(self, holder: str) -> None:
        """Stores that this claim ended."""
        ...

    def open_claims(self) -> dict[str, datetime]:
        """Since when each claim that was not released is open."""
        ...


class Unsure(Halt):
    """It is not known whether rows were stored, or still will be: the claim must stay."""


@contextmanager
def alone(claims: Claims, patience_seconds: float) -> Iterator[None]:
    """Holds the registry. Raises `Halt` where another writer holds it all the while, `Retry` where the store is away.

    The claim is released at the end, whether the work failed or not; but not after `Unsure` or an interruption, when what
    was sent may still be stored.
    """
    holder = _acquired(claims, patience_seconds)
    try:
        yield
    except Unsure as error:
        error.remedy += f", then `frigjort registry unlock {holder}`, and run the command again"
        raise
    except Exception:
        with suppress(FrigjortError):
            claims.release(holder)
        raise
    claims.release(holder)


def _acquired(claims: Claims, patience_seconds: float) -> str:
    """The name under which this process is the only writer."""
    deadline = monotonic() + patience_seconds
    while True:
        holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        others = _others(claims, holder)
        if not others:
            return holder
        claims.release(holder)
        if monotonic() >= deadline:
            other, since = min(others.items(), key=lambda claim: claim[1])
            raise Halt(
                "the registry",
                f"{other} writes to it since {since:%Y-%m-%d %H:%M:%S} UTC",
                f"wait for it; if that process is gone, `frigjort registry unlock {other}`",
            )
        sleep(_chance.uniform(0, _LONGEST_PAUSE_SECONDS))


def _others(claims: Claims, holder: str) -> dict[str, datetime]:
    try:
        claims.claim(holder)
        found = claims.open_claims()
    except FrigjortError:
        with suppress(FrigjortError):
            claims.release(holder)
        raise
    return {name: since for name, since in found.items() if name != holder}
