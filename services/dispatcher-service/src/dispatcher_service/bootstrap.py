from collections.abc import Sequence
from functools import partial

import grpc.aio

from dispatcher_service import metrics
from dispatcher_service.adapters import template_files
from dispatcher_service.adapters.console import Console
from dispatcher_service.adapters.http_aiohttp import AiohttpClient
from dispatcher_service.adapters.http_email import HttpEmail
from dispatcher_service.adapters.http_pyreqwest import PyreqwestClient
from dispatcher_service.adapters.rate_limit import LocalAllowance, RateLimit, Unlimited
from dispatcher_service.adapters.redis import RedisAllowance
from dispatcher_service.adapters.smtp import Smtp, SmtpServer
from dispatcher_service.adapters.templates import Sending, TemplateComposer
from dispatcher_service.courier import Courier, Tries
from dispatcher_service.gate import Gate, Timing
from dispatcher_service.ports import Allowance, HttpClient, Provider
from dispatcher_service.ports import RateLimit as RateLimitPort
from dispatcher_service.service import Dispatcher
from dispatcher_service.servicer import DispatcherServicer
from dispatcher_service.settings import DispatcherSettings
from dispatcher_service.slots import Slots
from heyday.dispatcher.v1 import dispatcher_service_pb2 as pb
from heyday.dispatcher.v1 import dispatcher_service_pb2_grpc as pb_grpc
from occasions.registry import discover
from servicekit import redis, telemetry
from servicekit.breaker import Breaker
from servicekit.clock import Clock, SystemClock
from servicekit.grpc_server import GrpcServer
from servicekit.runtime import Backoff, Closing, Component, Readiness, probe

USER_AGENT = "heyday-dispatcher"
_SERVICE = pb.DESCRIPTOR.services_by_name["DispatcherService"].full_name


def build(settings: DispatcherSettings, readiness: Readiness) -> Sequence[Component]:
    """The parts of the process, in the order of their start. Raises BadTemplates if a text cannot be used."""
    clock = SystemClock(settings.clock_offset)
    composer = composer_of(settings)
    readiness.set("templates", True)

    rate_limit, redis_parts = rate_limit_of(settings, clock, readiness)
    provider = provider_of(settings, clock)
    breaker = Breaker(provider.name, failures_to_open=settings.breaker_failures, open_seconds=settings.breaker_open_seconds)
    slots = Slots(settings.concurrency)
    metrics.CALLS_LIMIT.set(settings.concurrency)
    metrics.CALLS_IN_FLIGHT.set_function(lambda: slots.taken)
    gate = Gate(rate_limit, breaker, clock, _timing(settings), slots)
    courier = Courier(composer, provider, breaker, gate, clock, _tries(settings))
    dispatcher = Dispatcher(courier, gate, settings.group_milliseconds / 1000)
    servicer = DispatcherServicer(dispatcher, clock, settings.default_deadline_seconds)

    def register(server: grpc.aio.Server) -> None:
        pb_grpc.add_DispatcherServiceServicer_to_server(servicer, server)

    return [
        telemetry.metrics_server(settings),
        *redis_parts,
        Closing("provider", provider.close),
        GrpcServer(settings, [register], readiness=readiness, reflected=[_SERVICE]),
        dispatcher,  # last, so that it stops first: the server then has only to let the last results out
    ]


def composer_of(settings: DispatcherSettings) -> TemplateComposer:
    directory = settings.templates_directory or template_files.PACKAGED
    sending = Sending(settings.senders, settings.reply_to, settings.links, settings.carried_parts)
    return template_files.load(directory, discover().keys(), settings.default_locale, sending)


def provider_of(settings: DispatcherSettings, clock: Clock) -> Provider:
    match settings.provider_kind:
        case "http_email":
            return HttpEmail(
                http_client_of(settings),
                clock,
                name=settings.provider,
                base_url=settings.provider_url,
                authorization=settings.provider_authorization.get_secret_value(),
                fields=frozenset(settings.provider_fields),
                refusals=frozenset(settings.provider_refusal_statuses),
            )
        case "smtp":
            return Smtp(_smtp_server(settings), clock, name=settings.provider)
        case "console":
            return Console(name=settings.provider)


def http_client_of(settings: DispatcherSettings) -> HttpClient:
    client: type[PyreqwestClient | AiohttpClient] = PyreqwestClient if settings.http_client == "pyreqwest" else AiohttpClient
    return client(settings.connect_timeout_seconds, USER_AGENT)


def rate_limit_of(settings: DispatcherSettings, clock: Clock, readiness: Readiness) -> tuple[RateLimitPort, list[Component]]:
    limit = settings.rate_limit_per_second
    if not limit:
        return Unlimited(), []
    own_part = limit / settings.max_replicas
    local = LocalAllowance(own_part, clock)
    if not settings.redis_url.get_secret_value():
        return RateLimit(local, own_part, clock), []
    client = redis.client(settings)
    shared: Allowance = RedisAllowance(client, f"dispatcher:rate:{settings.provider}", limit, local)
    looked_at = probe("redis", partial(redis.ping, client), readiness, required=False)
    return RateLimit(shared, limit, clock), [Closing("redis", client.aclose), looked_at]


def _timing(settings: DispatcherSettings) -> Timing:
    return Timing(
        settings.call_timeout_seconds, settings.call_minimum_seconds, settings.deadline_margin_seconds, settings.pause_longest_seconds
    )


def _tries(settings: DispatcherSettings) -> Tries:
    return Tries(settings.tries, Backoff(settings.backoff_first_seconds, settings.backoff_longest_seconds), settings.repeats_unsure)


def _smtp_server(settings: DispatcherSettings) -> SmtpServer:
    return SmtpServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_username,
        settings.smtp_password.get_secret_value(),
        settings.smtp_tls,
        settings.smtp_connections,
        settings.smtp_messages_per_connection,
    )
