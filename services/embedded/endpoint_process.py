"""The endpoint as a child process."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from services.runtime.processes import KEEP_MEMORY, Child, ChildFailed

_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0


class EndpointProcess:
    """Starts and ends `python -m services.embedded.endpoint`. After `start`, `url` says where it is; the port is kept.

    `settings` are further settings of the endpoint by their names there, as text.
    """

    def __init__(
        self,
        data_path: Path,
        writer_password: str,
        auditor_password: str,
        log: Path,
        port: int = 0,
        *,
        settings: dict[str, str] | None = None,
    ) -> None:
        self._settings = {
            **(settings or {}),
            "data_path": str(data_path),
            "writer_password": writer_password,
            "auditor_password": auditor_password,
        }
        self._port = port
        self._log = log
        self.url = ""
        self.child = self._child()

    def _child(self) -> Child:
        own = {f"FRIGJORT_ENDPOINT_{name.upper()}": value for name, value in self._settings.items()}
        environment = {
            **KEEP_MEMORY,
            **os.environ,  # noqa: TID251 - a child inherits its parent's environment
            **own,
            "FRIGJORT_ENDPOINT_PORT": str(self._port),
        }
        command = [sys.executable, "-m", "services.embedded.endpoint"]
        return Child("the ClickHouse endpoint", command, self._log, environment)

    def start(self) -> str:
        """Starts it and returns its URL. Raises `ChildFailed`."""
        self.child = self._child()
        self.child.start()
        try:
            self.url = str(self.child.announcement(_READY_SECONDS)["url"])
        except ChildFailed:
            self.child.kill()
            raise
        self._port = int(self.url.rsplit(":", 1)[1])
        return self.url

    @property
    def pid(self) -> int:
        """Its process id; 0 when it was not started."""
        return self.child.pid

    def stop(self) -> None:
        """Ends it cleanly: what runs is finished, or given up after the endpoint's own `stop_seconds`."""
        self.child.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        self.child.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
