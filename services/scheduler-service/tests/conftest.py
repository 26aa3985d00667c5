from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from scheduler_service.testing import Desk, MemoryWorld, PostgresWorld
from scheduler_service.testing.delivery import DeliveryWorld
from scheduler_service.testing.delivery_worlds import MemoryDelivery, PostgresDelivery
from servicekit.postgres import create_engine
from servicekit.settings import PostgresSettings


@pytest.fixture
def url(database: Any) -> str:
    return str(database("scheduler").url)


@pytest.fixture
async def engine(url: str) -> AsyncIterator[Any]:
    made = create_engine(PostgresSettings(database_url=SecretStr(url)), "test")
    yield made
    await made.dispose()


@pytest.fixture(params=["memory", "postgres"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """The same suite over the fakes and over Postgres."""
    return Desk(MemoryWorld() if request.param == "memory" else PostgresWorld(request.getfixturevalue("engine")))


@pytest.fixture
def postgres_plan(url: str, engine: Any) -> PostgresDelivery:
    return PostgresDelivery(url, engine)


@pytest.fixture(params=["memory", "postgres"])
def plan(request: pytest.FixtureRequest) -> DeliveryWorld:
    """The same suite over the fakes and over Postgres."""
    return MemoryDelivery() if request.param == "memory" else request.getfixturevalue("postgres_plan")
