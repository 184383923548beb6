"""The server of every process: /livez, /readyz and /metrics on one port."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass(frozen=True, slots=True)
class Health:
    """What a process says of itself: `problems` is empty when it is well."""

    problems: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def health_app(
    registry: CollectorRegistry, live: Callable[[], Health], ready: Callable[[], Health], extra: Sequence[Route] = ()
) -> Starlette:
    """The three routes, and whatever a service adds."""

    def answer(health: Health) -> JSONResponse:
        return JSONResponse({"ok": health.well, "problems": health.problems}, status_code=200 if health.well else 503)

    async def livez(_: Request) -> Response:
        return answer(live())

    async def readyz(_: Request) -> Response:
        return answer(ready())

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics), *extra])


class WebServer:
    """Serves an application inside the running event loop. Port 0 takes a free one: see `url` after `start`."""

    def __init__(
        self, app: Starlette, host: str, port: int, keep_alive_seconds: int = 5, max_head_bytes: int = 65_536
    ) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=keep_alive_seconds,
            h11_max_incomplete_event_size=max_head_bytes,
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._socket = _listening(host, port)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Base address, without a slash at the end."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Begins to serve."""
        self._task = asyncio.create_task(self._serve(), name="web")

    async def _serve(self) -> None:
        # Not `serve()`, which takes over the process's signal handlers.
        await self._server._serve(sockets=[self._socket])  # noqa: SLF001

    async def stop(self) -> None:
        """Ends open requests and closes the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def _listening(host: str, port: int) -> socket.socket:
    """As `socket.create_server`, but it names TCP: else asyncio does not switch Nagle's algorithm off, and each answer to
    a client that keeps its connection waits 40 ms for a delayed acknowledgement."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((host, port))
        server.listen()
    except OSError:
        server.close()
        raise
    return server
