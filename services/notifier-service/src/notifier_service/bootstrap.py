"""The composition root."""

from collections.abc import Sequence
from functools import partial

from heyday.notifier.v1 import notifier_service_pb2, notifier_service_pb2_grpc
from notifier_service.adapters.dispatcher import GrpcDispatcher
from notifier_service.adapters.kafka import KafkaAnnouncer
from notifier_service.adapters.postgres import Partitions, PostgresDeliveryReader, PostgresLedger
from notifier_service.adapters.redis import RedisSentHints
from notifier_service.consumer.cancelled import take_cancelled
from notifier_service.consumer.desk import DueDesk
from notifier_service.consumer.due import Bounds, DueConsumer
from notifier_service.consumer.parsing import parse_cancelled, parse_due
from notifier_service.inquiry import Inquiry
from notifier_service.jobs import MonthKeeper
from notifier_service.service import DeliveryService, Pace
from notifier_service.servicer import NotifierServicer
from notifier_service.settings import Settings
from servicekit import grpc_client, redis
from servicekit.clock import SystemClock
from servicekit.grpc_server import GrpcServer
from servicekit.kafka import BatchConsumer, KafkaConsumer, KafkaProducer, Partition, Sieve
from servicekit.postgres import create_engine, ping
from servicekit.runtime import Closing, Component, Readiness, probe
from servicekit.telemetry import metrics_server
from servicekit.topics import TopicCheck, UsedTopics

DUE_TOPIC = "heyday.scheduler.v1.message-due"
CANCELLED_TOPIC = "heyday.scheduler.v1.message-cancelled"
OUTCOME_TOPIC = "heyday.notifier.v1.message-outcome"
DEAD_LETTER_TOPIC = "heyday.notifier.v1.dead-letter"
POISON_TOPIC = "heyday.notifier.v1.poison"
TOPICS = (DUE_TOPIC, CANCELLED_TOPIC, OUTCOME_TOPIC, DEAD_LETTER_TOPIC, POISON_TOPIC)

# Cancels are a group of their own, so that they overtake a backlog of due messages.
DUE_GROUP = "notifier.due"
CANCELLED_GROUP = "notifier.cancelled"
SERVICE = notifier_service_pb2.DESCRIPTOR.services_by_name["NotifierService"].full_name


def build(settings: Settings, readiness: Readiness) -> Sequence[Component]:
    """The parts of the process, in the order of their start. Postgres decides readiness; Redis only saves looks."""
    clock = SystemClock(settings.clock_offset)
    engine = create_engine(settings, "notifier-service")
    hints = redis.client(settings)
    channel = grpc_client.channel(
        settings.dispatcher_service_target, tls=settings.grpc_tls, max_message_bytes=settings.grpc_max_message_bytes
    )
    topics, producer = UsedTopics(settings, TOPICS), KafkaProducer(settings)
    partitions = Partitions(engine, settings.retention_days, settings.clock_offset_seconds)

    desk = DueDesk(clock, settings.parked_records_per_partition)
    service = DeliveryService(
        PostgresLedger(engine, settings.terms, settings.clock_offset_seconds),
        RedisSentHints(hints, int(settings.hint_hours * 3600)),
        GrpcDispatcher(channel),
        KafkaAnnouncer(producer, OUTCOME_TOPIC, DEAD_LETTER_TOPIC),
        desk,
        clock=clock,
        terms=settings.terms,
        pace=Pace(settings.slice_records, settings.gather_milliseconds / 1000),
    )

    async def revoked(partitions: frozenset[Partition]) -> None:
        await due.revoked(partitions)

    due_records = KafkaConsumer(settings, group=DUE_GROUP, topics=[DUE_TOPIC], batch_records=settings.batch_records, revoked=revoked)
    due_sieve = Sieve(DUE_GROUP, parse_due, producer, POISON_TOPIC)
    bounds = Bounds(settings.batches_in_flight, settings.batch_records, grace_seconds=settings.shutdown_grace_seconds)
    due = DueConsumer(due_records, due_sieve, desk, service, clock, bounds)

    cancelled_records = KafkaConsumer(settings, group=CANCELLED_GROUP, topics=[CANCELLED_TOPIC])
    cancelled_sieve = Sieve(CANCELLED_GROUP, parse_cancelled, producer, POISON_TOPIC)
    take = partial(take_cancelled, service)
    cancelled = BatchConsumer(cancelled_records, cancelled_sieve, take, grace_seconds=settings.shutdown_grace_seconds)

    register = partial(
        notifier_service_pb2_grpc.add_NotifierServiceServicer_to_server, NotifierServicer(Inquiry(PostgresDeliveryReader(engine)))
    )
    return [
        metrics_server(settings),
        Closing("postgres", engine.dispose),
        Closing("redis", hints.aclose),
        Closing("dispatcher-channel", channel.close),
        TopicCheck(topics),
        producer,
        MonthKeeper(partitions.keep),
        probe("postgres", partial(ping, engine), readiness),
        probe("redis", partial(redis.ping, hints), readiness, required=False),
        probe("kafka", topics.look, readiness, required=False),
        probe("dispatcher-service", partial(grpc_client.ping, channel), readiness, required=False),
        cancelled_records,
        cancelled,
        due_records,
        due,
        GrpcServer(settings, [register], readiness=readiness, reflected=[SERVICE]),
    ]
