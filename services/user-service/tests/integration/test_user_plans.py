"""How Postgres goes about each statement once there are many users: always by an index, and no further than a page."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import Select, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from servicekit.postgres import create_engine
from servicekit.settings import PostgresSettings
from user_service.adapters.postgres.listing import among, listing
from user_service.adapters.postgres.store import forgetting
from user_service.adapters.postgres.tables import requests, users
from user_service.filters import UserFilter

USERS = 50_000
SOMEBODY = UUID("00000000-0000-0000-0000-000000006000")

FILL = text(
    """
    INSERT INTO users
    SELECT lpad(to_hex(n), 32, '0')::uuid, 1, 'hr-' || n, 'Ada', 'L', 'u' || n || '@example.com', 'u' || n || '@example.com',
        (ARRAY['Europe/Oslo', 'Asia/Tokyo', 'America/New_York', 'Pacific/Apia'])[n % 4 + 1],
        (1950 + n % 50) || '-' || lpad((n % 12 + 1)::text, 2, '0') || '-' || lpad((n % 28 + 1)::text, 2, '0'),
        CASE WHEN n % 3 = 0 THEN '--' || lpad((n % 12 + 1)::text, 2, '0') || '-' || lpad((n % 27 + 1)::text, 2, '0') END,
        'FEB_28', 'en', '{}', now(), now(), now(), now(), CASE WHEN n % 10 = 0 THEN now() END
    FROM generate_series(1, :users) AS n
    """
)

FILL_REQUESTS = text(
    """
    INSERT INTO requests SELECT '', 'request ' || n, '', lpad(to_hex(n), 32, '0')::uuid, '', now() - n * interval '1 minute'
    FROM generate_series(1, :users) AS n
    """
)

STATEMENTS: dict[str, Any] = {
    "one": select(users).where(users.c.id == SOMEBODY),
    "locked": select(users).where(users.c.id == SOMEBODY).with_for_update(),
    "saved": update(users).where((users.c.id == SOMEBODY) & (users.c.version == 1)).values(version=2),
    "some": among([UUID(int=number) for number in range(1000)]),
    "all": listing(UserFilter(), None, 51),
    "all, a later page": listing(UserFilter(), SOMEBODY, 51),
    "all, deleted too": listing(UserFilter(show_deleted=True), SOMEBODY, 1001),
    "of a zone": listing(UserFilter(timezone="Asia/Tokyo"), SOMEBODY, 51),
    "of a zone nobody lives in": listing(UserFilter(timezone="Asia/Kathmandu"), None, 51),
    "of a day": listing(UserFilter(day="03-03"), None, 51),
    "of a day, a later page": listing(UserFilter(day="03-03"), SOMEBODY, 51),
    "of a birthday": listing(UserFilter(day="03-03", dates=("birthday",)), None, 51),
    "of an anniversary in a zone": listing(UserFilter(day="03-03", dates=("anniversary",), timezone="Asia/Tokyo"), None, 51),
    "of an email": listing(UserFilter(email_key="u77@example.com"), None, 51),
    "of an email, deleted too": listing(UserFilter(email_key="u77@example.com", show_deleted=True), None, 51),
    "of an external id": listing(UserFilter(external_id="hr-77"), None, 51),
    "a remembered request": select(requests).where((requests.c.caller == "") & (requests.c.request_id == "request 7")),
    "forgotten requests": forgetting(older_than_hours=USERS / 60 - 1),
}


@pytest.fixture(scope="module")
async def full(databases: Any) -> AsyncIterator[AsyncEngine]:
    from backing.pytest_plugin import _own_migrations

    made = databases.create("users", _own_migrations("users"))
    engine = create_engine(PostgresSettings(database_url=SecretStr(made.url)), "test")
    async with engine.begin() as connection:
        await connection.execute(FILL, {"users": USERS})
        await connection.execute(FILL_REQUESTS, {"users": USERS})
        await connection.execute(text("ANALYZE users, requests"))
    yield engine
    await engine.dispose()
    databases.drop(made)


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
async def test_every_statement_goes_by_an_index(full: AsyncEngine, statement: Select[Any]) -> None:
    compiled = statement.compile(dialect=full.dialect, compile_kwargs={"literal_binds": True})
    async with full.begin() as connection:
        plan = (await connection.execute(text("EXPLAIN (ANALYZE, FORMAT JSON) " + str(compiled).replace(":", "\\:")))).scalar_one()
    nodes = list(_nodes(plan[0]["Plan"]))
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], plan
    looked_at = max((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in nodes)
    assert looked_at <= 1200, plan


async def test_statements_are_planned_for_their_values(full: AsyncEngine) -> None:
    async with full.begin() as connection:
        assert (await connection.execute(text("SHOW plan_cache_mode"))).scalar_one() == "force_custom_plan"


def _nodes(node: dict[str, Any]) -> Any:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)
