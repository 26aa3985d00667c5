"""What a stretch of time cost: CPU by process, SQL by statement, calls by method."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import psutil
from prometheus_client.parser import text_string_to_metric_families

from backing.mesh import DATABASE, Mesh
from backing.process import Process

SERVICES = ("scheduler-service", "notifier-service", "dispatcher-service", "user-service")
#: Sent by every transaction, and neither parsed nor planned.
_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")
_STATEMENTS = """
SELECT query, calls, rows, total_exec_time FROM pg_stat_statements JOIN pg_roles ON oid = userid WHERE rolname = ANY(%s)
ORDER BY total_exec_time DESC
"""


@dataclass(frozen=True)
class Statement:
    """One statement of the services, in total."""

    text: str
    calls: int
    rows: int
    milliseconds: float


@dataclass(frozen=True)
class Cost:
    """What a stretch of time cost."""

    #: CPU seconds by part; a service's replicas are one part.
    cpu_seconds: Mapping[str, float]
    #: Calls of the services' RPCs by service, without health checks.
    rpcs: Mapping[str, int] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)

    @property
    def own_cpu_seconds(self) -> float:
        """Of our own processes, without servers, provider and gateway."""
        return sum(self.cpu_seconds.get(name, 0.0) for name in SERVICES)

    @property
    def sql(self) -> int:
        """Statements, without the begin and end of transactions."""
        return sum(statement.calls for statement in self.statements if not statement.text.startswith(_CONTROL))

    @property
    def transactions(self) -> int:
        return sum(statement.calls for statement in self.statements if statement.text.startswith("COMMIT"))


class Meter:
    """Counts from its making, or from the last `reset`, on."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        with mesh.postgres.connect(DATABASE) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        self.reset()

    def reset(self) -> None:
        with self._mesh.postgres.connect(DATABASE) as connection:
            connection.execute("SELECT pg_stat_statements_reset()")
        self._rpcs = self._read_rpcs()
        self._cpu = self._read_cpu()

    def read(self) -> Cost:
        cpu = self._read_cpu()
        seconds = {name: round(cpu[name] - self._cpu[name], 2) for name in cpu}
        return Cost(seconds, dict(self._read_rpcs() - self._rpcs), self._read_statements())

    def _read_cpu(self) -> dict[str, float]:
        seconds: defaultdict[str, float] = defaultdict(float)
        for name, part in self._mesh.parts():
            seconds[name.rpartition("-")[0] if name[-1].isdigit() else name] += _cpu_seconds(part.process)
        return dict(seconds)

    def _read_rpcs(self) -> Counter[str]:
        calls: Counter[str] = Counter()
        for service in SERVICES:
            for replica in self._mesh.replicas[service]:
                calls[service] += _started_calls(replica.metrics_address)
        return calls

    def _read_statements(self) -> list[Statement]:
        with self._mesh.postgres.connect(DATABASE) as connection:
            return [Statement(*row) for row in connection.execute(_STATEMENTS, [["scheduler", "notifier"]]).fetchall()]


def _cpu_seconds(process: Process) -> float:
    """With those of its children that have ended: Postgres' workers come and go."""
    if not process.running:
        return 0.0
    parent = psutil.Process(process.pid)
    return sum(map(_seconds_of, [parent, *parent.children(recursive=True)])) + _ended_children(parent)


def _seconds_of(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times: Any = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _ended_children(process: psutil.Process) -> float:
    times: Any = process.cpu_times()
    return float(times.children_user + times.children_system)


def _started_calls(metrics_address: str) -> int:
    with urlopen(f"http://{metrics_address}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        total = sum(_samples(family.samples) for family in families if family.name == "grpc_server_started")
        return round(total)


def _samples(samples: Iterable[Any]) -> float:
    return math.fsum(each.value for each in samples if each.name.endswith("_total") and each.labels["grpc_service"].startswith("heyday."))
