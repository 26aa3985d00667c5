from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from notifier_service.adapters.memory import MemorySentHints
from notifier_service.adapters.redis import RedisSentHints
from notifier_service.domain import Due, Outcome, State
from servicekit.redis import client
from servicekit.settings import RedisSettings

Make = Callable[..., Due]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    redis = client(RedisSettings(redis_url=SecretStr(redis_url), redis_timeout_milliseconds=500))
    yield redis
    await redis.aclose()


@pytest.fixture(params=["memory", "redis"])
def hints(request: pytest.FixtureRequest) -> Any:
    return MemorySentHints() if request.param == "memory" else RedisSentHints(request.getfixturevalue("redis"), 60)


def outcome(due: Due) -> Outcome:
    told = {"attempts": 2, "provider": "p", "provider_message_id": "m", "sent_us": 1_700_000_000_123_456, "variant": "belated"}
    return Outcome(due.id, 3, due.user_id, State.SENT, **told)  # type: ignore[arg-type] # fields of several types


async def test_what_is_remembered_is_told_whole_and_nothing_else(hints: Any, make_due: Make) -> None:
    known, unknown = make_due(), make_due()
    await hints.remember([outcome(known)])
    assert await hints.look([unknown.id, known.id]) == {known.id: outcome(known)}


async def test_nothing_asked_nothing_told(hints: Any) -> None:
    await hints.remember([])
    assert await hints.look([]) == {}


async def test_hints_fade(redis: Any, make_due: Make) -> None:
    due = make_due()
    await RedisSentHints(redis, 60).remember([outcome(due)])
    (key,) = await redis.keys("*")
    assert 0 < await redis.ttl(key) <= 60


async def test_a_batch_is_one_call_each_way(redis: Any, make_due: Make) -> None:
    hints = RedisSentHints(redis, 60)
    dues = [make_due() for _ in range(100)]
    await hints.remember([outcome(dues[0])])
    before = (await redis.info("commandstats"))["cmdstat_mget"]["calls"] if "cmdstat_mget" in await redis.info("commandstats") else 0
    await hints.look([due.id for due in dues])
    assert (await redis.info("commandstats"))["cmdstat_mget"]["calls"] == before + 1


async def test_no_answer_is_no_hint(make_due: Make) -> None:
    nobody = client(RedisSettings(redis_url=SecretStr("redis://127.0.0.1:9/0")))
    hints = RedisSentHints(nobody, 60)
    await hints.remember([outcome(make_due())])
    assert await hints.look([make_due().id]) == {}


async def test_rubbish_is_no_hint(redis: Any, make_due: Make) -> None:
    due = make_due()
    await redis.set(b"{notifier:sent}:" + due.id, b"\xff\xff\xff")
    assert await RedisSentHints(redis, 60).look([due.id]) == {}
