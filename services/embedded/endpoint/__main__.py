"""`python -m services.embedded.endpoint`: one JSON line on standard output says where it listens."""

import asyncio
import json
import signal
import sys
from contextlib import suppress

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from services.embedded.endpoint.engine import Pool
from services.embedded.endpoint.http import EndpointMetrics, HttpInterface
from services.embedded.endpoint.query_log import QueryLog
from services.embedded.endpoint.settings import EndpointSettings
from services.embedded.endpoint.statements import Parser
from services.runtime import logging
from services.runtime.errors import Misconfigured
from services.runtime.web import Health, WebServer, health_app


async def serve(settings: EndpointSettings) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what runs and closes the engine."""
    settings.data_path.mkdir(parents=True, exist_ok=True)
    own = Pool(settings.data_path, 2, settings.database, readonly=False)
    writers = Pool(settings.data_path, settings.writer_sessions, settings.database, readonly=False)
    auditors = Pool(settings.data_path, settings.auditor_sessions, settings.database, readonly=True)
    log = QueryLog(own.take(), settings.query_log_days)
    registry = CollectorRegistry()
    interface = HttpInterface(settings, writers, auditors, Parser(own.take()), log, EndpointMetrics(registry))
    routes = [
        Route("/ping", interface.ping),
        Route("/", interface.query, methods=["GET", "POST"]),
    ]
    web = WebServer(health_app(registry, Health, Health, routes), settings.host, settings.port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await web.start()
    print(json.dumps({"ready": "clickhouse", "url": web.url}), flush=True)
    writing = asyncio.create_task(log.write_for_ever())
    await stop.wait()
    await web.stop()
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    log.write()
    for pool in (writers, auditors):
        pool.close()


def main() -> int:
    """The exit code: 2 for a wrong setting, 1 where the port or the data path is taken."""
    try:
        settings = EndpointSettings.load()
        logging.configure("endpoint", settings.log_level)
        asyncio.run(serve(settings))
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"the endpoint cannot start: {error}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
