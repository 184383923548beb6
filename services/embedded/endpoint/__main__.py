"""`python -m services.embedded.endpoint`: one JSON line on standard output says where it listens."""

import asyncio
import json
import os
import sys
import time

from services.embedded.endpoint.app import serve
from services.embedded.endpoint.settings import EndpointSettings
from services.runtime import logging
from services.runtime.errors import Misconfigured


def main() -> int:
    """The exit code: 2 for a wrong setting, 1 where the port or the data path is taken."""
    os.environ["TZ"] = "UTC"  # noqa: TID251 - the engine reads times without a zone in the machine's
    time.tzset()
    try:
        settings = EndpointSettings.load()
        logging.configure("endpoint", settings.log_level)
        asyncio.run(serve(settings, _announce))
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"the endpoint cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def _announce(url: str) -> None:
    print(json.dumps({"ready": "clickhouse", "url": url}), flush=True)


sys.exit(main())
