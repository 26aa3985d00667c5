"""Whatever the mesh stands on goes away, comes back, is slow or lies: before, meanwhile and afterwards everybody is greeted once."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

import pytest

from backing import server
from backing.wire import Wire
from resilience.calls import UNANSWERED, called
from resilience.campaign import LEASE_SECONDS, OUTCOME_PATIENCE_SECONDS, Campaign, wait_until
from resilience.due_topic import TOPIC, unread
from resilience.faults import Fault, again_and_again, gone, killed, once, provider, rewired, rolling, set_to, together
from resilience.steady import CALM_SECONDS, check, look
from servicekit import topics

BEFORE, MEANWHILE, AFTER = 40, 120, 40
#: What comes due when a fault is gone waits at most for a breaker's next look (10 s) and then for a notifier's at a dispatcher that took
#: nothing (15 s), or for less: the lease of a dead claim (8.5 s), a client's next look for its server (10 s). The rest is for a call.
BACK_SECONDS = 30.0
#: A record that is lost with its topic is missed after that patience and emitted again by the next *recover*, of which one runs a minute.
LOST_RECORD_SECONDS = OUTCOME_PATIENCE_SECONDS + 60
#: A claim whose commit was cut off waits for its own lease, and then for a look and its call.
CUT_CLAIM_SECONDS = LEASE_SECONDS + 5
#: With half of the calls in vain one attempt in eight fails, of three calls each; four in a row cost 1 + 2 + 4 + 8 s and the calls.
RETRIED_SECONDS = 17.0


@dataclass(frozen=True)
class Outage:
    """What breaks, and how greetings fare that come due meanwhile, spread over all the time it lasts.

    `least_seconds`: how long it lasts from when the first of them comes due, if not longer. `lead_seconds`: how long it takes to
    bring about. `stops`: none at all is sent meanwhile. `late_seconds`: where delivery goes on, how late one may be while it lasts,
    which bounds the backlog too; without it lateness is bounded in the end only. `loses`: records, which *recover* emits again.
    """

    name: str
    fault: Fault
    least_seconds: float = 12
    lead_seconds: float = 4
    stops: bool = False
    late_seconds: float | None = None
    loses: bool = False
    within_seconds: float = 150
    is_quick: bool = False

    @property
    def seconds(self) -> float:
        """Where delivery goes on, twice as long as a greeting may be late: one that stops before half of it shows."""
        return max(self.least_seconds, 2 * (self.late_seconds or 0))

    @property
    def late_in_the_end_seconds(self) -> float:
        """What waits for the end waits at most as long once more: a backoff is no longer than what went before it."""
        return (LOST_RECORD_SECONDS if self.loses else self.late_seconds or 2 * self.seconds) + BACK_SECONDS


def _redis_down_at_the_start() -> Fault:
    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        users = [replica for name in ("dispatcher-service", "notifier-service") for replica in campaign.mesh.replicas[name]]
        campaign.mesh.redis.process.stop()
        try:
            server.stop(*users)
            server.start(*users)
            yield
        finally:
            server.start(campaign.mesh.redis)

    return fault


def _empty_redis(campaign: Campaign, _: int) -> None:
    campaign.mesh.redis.flush()


def _make_the_due_topic_again(campaign: Campaign) -> None:
    """With the records on it that the notifiers, who stand still, have not read: these are lost."""
    kafka, notifiers = campaign.mesh.kafka, campaign.mesh.replicas["notifier-service"]
    for notifier in notifiers:
        notifier.process.pause()
    try:
        wait_until(lambda: unread(kafka.bootstrap_servers) > 0, 10, "records that nobody has read")
        kafka.delete_topics([TOPIC])
        time.sleep(2)
        topics.create(kafka.bootstrap_servers)
    finally:
        for notifier in notifiers:
            notifier.process.resume()


def _cut_all_connections(campaign: Campaign, _: int) -> None:
    with campaign.mesh.postgres.connect() as postgres:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('scheduler', 'notifier')"
        assert postgres.execute(cut).rowcount, "nobody was connected"


@contextmanager
def _one_connection(campaign: Campaign) -> Iterator[None]:
    with set_to(_BOTH, DATABASE_POOL_SIZE="1", DATABASE_POOL_OVERFLOW="0")(campaign):
        yield
        with campaign.mesh.postgres.connect() as postgres:
            counted = "SELECT usename, count(*) FROM pg_stat_activity WHERE usename IN ('scheduler', 'notifier') GROUP BY 1 ORDER BY 1"
            assert postgres.execute(counted).fetchall() == [("notifier", 2), ("scheduler", 2)]


@contextmanager
def _two_user_services(campaign: Campaign) -> Iterator[None]:
    """As in a cluster; the gateway is told of the second, and forgets it afterwards."""
    campaign.mesh.scale("user-service", 2)
    server.restart(campaign.mesh.gateway)
    try:
        yield
    finally:
        campaign.mesh.scale("user-service", 1)
        server.restart(campaign.mesh.gateway)


def _slow(wire: Wire) -> None:
    wire.delay_seconds = 1.0  # Each way: 2 s for an answer.


def _dead(wire: Wire) -> None:
    wire.is_dead = True


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
    provider(refuse_seconds=86),
)
# A gateway looks again for a replica that was away after 3.6 s at the longest; until then it must not lose the other.
_USER_SERVICE_ROLLING = together(_two_user_services, called(), rolling("user-service", pause_seconds=4))
OUTAGES = [
    Outage("redis down at the start", _redis_down_at_the_start(), lead_seconds=15, late_seconds=CALM_SECONDS),
    Outage("redis lost", gone("redis"), late_seconds=CALM_SECONDS),
    Outage("redis emptied again and again", again_and_again(_empty_redis, 0.2), late_seconds=CALM_SECONDS, is_quick=True),
    Outage("redis 2 s slow", rewired(("notifier-service",), "REDIS_URL", _redis, _slow), lead_seconds=12, late_seconds=CALM_SECONDS),
    Outage("kafka down for a minute", gone("kafka"), 60, 15, stops=True),
    Outage("kafka killed", killed("kafka", after_seconds=6)),
    Outage("due topic deleted and made again", once(_make_the_due_topic_again, 6), loses=True),
    Outage("postgres down", gone("postgres"), stops=True),
    Outage("postgres killed", killed("postgres", after_seconds=6)),
    Outage(
        "postgres cuts all connections each second",
        again_and_again(_cut_all_connections, 1.0),
        late_seconds=CUT_CLAIM_SECONDS,
        is_quick=True,
    ),
    Outage("postgres 2 s slow", rewired(_BOTH, "DATABASE_URL", _postgres, _slow), lead_seconds=25, least_seconds=20),
    Outage("postgres silent", rewired(_BOTH, "DATABASE_URL", _postgres, _dead), lead_seconds=25, least_seconds=15, stops=True),
    Outage("one connection to postgres", _one_connection, lead_seconds=45, late_seconds=CALM_SECONDS),
    Outage("provider down for a minute with breaker and backoff a tenth of theirs", _PROVIDER_DOWN, 60, 25, stops=True),
    Outage("provider down for ten minutes", provider(refuse_seconds=620), 600, stops=True, within_seconds=1000),
    Outage("provider answers 503", provider(failure_share=1.0, failure_codes=[503]), 20, stops=True),
    Outage("provider answers 429 with Retry-After for a minute", provider(throttle_share=1.0, retry_after_seconds=3), 60, stops=True),
    Outage(
        "provider fails for half of the calls", provider(failure_share=0.5, failure_codes=[500, 502, 503]), late_seconds=RETRIED_SECONDS
    ),
    Outage("provider resets half of the connections", provider(reset_share=0.5), late_seconds=RETRIED_SECONDS),
    Outage("provider hangs", provider(hang_share=1.0), 10, stops=True),
    Outage("provider answers rubbish", provider(rubbish_share=1.0), 10),
    Outage("provider accepts and drops the answer", provider(drop_share=1.0), 4, is_quick=True),
    Outage("provider accepts and never answers", provider(lose_share=1.0), 10),
    Outage("the wire to the provider is dead", rewired(("dispatcher-service",), "PROVIDER_URL", _simulator, _dead), 10, 12, stops=True),
    Outage("notifiers come and go", rolling("notifier-service", away_seconds=2), late_seconds=CALM_SECONDS),
    # There is one gateway here: while it restarts callers get no answer, and nothing worse.
    Outage("rolling restart of gateway", together(called(UNANSWERED), rolling("gateway")), late_seconds=CALM_SECONDS),
    Outage("rolling restart of user-service", _USER_SERVICE_ROLLING, lead_seconds=15, late_seconds=CALM_SECONDS),
    *(
        Outage(f"rolling restart of {name}", rolling(name), late_seconds=CALM_SECONDS)
        for name in ("scheduler-service", "notifier-service", "dispatcher-service")
    ),
]


def _parameters() -> list[object]:
    return [pytest.param(each, id=each.name.replace(" ", "-"), marks=[] if each.is_quick else pytest.mark.slow) for each in OUTAGES]


@pytest.mark.timeout(1900)
@pytest.mark.parametrize("outage", _parameters())
def test_everybody_is_greeted_once(campaign: Campaign, outage: Outage) -> None:
    before = campaign.plan_over(0, BEFORE, due_in=3)
    campaign.settle(list(before), max(before.values()), within=60)
    check(campaign, f"{outage.name}, before", before, CALM_SECONDS)
    meanwhile = campaign.plan_over(outage.seconds, MEANWHILE, due_in=outage.lead_seconds)
    with outage.fault(campaign):
        assert datetime.now(UTC) < min(meanwhile.values()), "the fault came after what it is to meet"
        end = max(meanwhile.values())
        time.sleep(max(end.timestamp() - time.time(), 0))
    after = campaign.plan_over(0, AFTER, due_in=1)
    result = campaign.settle([*before, *meanwhile, *after], max(after.values()), within=outage.within_seconds)
    at_its_end = look(campaign, meanwhile, end)
    print(f"{outage.name}, at its end: {at_its_end}")
    assert at_its_end.sent == 0 or not outage.stops, "it did not bite"
    assert at_its_end.latest_seconds < (outage.late_seconds or inf)
    assert at_its_end.doubled == 0
    check(campaign, f"{outage.name}, meanwhile", meanwhile, outage.late_in_the_end_seconds)
    check(campaign, f"{outage.name}, afterwards", after, BACK_SECONDS)
    ends = Counter(message.state for message in result.facts.plan.values())
    print(f"{outage.name}: {result}; {dict(ends)}")
    assert result.violations == []
    assert set(result.facts.letters) == {*before, *meanwhile, *after}
    assert ends == {"SENT": BEFORE + MEANWHILE + AFTER}
