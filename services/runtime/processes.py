"""Child processes: started with a log, waited for, ended by the process that started them."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from services.runtime.errors import FrigjortError

_PR_SET_PDEATHSIG: Final = 1
KEEP_MEMORY: Final = {
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "JE_MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1",
}
"""Environment of a process that handles large batches one after another: keep freed memory for the next one. Giving it back
to the system and faulting it in again costs a fifth of the collector's time. The first three are for the C library and
Arrow, the last for the allocator inside chDB."""
_LIBC: Final = ctypes.CDLL(None)
_spawning: Final = ThreadPoolExecutor(1, thread_name_prefix="spawning")
"""Linux sends the death signal when the *thread* that forked ends: all children are forked by this one, which never does."""


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


def port_is_free(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class Child:
    """A process in a group of its own, with its standard error (and output, but for its announcement) in a log file."""

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
        self._heard = Event()
        self._announced = {}
        with self.log.open("ab") as log:
            self._process = _spawning.submit(self._spawn, log.fileno(), os.getpid()).result()
        self._listener = Thread(target=self._listen, args=(self._process, self._heard), daemon=True)
        self._listener.start()

    def _spawn(self, log: int, parent: int) -> subprocess.Popen[bytes]:
        def die_with_parent() -> None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it ended before the line above
                os._exit(1)

        return subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=self._environment,
            process_group=0,  # Ctrl-C reaches the parent, which ends its children in order
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - takes no lock
        )

    def _listen(self, process: subprocess.Popen[bytes], heard: Event) -> None:
        """Its standard output: the first JSON line announces it, the rest goes to the log. Ends with the process."""
        output = process.stdout
        if output is None:
            return
        with output, self.log.open("ab") as log:
            for line in output:
                if not heard.is_set() and line.startswith(b"{"):
                    self._announced = json.loads(line)
                    heard.set()
                else:
                    log.write(line)
                    log.flush()
        heard.set()

    @property
    def pid(self) -> int:
        """Its process id; 0 when it was not started."""
        return self._process.pid if self._process is not None else 0

    @property
    def exit_code(self) -> int | None:
        """Its exit code; `None` while it runs, and before it was started."""
        return self._process.poll() if self._process is not None else None

    def announcement(self, seconds: float) -> dict[str, Any]:
        """The JSON object that it prints when it is ready. Raises `ChildFailed`."""
        if not self._heard.wait(seconds):
            raise ChildFailed(self.name, f"was not ready within {seconds:.0f} s", self.log)
        if not self._announced:
            raise self._ended()
        return self._announced

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until `ready`, and until it is still alive then. Raises `ChildFailed`."""
        try:
            Retrying(
                retry=retry_if_result(lambda result: result is False),
                stop=stop_after_delay(seconds),
                wait=wait_fixed(0.05),
            )(self._check, ready)
        except RetryError:
            raise ChildFailed(self.name, f"was not ready within {seconds:.0f} s", self.log) from None

    def _check(self, ready: Callable[[], bool]) -> bool:
        is_ready = ready()
        if self.exit_code is not None:
            raise self._ended()
        return is_ready

    def _ended(self) -> ChildFailed:
        if self._process is not None:
            self._process.wait()
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        last = f" ({lines[-1][:300]})" if lines else ""
        return ChildFailed(self.name, f"ended with exit code {self.exit_code}{last}", self.log)

    def stop(self, seconds: float = 20.0) -> None:
        """Asks it to end, and ends it and what it started when it does not within these seconds."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Ends it, and what it started, without a word."""
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._listener is not None:
            self._listener.join()

    def send_signal(self, number: int) -> None:
        """Sends it a signal."""
        if self._process is not None:
            self._process.send_signal(number)
