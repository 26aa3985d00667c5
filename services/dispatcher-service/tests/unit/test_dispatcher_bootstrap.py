"""Which parts the settings choose."""

import io
from collections.abc import Callable

import pytest

from dispatcher_service import bootstrap
from dispatcher_service.adapters.console import Console
from dispatcher_service.adapters.http_aiohttp import AiohttpClient
from dispatcher_service.adapters.http_email import HttpEmail
from dispatcher_service.adapters.http_pyreqwest import PyreqwestClient
from dispatcher_service.adapters.rate_limit import RateLimit, Unlimited
from dispatcher_service.adapters.smtp import Smtp
from dispatcher_service.domain import Letter, Verdict
from dispatcher_service.settings import DispatcherSettings
from servicekit.clock import SystemClock
from servicekit.readiness import Readiness
from servicekit.settings import parse

CLOCK = SystemClock()


def settings(**environ: str) -> DispatcherSettings:
    return parse(DispatcherSettings, {"ENVIRONMENT": "test", "PROVIDER_URL": "http://127.0.0.1:9", **environ})


@pytest.mark.parametrize(
    ("environ", "kind"),
    [({}, HttpEmail), ({"PROVIDER_KIND": "smtp", "SMTP_HOST": "127.0.0.1"}, Smtp), ({"PROVIDER_KIND": "console"}, Console)],
)
async def test_the_provider(environ: dict[str, str], kind: type) -> None:
    provider = bootstrap.provider_of(settings(PROVIDER_NAME="p", **environ), CLOCK)
    assert isinstance(provider, kind)
    assert provider.name == "p"
    await provider.close()


@pytest.mark.parametrize(("client", "kind"), [("pyreqwest", PyreqwestClient), ("aiohttp", AiohttpClient)])
async def test_the_http_client(client: str, kind: type) -> None:
    chosen = bootstrap.http_client_of(settings(HTTP_CLIENT=client))
    assert isinstance(chosen, kind)
    await chosen.close()


async def test_there_is_no_rate_limit_unless_one_is_set() -> None:
    assert isinstance(bootstrap.rate_limit_of(settings(), CLOCK, Readiness())[0], Unlimited)


async def test_without_redis_the_rate_limit_is_this_replicas_part() -> None:
    limit, parts = bootstrap.rate_limit_of(settings(RATE_LIMIT_PER_SECOND="100", MAX_REPLICAS="100"), CLOCK, Readiness())
    assert isinstance(limit, RateLimit)
    assert parts == []
    now = CLOCK.monotonic()
    assert [await limit.take(now + 0.1) for _ in range(2)] == [True, False]


async def test_redis_is_looked_at_without_deciding_readiness_and_closed_at_the_end() -> None:
    readiness = Readiness()
    _, parts = bootstrap.rate_limit_of(settings(RATE_LIMIT_PER_SECOND="100", REDIS_URL="redis://127.0.0.1:9/0"), CLOCK, readiness)
    assert [part.name for part in parts] == ["redis", "redis-probe"]
    assert [(each.name, each.required) for each in readiness.dependencies()] == [("redis", False)]
    assert readiness.ready


async def test_the_dispatcher_stops_before_the_server_and_the_provider() -> None:
    readiness = Readiness()
    parts = bootstrap.build(settings(), readiness)
    assert [part.name for part in parts] == ["metrics-server", "provider", "grpc-server", "dispatcher"]
    assert readiness.ready


async def test_the_console_shows_the_letter(letter: Callable[..., Letter]) -> None:
    out = io.StringIO()
    answer = await Console(name="console", out=out).send(letter(), 1)
    assert answer.verdict is Verdict.ACCEPTED
    assert out.getvalue() == "To: ada@example.com\nSubject: Hello\n\nHey, Ada\n\n"
