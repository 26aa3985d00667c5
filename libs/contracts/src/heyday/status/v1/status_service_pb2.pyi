import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ProcessStatus(_message.Message):
    __slots__ = ("instance", "version", "uptime", "state", "waiting_for", "resident_memory_bytes", "dependencies", "topics", "consumers", "breakers")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ProcessStatus.State]
        SERVING: _ClassVar[ProcessStatus.State]
        NOT_SERVING: _ClassVar[ProcessStatus.State]
        DRAINING: _ClassVar[ProcessStatus.State]
    STATE_UNSPECIFIED: ProcessStatus.State
    SERVING: ProcessStatus.State
    NOT_SERVING: ProcessStatus.State
    DRAINING: ProcessStatus.State
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    CONSUMERS_FIELD_NUMBER: _ClassVar[int]
    BREAKERS_FIELD_NUMBER: _ClassVar[int]
    instance: str
    version: str
    uptime: _duration_pb2.Duration
    state: ProcessStatus.State
    waiting_for: _containers.RepeatedScalarFieldContainer[str]
    resident_memory_bytes: int
    dependencies: _containers.RepeatedCompositeFieldContainer[Dependency]
    topics: _containers.RepeatedCompositeFieldContainer[Topic]
    consumers: _containers.RepeatedCompositeFieldContainer[Consumer]
    breakers: _containers.RepeatedCompositeFieldContainer[Breaker]
    def __init__(self, instance: _Optional[str] = ..., version: _Optional[str] = ..., uptime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., state: _Optional[_Union[ProcessStatus.State, str]] = ..., waiting_for: _Optional[_Iterable[str]] = ..., resident_memory_bytes: _Optional[int] = ..., dependencies: _Optional[_Iterable[_Union[Dependency, _Mapping]]] = ..., topics: _Optional[_Iterable[_Union[Topic, _Mapping]]] = ..., consumers: _Optional[_Iterable[_Union[Consumer, _Mapping]]] = ..., breakers: _Optional[_Iterable[_Union[Breaker, _Mapping]]] = ...) -> None: ...

class Dependency(_message.Message):
    __slots__ = ("name", "state", "required", "latency", "look_time", "reason")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Dependency.State]
        UNKNOWN: _ClassVar[Dependency.State]
        UP: _ClassVar[Dependency.State]
        DOWN: _ClassVar[Dependency.State]
    STATE_UNSPECIFIED: Dependency.State
    UNKNOWN: Dependency.State
    UP: Dependency.State
    DOWN: Dependency.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    LOOK_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Dependency.State
    required: bool
    latency: _duration_pb2.Duration
    look_time: _timestamp_pb2.Timestamp
    reason: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Dependency.State, str]] = ..., required: _Optional[bool] = ..., latency: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., look_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Topic(_message.Message):
    __slots__ = ("name", "partition_count", "declared_partition_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARTITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    DECLARED_PARTITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    partition_count: int
    declared_partition_count: int
    def __init__(self, name: _Optional[str] = ..., partition_count: _Optional[int] = ..., declared_partition_count: _Optional[int] = ...) -> None: ...

class Consumer(_message.Message):
    __slots__ = ("group", "assigned_partition_count", "lag_records")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_PARTITION_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAG_RECORDS_FIELD_NUMBER: _ClassVar[int]
    group: str
    assigned_partition_count: int
    lag_records: int
    def __init__(self, group: _Optional[str] = ..., assigned_partition_count: _Optional[int] = ..., lag_records: _Optional[int] = ...) -> None: ...

class Breaker(_message.Message):
    __slots__ = ("name", "state")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Breaker.State]
        CLOSED: _ClassVar[Breaker.State]
        HALF_OPEN: _ClassVar[Breaker.State]
        OPEN: _ClassVar[Breaker.State]
    STATE_UNSPECIFIED: Breaker.State
    CLOSED: Breaker.State
    HALF_OPEN: Breaker.State
    OPEN: Breaker.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Breaker.State
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Breaker.State, str]] = ...) -> None: ...
