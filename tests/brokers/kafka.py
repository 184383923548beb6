"""Apache Kafka on 127.0.0.1: `KafkaBroker`, one node that is broker and controller; `KafkaCluster`, three of them.

Unlike the embedded broker it keeps its data: killed and started again on its folder, it goes on where it was."""

import random
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.runtime.processes import Child, ChildFailed, port_is_free
from services.runtime.settings import KafkaSettings
from tests.brokers import jars

_CLUSTER_ID: Final = "ZnJpZ2pvcnQtdGVzdHMtMQ"
_ARCHIVE: Final = jars.FOLDER / "archive.jsa"
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_JVM: Final = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:disable",
               "-Xlog:all=error:stderr", f"-Dlog4j2.configurationFile={jars.HERE / 'log4j2.properties'}")  # fmt: skip


def _steady_port() -> int:
    """A free port below those that the system gives to outgoing connections: nobody takes it while the broker is down."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    while True:
        port = random.SystemRandom().randrange(max(first // 2, 1024), first)
        if port_is_free(port):
            return port


def _java(arguments: Sequence[str], archive: str) -> list[str]:
    return [jars.java(), *_JVM, archive, "-cp", jars.classpath(), *arguments]


class KafkaBroker:
    """One node, by default a whole installation. `port` 0 takes a free one and keeps it over restarts. Clients are told
    the port `advertised`, so that a proxy can stand before the broker; the brokers among themselves do not pass it.
    `voters` are the controllers' ports by node, where this is one of several. Leaving the context ends it."""

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        advertised: int = 0,
        properties: Mapping[str, str] | None = None,
        node: int = 1,
        voters: Mapping[int, int] | None = None,
        archive: str = f"-XX:SharedArchiveFile={_ARCHIVE}",
    ) -> None:
        """Raises `jars.Missing` or `jars.Altered`."""
        self.folder = folder
        self.port = port or _steady_port()
        self.bootstrap_servers = f"127.0.0.1:{advertised or self.port}"
        self._own_address = f"127.0.0.1:{self.port}"
        self.direct = f"127.0.0.1:{_steady_port()}"
        """The brokers' own listener: how to reach it where a proxy stands before it."""
        self._node = node
        self._properties = folder / "server.properties"
        self._server = _server(
            folder, node, (self._own_address, self.direct), self.bootstrap_servers, voters or {1: _steady_port()}
        )
        self._server |= properties or {}
        self._format = _java(["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID], archive)
        run = _java(["kafka.Kafka", str(self._properties)], archive)
        self.child = Child(f"Apache Kafka, node {node}", run, folder / "broker.log")

    @property
    def settings(self) -> KafkaSettings:
        """How its clients are set."""
        return KafkaSettings(bootstrap_servers=self.bootstrap_servers, idempotent_producer=True)

    @property
    def children(self) -> list[Child]:
        """Its process."""
        return [self.child]

    @property
    def pid(self) -> int:
        """Its process id; 0 when it was not started."""
        return self.child.pid

    def start(self) -> None:
        """Starts it and waits until it answers a metadata request. Raises `ChildFailed`."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts it, formatted if it is new, and does not wait. Raises `ChildFailed`."""
        if not port_is_free(self.port):  # else the readiness probe would be answered by whoever is there
            raise ChildFailed(
                self.child.name, f"cannot listen on {self._own_address}: the port is taken", self.child.log
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in self._server.items()), encoding="utf-8")
        if not (self.folder / "data" / "meta.properties").exists():
            with self.child.log.open("ab") as log:
                command = [*self._format, "--config", str(self._properties)]
                if subprocess.run(command, check=False, stdout=log, stderr=log).returncode != 0:
                    raise ChildFailed(self.child.name, "could not be formatted", self.child.log)
        self.child.start()

    def wait(self, brokers: int = 1) -> None:
        """Waits until it knows so many brokers. Raises `ChildFailed`."""
        client = AdminClient({"bootstrap.servers": self._own_address, "log_level": 0, "reconnect.backoff.max.ms": 100})

        def answers() -> bool:
            try:
                return len(client.list_topics(timeout=1).brokers) >= brokers
            except KafkaException:
                return False

        try:
            self.child.wait_until(answers, _READY_SECONDS)
        except ChildFailed:
            self.child.kill()
            raise

    def stop(self) -> None:
        """Asks it to end, and ends it when it does not."""
        self.child.stop(_STOP_SECONDS)

    def kill(self) -> None:
        """kill -9."""
        self.child.kill()

    def suspend(self) -> None:
        """Freezes it (SIGSTOP)."""
        self.child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on (SIGCONT)."""
        self.child.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class KafkaCluster:
    """Nodes 1 to `nodes`, each broker and controller; topics have three replicas, two of which must be in sync for a write.
    `advertised` gives a node's port for clients where a proxy stands before it. Leaving the context ends all."""

    def __init__(
        self,
        folder: Path,
        nodes: int = 3,
        advertised: Mapping[int, int] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Raises `jars.Missing` or `jars.Altered`."""
        voters = {node: _steady_port() for node in range(1, nodes + 1)}
        self.brokers = {
            node: KafkaBroker(
                folder / str(node), 0, (advertised or {}).get(node, 0), properties, node=node, voters=voters
            )
            for node in voters
        }
        self.bootstrap_servers = ",".join(broker.bootstrap_servers for broker in self.brokers.values())
        self.direct = ",".join(broker.direct for broker in self.brokers.values())

    @property
    def settings(self) -> KafkaSettings:
        """How its clients are set."""
        replicas = min(len(self.brokers), 3)
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers, idempotent_producer=True, replication_factor=replicas
        )

    @property
    def children(self) -> list[Child]:
        """The processes of all nodes."""
        return [broker.child for broker in self.brokers.values()]

    def start(self) -> None:
        """Starts all and waits until each knows the others. Raises `ChildFailed`."""
        for broker in self.brokers.values():
            broker.launch()
        for broker in self.brokers.values():
            broker.wait(len(self.brokers))

    def stop(self) -> None:
        """Ends all at once: one after another, the last would wait for a majority that is gone."""
        for broker in self.brokers.values():
            broker.child.send_signal(signal.SIGTERM)
        for broker in self.brokers.values():
            broker.stop()

    def kill(self, node: int) -> None:
        """kill -9 of one node."""
        self.brokers[node].kill()

    def restart(self, node: int) -> None:
        """Starts a node that ended again, and waits until it is back among the others. Raises `ChildFailed`."""
        self.brokers[node].launch()
        self.brokers[node].wait(len(self.brokers))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _server(
    folder: Path, node: int, addresses: tuple[str, str], advertised: str, voters: Mapping[int, int]
) -> dict[str, str]:
    """server.properties, but for what a test changes. `addresses`: the clients' listener and the brokers'."""
    address, internal = addresses
    replicas = min(len(voters), 3)
    in_sync = max(replicas - 1, 1)
    return {
        "process.roles": "broker,controller",
        "node.id": str(node),
        "log.dirs": str(folder / "data"),
        "controller.quorum.voters": ",".join(f"{number}@127.0.0.1:{port}" for number, port in voters.items()),
        "listeners": f"CLIENTS://{address},BROKERS://{internal},CONTROLLERS://127.0.0.1:{voters[node]}",
        "advertised.listeners": f"CLIENTS://{advertised},BROKERS://{internal}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,BROKERS:PLAINTEXT,CONTROLLERS:PLAINTEXT",
        "inter.broker.listener.name": "BROKERS",
        "controller.listener.names": "CONTROLLERS",
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
        # Small and quick: a node that died is known to be gone, and may come again, after three seconds instead of nine.
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "300",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
        "log.cleaner.threads": "1",
        "num.network.threads": "2",
        "num.io.threads": "3",
        # As in an installation that is run with care.
        "auto.create.topics.enable": "false",
        "log.retention.ms": "-1",
        "unclean.leader.election.enable": "false",
    }


def make_archive() -> None:
    """Runs a broker once and keeps the classes that it loaded, for the JVM to map at each later start."""
    _ARCHIVE.unlink(missing_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaBroker(Path(folder), archive=f"-XX:ArchiveClassesAtExit={_ARCHIVE}"),
    ):
        pass
