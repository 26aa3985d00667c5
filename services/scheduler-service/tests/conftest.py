from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from scheduler_service.testing import Desk, MemoryWorld, PostgresWorld
from servicekit.postgres import create_engine
from servicekit.settings import PostgresSettings


@pytest.fixture
async def engine(database: Any) -> AsyncIterator[Any]:
    made = create_engine(PostgresSettings(database_url=SecretStr(database("scheduler").url)), "test")
    yield made
    await made.dispose()


@pytest.fixture(params=["memory", "postgres"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """The same suite over the fakes and over Postgres."""
    return Desk(MemoryWorld() if request.param == "memory" else PostgresWorld(request.getfixturevalue("engine")))
