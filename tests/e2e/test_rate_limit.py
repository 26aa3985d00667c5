"""The limit that a gateway has by default, tried on one started beside the mesh's own."""

from collections.abc import Iterator
from time import monotonic

import pytest

from e2e.gateways import beside
from e2e.rest import Api
from e2e.world import USERS, World, somebody

_LIMIT = 100


@pytest.fixture(scope="module")
def limited(world: World) -> Iterator[Api]:
    with beside(world.mesh, "gateway-by-default", RATE_LIMIT_PER_MINUTE="") as gateway:
        yield Api(gateway.url)


def test_a_hundred_reads_a_minute_and_no_more(limited: Api) -> None:
    began = monotonic()
    statuses = [limited.call("GET", USERS, pageSize=1).status for _ in range(_LIMIT + 20)]
    minutes = (monotonic() - began) / 60
    assert set(statuses[:_LIMIT]) == {200}
    assert statuses.count(429) >= 20 - _LIMIT * minutes - 1


def test_who_is_refused_is_told_when_to_come_again(limited: Api) -> None:
    answer = next(each for _ in range(2 * _LIMIT) if (each := limited.call("GET", USERS)).status != 200)
    assert (answer.status, answer.json["code"]) == (429, 8)
    assert answer.json["message"] == "Too many requests: see Retry-After for the seconds to wait."
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_other_classes_of_calls_have_their_own_limit(limited: Api) -> None:
    assert limited.call("POST", USERS, somebody()).status == 200
    assert limited.call("POST", "/api/v1/jobs/emit:run", {}).status == 200


def test_health_is_not_limited(limited: Api) -> None:
    assert {limited.call("GET", "/health/live").status for _ in range(2 * _LIMIT)} == {200}
