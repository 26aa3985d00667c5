from collections.abc import Sequence
from functools import partial

from uuid_utils.compat import uuid7

from heyday.user.v1 import user_service_pb2, user_service_pb2_grpc
from occasions import registry
from servicekit import redis
from servicekit.clock import SystemClock
from servicekit.grpc_server import GrpcServer
from servicekit.kafka import KafkaProducer
from servicekit.outbox import Outbox, Relay
from servicekit.postgres import create_engine, ping
from servicekit.runtime import Closing, Component, Readiness, every, probe
from servicekit.telemetry import metrics_server
from servicekit.topics import UsedTopics
from user_service.adapters.postgres import Events, PostgresUserStore
from user_service.adapters.redis import RedisUserCache
from user_service.service import UserService
from user_service.servicer import UserServicer
from user_service.settings import Settings

TOPIC = "heyday.user.v1.user-changed"
SERVICE = user_service_pb2.DESCRIPTOR.services_by_name["UserService"].full_name


def build(settings: Settings, readiness: Readiness) -> Sequence[Component]:
    """The parts of the process, in the order of their start. Postgres decides readiness; Redis and Kafka only slow things down."""
    engine = create_engine(settings, "user-service")
    hints = redis.client(settings)
    producer = KafkaProducer(settings)

    outbox = Outbox()
    relay = Relay(engine, outbox, producer, batch=settings.outbox_batch_records, poll_seconds=settings.outbox_poll_seconds)

    events = Events(outbox, TOPIC, settings.snapshot_epoch)
    store = PostgresUserStore(engine, events, clock_offset=settings.clock_offset)
    cache = RedisUserCache(hints, epoch=settings.snapshot_epoch, seconds=settings.cache_seconds)
    clock = SystemClock(settings.clock_offset)
    service = UserService(store, cache, clock, registry.discover(), new_id=uuid7, committed=relay.wake)

    servicer = UserServicer(service, settings.snapshot_epoch)
    register = partial(user_service_pb2_grpc.add_UserServiceServicer_to_server, servicer)

    return [
        metrics_server(settings),
        Closing("postgres", engine.dispose),
        Closing("redis", hints.aclose),
        producer,
        relay,
        every("cache-generation", settings.cache_generation_poll_seconds, service.learn_generation),
        every("request-cleaning", settings.request_cleaning_seconds, partial(service.forget_requests, settings.request_retention_hours)),
        probe("postgres", partial(ping, engine), readiness),
        probe("redis", partial(redis.ping, hints), readiness, required=False),
        probe("kafka", UsedTopics(settings, [TOPIC]).look, readiness, required=False),
        GrpcServer(settings, [register], readiness=readiness, reflected=[SERVICE]),
    ]
