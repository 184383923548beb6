"""Child processes: started with a log, waited for, ended by the process that started them."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from services.runtime.errors import FrigjortError

_PR_SET_PDEATHSIG = 1
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""Environment of a process that handles large batches one after another: keep freed memory for the next one. Giving it back
to the system and faulting it in again costs a fifth of the collector's time."""


@dataclass(eq=False)
class ChildFailed(FrigjortError):
    """A child process did not become ready."""

    name: str
    reason: str
    log: Path

    def __str__(self) -> str:
        return f"{self.name} {self.reason}; its log is {self.log}"


def free_port() -> int:
    """A port on 127.0.0.1 that is free at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _die_with_parent() -> None:
    """SIGTERM when the parent ends, however it ends; and a process group of its own, so that Ctrl-C reaches the parent."""
    os.setpgrp()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A process with its standard error (and output, unless it announces itself there) in a log file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(environment) if environment is not None else None
        self._process: subprocess.Popen[bytes] | None = None
        self._announced: dict[str, Any] = {}
        self._heard = Event()
        self._listener: Thread | None = None

    def start(self) -> None:
        """Starts it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._heard.clear()
        self._announced = {}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - before any thread of ours holds a lock that it takes
            )
        self._listener = Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Its standard output: the first JSON line announces it, the rest goes to the log. Ends with the process."""
        output = process.stdout
        if output is None:
            return
        with output, self.log.open("ab") as log:
            for line in output:
                if not self._heard.is_set() and line.startswith(b"{"):
                    self._announced = json.loads(line)
                    self._heard.set()
                else:
                    log.write(line)
                    log.flush()
        self._heard.set()

    @property
    def pid(self) -> int:
        """Its process id; 0 when it was not started."""
        return self._process.pid if self._process is not None else 0

    @property
    def exit_code(self) -> int | None:
        """Its exit code; `None` while it runs."""
        return self._process.poll() if self._process is not None else None

    def announcement(self, seconds: float) -> dict[str, Any]:
        """The JSON object that it prints when it is ready. Raises `ChildFailed`."""
        if not self._heard.wait(seconds) or not self._announced:
            ended = f"ended with exit code {self.exit_code}" if self.exit_code is not None else "did not become ready"
            raise ChildFailed(self.name, ended, self.log)
        return self._announced

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until `ready`. Raises `ChildFailed`."""
        try:
            Retrying(
                retry=retry_if_result(lambda result: result is False),
                stop=stop_after_delay(seconds),
                wait=wait_fixed(0.05),
            )(self._check, ready)
        except RetryError:
            raise ChildFailed(self.name, f"was not ready within {seconds:.0f} s", self.log) from None

    def _check(self, ready: Callable[[], bool]) -> bool:
        if self.exit_code is not None:
            raise ChildFailed(self.name, f"ended with exit code {self.exit_code}", self.log)
        return ready()

    def stop(self, seconds: float = 20.0) -> None:
        """Asks it to end, and ends it when it does not."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Ends it without a word."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._listener is not None:
            self._listener.join()

    def send_signal(self, number: int) -> None:
        """Sends it a signal."""
        if self._process is not None:
            self._process.send_signal(number)
