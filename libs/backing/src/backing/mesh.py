import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Final, Self

from backing import server
from backing.commands import create_topics, migrate
from backing.kafka import Kafka
from backing.ports import free_port
from backing.postgres import Postgres
from backing.process import Process
from backing.redis import Redis
from backing.replica import HttpServer, Replica
from backing.server import Server
from backing.services import GATEWAY, GATEWAY_CALLS, SERVICES, Addresses, settings_of, targets

PROJECT: Final = Path(__file__).parents[4]
DATABASE: Final = "heyday"

Settings = Mapping[str, Mapping[str, str]]  # By service, or "*" for all of them.


def _silent(_: str) -> None:
    pass


class Mesh:
    """The whole of Heyday as child processes: backing servers, provider simulator, services and gateway, all on free ports.

    Used as a context manager it is running inside and gone outside, whatever happens; its logs stay, and its data if it is durable. A part
    is stopped, killed, paused and started again through its `process` and `backing.server`; settings changed with `configure` are those of
    the next start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Settings | None = None,
        replicas: Mapping[str, int] | None = None,
        simulator: Sequence[str] = (),
        provider_url: str | None = None,
        durable: bool = True,
        progress: Callable[[str], None] = _silent,
    ) -> None:
        self.directory = directory
        self.logs = directory / "logs"
        self.postgres = Postgres(directory, durable=durable)
        self._durable = durable
        self.redis = Redis(directory)
        self.kafka = Kafka(directory)
        self.simulator = self._simulator(simulator)
        self.provider_url = provider_url or self.simulator.url
        self.internal_url = f"http://127.0.0.1:{free_port()}"  # the gateway's, for health in detail and metrics
        self.gateway = self._gateway()
        self.replicas: dict[str, list[Replica]] = {name: [] for name in SERVICES}
        self._settings: dict[str, dict[str, str]] = {name: dict(values) for name, values in (settings or {}).items()}
        self._progress = progress
        for name in SERVICES:
            self._add(name, (replicas or {}).get(name, 1))

    @property
    def url(self) -> str:
        """The gateway's public address."""
        return self.gateway.url

    def start(self) -> None:
        """Starts everything and returns when all of it answers; raises ProcessFailed, and stops what it started, if a part does not."""
        try:
            self.start_servers()
            self.start_services()
        except BaseException:
            self.stop()
            raise

    def start_servers(self) -> None:
        """The first half of `start`: the backing servers, with schemas and topics made."""
        self._progress("Starting Postgres, Redis and Kafka")
        server.start(self.postgres, self.redis, self.kafka)
        self._progress("Making schemas and topics")
        self._make_schemas_and_topics()

    def start_services(self) -> None:
        """The second half of `start`: the services by the settings of this moment, the gateway and the simulator."""
        self._progress("Starting the services, the gateway and the provider simulator")
        self._configure_all()
        server.start(*self._applications())

    def stop(self) -> None:
        """Stops everything, the services before what they stand on; repeatable."""
        server.stop(*self._applications())
        server.stop(self.postgres, self.redis, self.kafka)

    def forget(self) -> None:
        """Removes the data that an earlier mesh of this directory left behind; only while stopped."""
        self.postgres.forget()
        self.kafka.forget()

    def configure(self, service: str, **settings: str) -> None:
        """Changes settings of a service from its next start on."""
        self._settings.setdefault(service, {}).update(settings)
        self._configure_all()

    def scale(self, service: str, replicas: int) -> None:
        """Starts or stops replicas until there are so many. Callers of the service learn of new ones at their own next start."""
        self._add(service, replicas - len(self.replicas[service]))
        self._configure_all()
        for surplus in self.replicas[service][replicas:]:
            surplus.process.stop()
        del self.replicas[service][replicas:]
        server.start(*self.replicas[service])

    def parts(self) -> Iterator[tuple[str, Server]]:
        """Every part by name, in the order of their start."""
        yield "postgres", self.postgres
        yield "redis", self.redis
        yield "kafka", self.kafka
        yield "simulator", self.simulator
        for replica in chain.from_iterable(self.replicas.values()):
            yield replica.name, replica
        yield GATEWAY, self.gateway

    def addresses(self) -> Addresses:
        grpc = {name: [replica.target for replica in replicas] for name, replicas in self.replicas.items()}
        return Addresses(self._database_url, self.kafka.bootstrap_servers, self.redis.address, self.provider_url, grpc)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if not self._durable:
            self.forget()

    def _applications(self) -> list[Server]:
        return [self.simulator, *chain.from_iterable(self.replicas.values()), self.gateway]

    def _database_url(self, schema: str) -> str:
        return self.postgres.url(schema, DATABASE)

    def _add(self, service: str, number: int) -> None:
        existing = self.replicas[service]
        for _ in range(number):
            existing.append(Replica(service, SERVICES[service].package, len(existing) + 1, self.logs))

    def _configure_all(self) -> None:
        at = self.addresses()
        for name, replicas in self.replicas.items():
            for replica in replicas:
                replica.configure({**settings_of(SERVICES[name], at), **self._chosen(name)})
        self.gateway.process.environment = {**self._gateway_settings(at), **self._chosen(GATEWAY)}

    def _chosen(self, name: str) -> dict[str, str]:
        return {**self._settings.get("*", {}), **self._settings.get(name, {})}

    def _make_schemas_and_topics(self) -> None:
        if DATABASE not in self.postgres.databases():
            self.postgres.create_database(DATABASE)
        for service in SERVICES.values():
            if service.schema:
                self.postgres.create_schema(service.schema, DATABASE)
        at = self.addresses()
        with ThreadPoolExecutor() as pool:
            migrations = [
                pool.submit(migrate, service.package, settings_of(service, at)) for service in SERVICES.values() if service.schema
            ]
            topics = pool.submit(create_topics, self.kafka.bootstrap_servers)
            for done in (*migrations, topics):
                done.result()

    def _simulator(self, arguments: Sequence[str]) -> HttpServer:
        port = free_port()
        command = [sys.executable, "-m", "simulator", "--port", str(port), *arguments]
        process = Process("simulator", command, self.logs / "simulator.log")
        url = f"http://127.0.0.1:{port}"
        return HttpServer(process, url, f"{url}/health")

    def _gateway(self) -> HttpServer:
        process = Process(GATEWAY, [str(PROJECT / ".build" / "gateway")], self.logs / "gateway.log")
        # Not /health/ready: that is 200 as soon as any service is connected, and a mesh has started when all are.
        return HttpServer(process, f"http://127.0.0.1:{free_port()}", f"{self.internal_url}/health/detailed")

    def _gateway_settings(self, at: Addresses) -> dict[str, str]:
        own = {"HTTP_ADDRESS": self.url.removeprefix("http://"), "INTERNAL_ADDRESS": self.internal_url.removeprefix("http://")}
        return {"ENVIRONMENT": "development", **own, **targets(GATEWAY_CALLS, at)}
