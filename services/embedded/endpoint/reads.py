"""A read: its result from the engine through a pipe into the response."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile
from typing import Final

from starlette.types import Receive

from services.embedded.endpoint.connection import NOTHING, Answer
from services.embedded.endpoint.engine import Engine, Scope
from services.embedded.endpoint.errors import QueryError
from services.embedded.endpoint.results import Pipe, Reply
from services.embedded.endpoint.statements import Statement

_AGAIN_SECONDS: Final = 0.2
_WHOLE_BYTES: Final = 1024**2
"""A result below it is sent whole, with its final status and summary; ClickHouse's own buffer is as large."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One read. `mark` tells its query from all others in the engine; `headers` makes a response's from what it took.

    `spool`: where to keep a result that may only be sent when all of it has come (`wait_end_of_query`).
    """

    engine: Engine
    scope: Scope
    statement: Statement
    output_format: str
    mark: str
    headers: Callable[[Answer], dict[str, str]]
    spool: Path | None

    async def serve(self, reply: Reply, receive: Receive) -> Answer:
        """Sends the result. Raises `QueryError` before its first byte, `BrokenOff` after it, and `ClientGone`."""
        pipe = Pipe()
        running = asyncio.create_task(asyncio.to_thread(self._run_into, pipe))
        gone = asyncio.create_task(_until_gone(receive))
        gone.add_done_callback(lambda _: pipe.abandon())
        try:
            begun = await pipe.read_up_to(_WHOLE_BYTES)
            if len(begun) < _WHOLE_BYTES:
                answer = await running
                await reply.whole(200, self.headers(answer), begun)
                return answer
            if self.spool is not None:
                return await self._after_its_end(self.spool, begun, pipe, running, reply)
            return await self._as_it_comes(begun, pipe, running, reply)
        finally:
            gone.cancel()
            pipe.close()
            await self._end(running)

    async def _end(self, running: "asyncio.Task[Answer]") -> None:
        """Cancels the query where it still runs; again, since it may not have begun when it is cancelled first."""
        while not running.done():
            with suppress(QueryError):
                await asyncio.to_thread(self.engine.cancel, self.mark)
            await asyncio.wait({running}, timeout=_AGAIN_SECONDS)
        if not running.cancelled():
            running.exception()  # told already, or of no interest

    def _run_into(self, pipe: Pipe) -> Answer:
        try:
            with self.engine.connect(self.scope) as connection:
                return connection.run(self.statement.into(pipe.path, self.output_format))
        finally:
            pipe.end()

    async def _as_it_comes(self, data: bytes, pipe: Pipe, running: "asyncio.Task[Answer]", reply: Reply) -> Answer:
        tag = token_hex(8)
        await reply.begin({**self.headers(NOTHING), "X-ClickHouse-Exception-Tag": tag})
        while data:
            await reply.piece(data)
            data = await pipe.read()
        try:
            answer = await running
        except QueryError as error:
            await reply.break_off(error, tag)
        await reply.end()
        return answer

    async def _after_its_end(
        self, spool: Path, data: bytes, pipe: Pipe, running: "asyncio.Task[Answer]", reply: Reply
    ) -> Answer:
        with TemporaryFile(dir=spool) as file:
            while data:
                await asyncio.to_thread(file.write, data)
                data = await pipe.read()
            answer = await running
            file.seek(0)
            await reply.begin(self.headers(answer))
            while data := await asyncio.to_thread(file.read, _WHOLE_BYTES):
                await reply.piece(data)
        await reply.end()
        return answer


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
