"""Results on their way out: from the engine through a pipe, as one document of the wanted format, into the response.

The engine writes a result into a pipe (INTO OUTFILE) from a thread of its own and waits where the client reads slowly, so
memory stays bounded for any format. An error after the first byte is written into the body as ClickHouse does it, under
a tag that the head announced, and the response is then broken off without its end: no client takes it for whole.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from typing import Final, NoReturn

from starlette.types import Send

from services.embedded.endpoint.bodies import Encoder, encoder
from services.embedded.endpoint.errors import QueryError

_PIPE_BYTES: Final = 1024**2
_INLINE_BYTES: Final = 64 * 1024
"""Below it encoding takes less time than handing it to a thread."""


class ClientGone(Exception):
    """The client does not take its answer."""


class BrokenOff(Exception):
    """A result failed after its first byte was sent, and the client was told so. `code` is the error's."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Pipe:
    """A pipe that the engine writes into by its path, read in the event loop."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._reading, False)
        with suppress(OSError):  # many pipes at once: the kernel gives no more
            fcntl(self._writing, F_SETPIPE_SZ, _PIPE_BYTES)
        self.path = f"/proc/self/fd/{self._writing}"
        self._waiting: asyncio.Future[None] | None = None
        self.abandoned = False

    async def read(self) -> bytes:
        """What there is; waits for some. Empty at the end. Raises `ClientGone` when it was abandoned."""
        while not self.abandoned:
            try:
                return os.read(self._reading, _PIPE_BYTES)
            except BlockingIOError:
                await self._readable()
        raise ClientGone

    async def read_up_to(self, size: int) -> bytes:
        """The beginning, of at least this size where there is as much. Raises `ClientGone`."""
        read = await self.read()
        while 0 < len(read) < size and (more := await self.read()):
            read += more
        return read

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        loop.add_reader(self._reading, self._wake)
        try:
            await self._waiting
        finally:
            loop.remove_reader(self._reading)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def abandon(self) -> None:
        """Nobody wants the rest."""
        self.abandoned = True
        self._wake()

    def end(self) -> None:
        """The engine has written all; by the thread that it wrote in."""
        os.close(self._writing)

    def close(self) -> None:
        """Nothing is read any more: the engine's next write fails and ends its query."""
        os.close(self._reading)


class Reply:
    """One response: whole, or in pieces, or broken off."""

    def __init__(self, send: Send, encoding: str, patience_seconds: float) -> None:
        self._send = send
        self._encoding = encoding
        self._patience = patience_seconds
        self._encoder: Encoder | None = None

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A response that is known in full."""
        coding = encoder(self._encoding) if body else None
        coded = {}
        if coding is not None:
            body = await self._encoded(coding, body) + coding.finish()
            coded["content-encoding"] = self._encoding
        await self._begin(status, {**headers, **coded, "content-length": str(len(body))})
        await self._put(body, more=False)

    async def begin(self, headers: Mapping[str, str]) -> None:
        """The head of a response in pieces."""
        self._encoder = encoder(self._encoding)
        coded = {"content-encoding": self._encoding} if self._encoder is not None else {}
        await self._begin(200, {**headers, **coded})

    async def piece(self, data: bytes) -> None:
        """A piece of the body. Raises `ClientGone` where the client takes nothing for long."""
        coded = await self._encoded(self._encoder, data) if self._encoder is not None else data
        if coded:
            await self._put(coded, more=True)

    async def end(self) -> None:
        """The end of the body."""
        await self._put(self._encoder.finish() if self._encoder is not None else b"", more=False)

    async def break_off(self, error: QueryError, tag: str) -> NoReturn:
        """The error as the body's last words; the response gets no end. Raises `BrokenOff`."""
        message = error.message.encode()
        block = b"\r\n__exception__\r\n%b\r\n%b\n%d %b\r\n__exception__\r\n"
        await self.piece(block % (tag.encode(), message, len(message) + 1, tag.encode()))
        if self._encoder is not None:
            await self._put(self._encoder.finish(), more=True)
        raise BrokenOff(error.code)

    async def _encoded(self, coding: Encoder, data: bytes) -> bytes:
        if len(data) <= _INLINE_BYTES:
            return coding.encode(data)
        return await asyncio.to_thread(coding.encode, data)

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _put(self, body: bytes, *, more: bool) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._send({"type": "http.response.body", "body": body, "more_body": more})
        except TimeoutError:
            raise ClientGone from None
