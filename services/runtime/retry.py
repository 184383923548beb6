"""Waiting for the world: the same call again, with a growing and jittered pause, until it succeeds."""

import math
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_random_exponential

from services.runtime.errors import Halt, Retry

P = ParamSpec("P")
R = TypeVar("R")
_log = structlog.get_logger()


class Patience:
    """Calls again while a neighbour is away; `waiting_for` says for whom, empty when nobody is away.

    A `Halt` of a neighbour (a missing table, a refused password) is waited for as well: the operator mends it while the
    process says what to do. A command that a person waits for gives up after a while, and raises what it waited for.
    """

    def __init__(
        self,
        longest_pause_seconds: float = 5.0,
        on_retry: Callable[[str], None] = lambda _: None,
        give_up_seconds: float = math.inf,
    ) -> None:
        self._longest = longest_pause_seconds
        self._give_up = give_up_seconds
        self._on_retry = on_retry
        self.waiting_for = ""

    async def __call__(self, call: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """The result of `call`, however long it takes; raises its error where it gives up."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((Retry, Halt)),
            wait=wait_random_exponential(multiplier=0.1, max=self._longest),
            stop=stop_after_delay(self._give_up),
            before_sleep=self._before_sleep,
            reraise=True,
        )
        result: R = await retrying(call, *args, **kwargs)
        self.waiting_for = ""
        return result

    def _before_sleep(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.waiting_for = str(error)
        self._on_retry(error.neighbour if isinstance(error, Retry) else "configuration")
        pause = state.next_action.sleep if state.next_action else 0.0
        _log.warning("waiting", error=str(error), attempt=state.attempt_number, pause_seconds=round(pause, 3))
