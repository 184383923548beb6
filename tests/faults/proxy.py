"""A TCP proxy before ClickHouse or Kafka that does to its connections what networks do."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from struct import pack
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

_CHUNK: Final = 256 * 1024
_REQUEST_IS_COMPLETE_SECONDS: Final = 0.1
"""A client on the same machine that has sent nothing for so long waits for its answer."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What happens to what passes. `answer`: the server is not asked, this is the answer."""

    delay_seconds: float = 0.0
    black_hole: bool = False
    answer: bytes = b""


@dataclass(slots=True, eq=False)
class _Connection:
    client: StreamWriter
    server: StreamWriter
    request: bytes = b""

    def reset(self) -> None:
        """Ends it the hard way: both sides see a reset, nothing that waits is sent."""
        for writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """Listens on a port of its own and forwards to `port`, both on 127.0.0.1, in a thread of its own."""

    def __init__(self, port: int = 0, listen: int = 0) -> None:
        self.target = port
        self.port = listen
        self._behaviour = Behaviour()
        self._swallow = 0
        self._swallow_after = b""
        self.swallowed = 0
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- what can be done to it ------------------------------------------------------------------------------------------

    def behave(self, behaviour: Behaviour) -> None:
        """From now on, on open connections too."""
        self._do(self._set(behaviour))

    def cut(self) -> None:
        """Every open connection is reset; new ones are taken."""
        self._do(self._cut())

    def refuse(self) -> None:
        """Every open connection is reset and new ones are refused, until `accept`."""
        self._do(self._refuse())

    def accept(self) -> None:
        """Listens again."""
        self._do(self._listen())

    def heal(self) -> None:
        """All is well from now on."""
        self.behave(Behaviour())
        self.swallow_answers(0)
        self.accept()

    def swallow_answers(self, times: int, after: bytes = b"") -> None:
        """So many times the server does its work and answers, but its answer is swallowed and the connection reset. `after`:
        only where the request contains these bytes. `swallowed` counts how often it happened."""
        self._do(self._set_swallowing(times, after))

    # -- how ------------------------------------------------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _set(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    async def _set_swallowing(self, times: int, after: bytes) -> None:
        self._swallow, self._swallow_after = times, after

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    async def _refuse(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        await self._cut()

    async def _close(self) -> None:
        await self._refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, to_server)
        self._connections.add(connection)
        try:
            await asyncio.gather(self._requests(reader, connection), self._answers(from_server, connection))
        except OSError:
            pass
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _requests(self, client: StreamReader, connection: _Connection) -> None:
        while data := await client.read(_CHUNK):
            behaviour = self._behaviour
            if behaviour.black_hole:
                continue
            if behaviour.answer:
                await self._answer(client, connection, behaviour.answer)
                return
            connection.request = (connection.request + data)[-_CHUNK:] if self._swallow else b""
            connection.server.write(data)
            await connection.server.drain()
        connection.server.write_eof()

    async def _answer(self, client: StreamReader, connection: _Connection, answer: bytes) -> None:
        with suppress(TimeoutError):
            while await asyncio.wait_for(client.read(_CHUNK), _REQUEST_IS_COMPLETE_SECONDS):
                pass
        connection.client.write(answer)
        await connection.client.drain()
        connection.client.close()
        connection.server.close()

    async def _answers(self, server: StreamReader, connection: _Connection) -> None:
        while data := await server.read(_CHUNK):
            behaviour = self._behaviour
            if behaviour.delay_seconds:
                await asyncio.sleep(behaviour.delay_seconds)
            if behaviour.black_hole:
                continue
            if self._swallow and self._swallow_after in connection.request:
                self._swallow -= 1
                self.swallowed += 1
                connection.reset()
                return
            connection.request = b""
            connection.client.write(data)
            await connection.client.drain()
        with suppress(OSError, RuntimeError):
            connection.client.write_eof()


def http_error(status: int, reason: str, code: int | None = None, message: str = "") -> bytes:
    """An HTTP answer as ClickHouse (`code`: its exception code) or something before it gives it."""
    body = f"Code: {code}. DB::Exception: {message}\n".encode() if code is not None else f"{reason}\n".encode()
    head = [
        f"HTTP/1.1 {status} {reason}",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if code is not None:
        head.append(f"X-ClickHouse-Exception-Code: {code}")
    return "\r\n".join([*head, "", ""]).encode() + body
