"""The endpoint as a child process."""

import os
import sys
from pathlib import Path

from services.runtime.processes import KEEP_MEMORY, Child

_READY_SECONDS = 60.0


class EndpointProcess:
    """Starts and ends `python -m services.embedded.endpoint`. After `start`, `url` says where it is; the port is kept."""

    def __init__(self, data_path: Path, writer_password: str, auditor_password: str, log: Path, port: int = 0) -> None:
        self._data_path = data_path
        self._passwords = (writer_password, auditor_password)
        self._port = port
        self._log = log
        self.url = ""
        self.child = self._child()

    def _child(self) -> Child:
        writer, auditor = self._passwords
        environment = {
            **KEEP_MEMORY,
            **os.environ,  # noqa: TID251 - a child inherits its parent's environment
            "FRIGJORT_ENDPOINT_DATA_PATH": str(self._data_path),
            "FRIGJORT_ENDPOINT_WRITER_PASSWORD": writer,
            "FRIGJORT_ENDPOINT_AUDITOR_PASSWORD": auditor,
            "FRIGJORT_ENDPOINT_PORT": str(self._port),
        }
        return Child(
            "the ClickHouse endpoint", [sys.executable, "-m", "services.embedded.endpoint"], self._log, environment
        )

    def start(self) -> str:
        """Starts it and returns its URL. Raises `ChildFailed`."""
        self.child = self._child()
        self.child.start()
        self.url = str(self.child.announcement(_READY_SECONDS)["url"])
        self._port = int(self.url.rsplit(":", 1)[1])
        return self.url

    def stop(self) -> None:
        """Ends it cleanly."""
        self.child.stop(30.0)
