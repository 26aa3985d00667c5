"""Whatever the mesh stands on goes away, comes back, is slow or lies: before, meanwhile and afterwards everybody is greeted once."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from backing import server
from backing.wire import Wire
from resilience.campaign import Campaign
from resilience.due_topic import TOPIC
from resilience.faults import Fault, again_and_again, gone, killed, provider, rewired, set_to, together
from resilience.steady import look
from servicekit import topics

BEFORE, MEANWHILE, AFTER = 40, 120, 40


@dataclass(frozen=True)
class Outage:
    """`seconds`: how long after the burst came due it lasts. `lead_seconds`: how long it takes to bring about."""

    name: str
    fault: Fault
    seconds: float = 8
    lead_seconds: float = 4
    within_seconds: float = 150
    is_quick: bool = False


def _redis_down_at_the_start() -> Fault:
    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        users = [replica for name in ("dispatcher-service", "notifier-service") for replica in campaign.mesh.replicas[name]]
        campaign.mesh.redis.process.stop()
        server.stop(*users)
        server.start(*users)
        try:
            yield
        finally:
            server.start(campaign.mesh.redis)

    return fault


def _empty_redis(campaign: Campaign, _: int) -> None:
    campaign.mesh.redis.flush()


@contextmanager
def _due_topic_made_again(campaign: Campaign) -> Iterator[None]:
    yield
    campaign.mesh.kafka.delete_topics([TOPIC])
    time.sleep(2)
    topics.create(campaign.mesh.kafka.bootstrap_servers)


def _cut_all_connections(campaign: Campaign, _: int) -> None:
    with campaign.mesh.postgres.connect() as postgres:
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('scheduler', 'notifier')")


def _slow(wire: Wire) -> None:
    wire.delay_seconds = 1.0  # Each way: 2 s for an answer.


def _dead(wire: Wire) -> None:
    wire.is_dead = True


def _come_and_go(campaign: Campaign, turn: int) -> None:
    changing = campaign.mesh.replicas["notifier-service"][turn % 2]
    server.restart(changing)


def _rolling(service: str) -> Fault:
    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        yield
        for name, part in campaign.mesh.parts():
            if name.startswith(service):
                server.restart(part)

    return fault


def _postgres(campaign: Campaign) -> str:
    return f"127.0.0.1:{campaign.mesh.postgres.port}"


def _redis(campaign: Campaign) -> str:
    return f"127.0.0.1:{campaign.mesh.redis.port}"


def _simulator(campaign: Campaign) -> str:
    return campaign.mesh.provider_url.removeprefix("http://")


_BOTH = ("scheduler-service", "notifier-service")
# Ten minutes at their own settings, made short: the breaker looks every 10 s there, the first backoff is 30 s and the longest 900 s.
_PROVIDER_DOWN = together(
    set_to(("dispatcher-service",), BREAKER_OPEN_SECONDS="1"),
    set_to(("notifier-service",), FIRST_BACKOFF_SECONDS="3", LONGEST_BACKOFF_SECONDS="90"),
    provider(refuse_seconds=75),
)
OUTAGES = [
    Outage("redis down at the start", _redis_down_at_the_start(), lead_seconds=15),
    Outage("redis lost", gone("redis")),
    Outage("redis emptied again and again", again_and_again(_empty_redis, 0.2), seconds=4, is_quick=True),
    Outage("redis 2 s slow", rewired(("notifier-service",), "REDIS_URL", _redis, _slow), lead_seconds=12),
    Outage("kafka down for a minute", gone("kafka"), seconds=60),
    Outage("kafka killed", killed("kafka"), seconds=1),
    Outage("due topic deleted and made again", _due_topic_made_again, seconds=0.5),
    Outage("postgres down", gone("postgres"), seconds=12),
    Outage("postgres killed", killed("postgres"), seconds=1),
    Outage("postgres cuts all connections each second", again_and_again(_cut_all_connections, 1.0), seconds=6, is_quick=True),
    Outage("postgres 2 s slow", rewired(_BOTH, "DATABASE_URL", _postgres, _slow), lead_seconds=25, seconds=20),
    Outage("postgres silent", rewired(_BOTH, "DATABASE_URL", _postgres, _dead), lead_seconds=25, seconds=15),
    Outage("one connection to postgres", set_to(_BOTH, DATABASE_POOL_SIZE="1", DATABASE_POOL_OVERFLOW="0"), lead_seconds=45, seconds=15),
    Outage("provider down for a minute with breaker and backoff a tenth of theirs", _PROVIDER_DOWN, lead_seconds=25, seconds=60),
    Outage("provider down for ten minutes", provider(refuse_seconds=620), seconds=600, within_seconds=1000),
    Outage("provider answers 503", provider(failure_share=1.0, failure_codes=[503]), seconds=20),
    Outage("provider answers 429 with Retry-After for a minute", provider(throttle_share=1.0, retry_after_seconds=3), seconds=60),
    Outage("provider fails for half of the calls", provider(failure_share=0.5, failure_codes=[500, 502, 503]), seconds=10),
    Outage("provider resets half of the connections", provider(reset_share=0.5), seconds=10),
    Outage("provider hangs", provider(hang_share=1.0), seconds=10),
    Outage("provider answers rubbish", provider(rubbish_share=1.0), seconds=10),
    Outage("provider accepts and drops the answer", provider(drop_share=1.0), seconds=4, is_quick=True),
    Outage("provider accepts and never answers", provider(lose_share=1.0), seconds=10),
    Outage(
        "the wire to the provider is dead", rewired(("dispatcher-service",), "PROVIDER_URL", _simulator, _dead), lead_seconds=12, seconds=10
    ),
    Outage("notifiers come and go", again_and_again(_come_and_go, 1.0), seconds=15),
    *(
        Outage(f"rolling restart of {name}", _rolling(name), seconds=0.3)
        for name in ("gateway", "user-service", "scheduler-service", "notifier-service", "dispatcher-service")
    ),
]


def _parameters() -> list[object]:
    return [pytest.param(each, id=each.name.replace(" ", "-"), marks=[] if each.is_quick else pytest.mark.slow) for each in OUTAGES]


@pytest.mark.timeout(1900)
@pytest.mark.parametrize("outage", _parameters())
def test_everybody_is_greeted_once(campaign: Campaign, outage: Outage) -> None:
    ids, at = campaign.plan(BEFORE, due_in=3)
    due_at = dict.fromkeys(ids, at)
    campaign.settle(ids, at, within=60)
    before = look(campaign, due_at)
    print(f"{outage.name}, before: {before}")
    assert before.sent == before.due == BEFORE
    ids, at = campaign.plan(MEANWHILE, due_in=outage.lead_seconds)
    due_at |= dict.fromkeys(ids, at)
    ids, end = campaign.plan(AFTER, due_in=outage.lead_seconds + outage.seconds)
    due_at |= dict.fromkeys(ids, end)
    with outage.fault(campaign):
        assert datetime.now(UTC) < at, "the fault came after what it is to meet"
        time.sleep(max(end.timestamp() - time.time(), 0))
        print(f"{outage.name}, meanwhile: {look(campaign, due_at)}")
    result = campaign.settle(list(due_at), end, within=outage.within_seconds)
    ends = Counter(message.state for message in result.facts.plan.values())
    print(f"{outage.name}, afterwards: {look(campaign, due_at)}; {result}; {dict(ends)}")
    assert result.violations == []
    assert set(result.facts.letters) == set(due_at)
    assert ends == {"SENT": len(due_at)}


@pytest.mark.slow
def test_the_next_day_is_planned_without_user_service(campaign: Campaign) -> None:
    replicas = campaign.mesh.replicas["user-service"]
    server.stop(*replicas)
    try:
        tomorrow = campaign.add_people(MEANWHILE, datetime.now(UTC).date() + timedelta(days=1))
        campaign.post(f"{campaign.mesh.url}/api/v1/jobs/plan:run")
        ids, at = campaign.plan(MEANWHILE, due_in=3)
        result = campaign.settle(ids, at, within=60)
    finally:
        server.start(*replicas)
    assert result.violations == []
    assert set(result.facts.letters) == set(ids)
    assert {result.facts.plan[each].state for each in tomorrow} == {"SCHEDULED"}
