"""Records of what is sent come again, as after a lost offset: the ledger knows, whatever Redis says or forgets."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from uuid import UUID

import pytest
from redis import Redis as Client

from backing import server
from resilience.campaign import Campaign
from resilience.due_topic import offer_again, wait_until_read
from resilience.steady import CALM_SECONDS, check

EARLIER, LATER, MEANWHILE = 60, 60, 40
MEANWHILE_SECONDS = 8


def greet(campaign: Campaign, when: str, number: int) -> list[UUID]:
    due_at = campaign.plan_over(0, number, due_in=3)
    assert campaign.settle(list(due_at), max(due_at.values()), within=60).violations == []
    check(campaign, when, due_at, CALM_SECONDS)
    return list(due_at)


def copy_of(client: Any) -> dict[bytes, bytes]:
    return {key: client.dump(key) for key in client.scan_iter(count=1000)}


@contextmanager
def as_it_was(campaign: Campaign, copy: Mapping[bytes, bytes]) -> Iterator[None]:
    yield


@contextmanager
def emptied(campaign: Campaign, copy: Mapping[bytes, bytes]) -> Iterator[None]:
    campaign.mesh.redis.flush()
    yield


@contextmanager
def stale(campaign: Campaign, copy: Mapping[bytes, bytes]) -> Iterator[None]:
    """As an older copy had it: it knows the earlier greetings only."""
    campaign.mesh.redis.flush()
    with Client.from_url(campaign.mesh.redis.address) as client:
        for key, value in copy.items():
            client.restore(key, 3_600_000, value)
    yield


@contextmanager
def away(campaign: Campaign, copy: Mapping[bytes, bytes]) -> Iterator[None]:
    campaign.mesh.redis.process.stop()
    try:
        yield
    finally:
        server.start(campaign.mesh.redis)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("memory", [as_it_was, emptied, stale, away])
def test_what_is_sent_is_not_sent_again(
    campaign: Campaign, memory: Callable[[Campaign, Mapping[bytes, bytes]], AbstractContextManager[None]]
) -> None:
    broker = campaign.mesh.kafka.bootstrap_servers
    ids = greet(campaign, "before", EARLIER)
    with Client.from_url(campaign.mesh.redis.address) as client:
        copy = copy_of(client)
    ids += greet(campaign, "before", LATER)
    meanwhile = campaign.plan_over(MEANWHILE_SECONDS, MEANWHILE, due_in=3)
    with memory(campaign, copy):
        assert offer_again(broker, ids) >= len(ids)
        wait_until_read(broker, 90, "all records to be read again")
        result = campaign.settle([*ids, *meanwhile], max(meanwhile.values()), within=60)
        wait_until_read(broker, 90, "all records to be read again")
    check(campaign, "meanwhile", meanwhile, CALM_SECONDS)
    ids += [*meanwhile, *greet(campaign, "afterwards", LATER)]
    assert result.violations == []
    letters = json.loads(campaign.get(f"{campaign.mesh.provider_url}/received"))["received"]
    assert sum(letter["calls"] for letter in letters) == len(ids)
