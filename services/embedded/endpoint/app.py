"""Composition root of the endpoint: settings, engine, log, interface, server; and their end in the other order."""

import asyncio
import gc
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from time import monotonic
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.embedded.endpoint.engine import Engine
from services.embedded.endpoint.errors import QueryError
from services.embedded.endpoint.http import HttpInterface
from services.embedded.endpoint.metrics import EndpointMetrics
from services.embedded.endpoint.query_log import QueryLog
from services.embedded.endpoint.settings import EndpointSettings
from services.runtime.web import Health, WebServer, health_app

_BESIDE: Final = 8
"""Threads beside those of running queries: encoding, parsing, the log, cancelling."""
_PROBE_SECONDS: Final = 2.0
_DEAF_SECONDS: Final = 15.0
_MAX_HEAD_BYTES: Final = 1024**2
_KEEP_ALIVE_SECONDS: Final = 30
_log = structlog.get_logger()


class Pulse:
    """Asks the engine something small again and again: whether it answers is whether this process is ready."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._answered = monotonic()
        self.stopping = False

    async def beat(self) -> None:
        """Asks for ever."""
        while True:
            await asyncio.to_thread(self._ask)
            await asyncio.sleep(_PROBE_SECONDS)

    def _ask(self) -> None:
        with suppress(QueryError), self._engine.connect() as connection:
            connection.run("SELECT 1")
            self._answered = monotonic()

    def ready(self) -> Health:
        """Ready while the engine answers and nobody has asked to stop."""
        problems = []
        if self.stopping:
            problems.append("stopping")
        if monotonic() - self._answered > _DEAF_SECONDS:
            problems.append(f"the engine has not answered for {_DEAF_SECONDS:.0f} s")
        return Health(tuple(problems))


async def serve(settings: EndpointSettings, announce: Callable[[str], None]) -> None:
    """Serves until SIGTERM or SIGINT; then finishes what runs, or gives it up after a while, and closes the engine."""
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(settings.writer_queries + settings.auditor_queries + _BESIDE))
    engine = Engine(settings.data_path, settings.memory_limit_bytes)
    try:
        with engine.connect() as connection:
            connection.run(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
        await _serve(settings, engine, announce)
    finally:
        engine.close()


async def _serve(settings: EndpointSettings, engine: Engine, announce: Callable[[str], None]) -> None:
    registry = CollectorRegistry()
    metrics = EndpointMetrics(registry)
    log = QueryLog(engine, settings.query_log_days, metrics.log_lost.inc)
    pulse = Pulse(engine)
    interface = HttpInterface(engine, settings, log, metrics)
    routes = [Route("/ping", _ping), Route("/", interface, methods=["GET", "POST"])]
    app = health_app(registry, Health, pulse.ready, routes)
    web = WebServer(app, settings.host, settings.port, _KEEP_ALIVE_SECONDS, _MAX_HEAD_BYTES)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await web.start()
    gc.freeze()
    announce(web.url)
    beside = [asyncio.create_task(pulse.beat()), asyncio.create_task(log.store_for_ever(settings.query_log_seconds))]
    await stop.wait()
    pulse.stopping = True
    await _finish(web, engine, settings.stop_seconds)
    for task in beside:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    log.store()
    _log.info("stopped")


async def _finish(web: WebServer, engine: Engine, seconds: float) -> None:
    stopped = asyncio.create_task(web.stop())
    done, _ = await asyncio.wait({stopped}, timeout=seconds)
    while not done:
        _log.warning("queries cancelled: they were still running", seconds=seconds)
        await asyncio.to_thread(engine.cancel)
        done, _ = await asyncio.wait({stopped}, timeout=1)


async def _ping(_: Request) -> Response:
    return PlainTextResponse("Ok.\n")
