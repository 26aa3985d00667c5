"""How this process is, for people who watch over it: what it knows anyway, from its last looks and its metrics."""

from collections.abc import Iterator, Mapping
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from prometheus_client import REGISTRY

from heyday.status.v1 import status_service_pb2 as pb
from heyday.status.v1 import status_service_pb2_grpc as pb_grpc
from servicekit.clock import monotonic
from servicekit.readiness import Dependency, Readiness
from servicekit.settings import ServiceSettings

SERVICE = pb.DESCRIPTOR.services_by_name["StatusService"].full_name

# Read by name: a service that has no Kafka, or no breaker, does not have the modules that keep these either.
_MEMORY = "process_resident_memory_bytes"
_PARTITIONS = "kafka_topic_partitions"
_DECLARED = "kafka_topic_declared_partitions"
_ASSIGNED = "kafka_assigned_partitions"
_LAG = "kafka_consumer_lag_records"
_BREAKERS = "breaker_state"
#: By the value of the gauge.
_BREAKER_STATES = (pb.Breaker.CLOSED, pb.Breaker.HALF_OPEN, pb.Breaker.OPEN)


class StatusServicer(pb_grpc.StatusServiceServicer):
    """Answers for this process."""

    def __init__(self, settings: ServiceSettings, readiness: Readiness) -> None:
        self._settings = settings
        self._readiness = readiness
        self._began = monotonic()

    async def GetStatus(self, request: pb.GetStatusRequest, context: grpc.aio.ServicerContext[Any, Any]) -> pb.ProcessStatus:
        measured = Measured()
        return pb.ProcessStatus(
            instance=self._settings.instance_name,
            version=self._settings.version,
            uptime=_duration(monotonic() - self._began),
            state=_state(self._readiness),
            waiting_for=self._readiness.missing(),
            resident_memory_bytes=int(measured.total(_MEMORY)),
            dependencies=[_dependency(each) for each in self._readiness.dependencies()],
            topics=_topics(measured),
            consumers=_consumers(measured),
            breakers=_breakers(measured),
        )


class Measured:
    """The metrics that are of interest here, at one moment."""

    def __init__(self) -> None:
        names = (_MEMORY, _PARTITIONS, _DECLARED, _ASSIGNED, _LAG, _BREAKERS)
        metrics = REGISTRY.restricted_registry(names).collect()
        self._samples = [sample for metric in metrics for sample in metric.samples]

    def by(self, label: str, name: str) -> dict[str, float]:
        """The metric by a label's value, sorted, and summed over other labels."""
        found: dict[str, float] = {}
        for labels, value in self._of(name):
            found[labels[label]] = found.get(labels[label], 0) + value
        return dict(sorted(found.items()))

    def total(self, name: str) -> float:
        return sum(value for _, value in self._of(name))

    def _of(self, name: str) -> Iterator[tuple[Mapping[str, str], float]]:
        return ((sample.labels, sample.value) for sample in self._samples if sample.name == name)


def _state(readiness: Readiness) -> pb.ProcessStatus.State:
    if readiness.draining:
        return pb.ProcessStatus.DRAINING
    return pb.ProcessStatus.SERVING if readiness.ready else pb.ProcessStatus.NOT_SERVING


def _dependency(dependency: Dependency) -> pb.Dependency:
    name, required, look = dependency.name, dependency.required, dependency.look
    if look is None:
        return pb.Dependency(name=name, required=required, state=pb.Dependency.UNKNOWN)
    return pb.Dependency(
        name=name,
        required=required,
        state=pb.Dependency.UP if look.answered else pb.Dependency.DOWN,
        latency=_duration(look.seconds),
        look_time=Timestamp(seconds=int(look.ended_at), nanos=int(look.ended_at % 1 * 1000) * 1_000_000),
        reason=look.reason,
    )


def _topics(measured: Measured) -> list[pb.Topic]:
    declared = measured.by("topic", _DECLARED)
    found = measured.by("topic", _PARTITIONS)
    return [pb.Topic(name=name, partition_count=int(found[name]), declared_partition_count=int(count)) for name, count in declared.items()]


def _consumers(measured: Measured) -> list[pb.Consumer]:
    lag = measured.by("group", _LAG)
    assigned = measured.by("group", _ASSIGNED)
    return [
        pb.Consumer(group=group, assigned_partition_count=int(count), lag_records=int(lag.get(group, 0)))
        for group, count in assigned.items()
    ]


def _breakers(measured: Measured) -> list[pb.Breaker]:
    return [pb.Breaker(name=name, state=_BREAKER_STATES[int(value)]) for name, value in measured.by("breaker", _BREAKERS).items()]


def _duration(seconds: float) -> Duration:
    return Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1_000_000) * 1000)
