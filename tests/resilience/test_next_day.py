"""Midnight comes while user-service goes, and while it is away: the next day is planned all the same, and today is greeted."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from psycopg import Connection

from backing import server
from invariants import connect
from resilience.campaign import Campaign, wait_until
from resilience.steady import CALM_SECONDS, check

TODAY, TOMORROW = 40, 120
_TOUCH: Final = "SELECT FROM occasions WHERE day = %s ORDER BY user_id LIMIT 1 FOR UPDATE"
_HELD_UP: Final = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


@pytest.mark.slow
def test_the_next_day_is_planned_without_user_service(campaign: Campaign) -> None:
    _greet(campaign, "before")
    replicas = campaign.mesh.replicas["user-service"]
    next_day = datetime.now(UTC).date() + timedelta(days=1)
    meanwhile = campaign.plan_over(8, TODAY, due_in=1)
    planned = campaign.add_people(TOMORROW, next_day)
    try:
        with _plan_under_way(campaign, next_day.day):
            server.stop(*replicas)
        planned += campaign.add_people(TOMORROW, next_day)
        _plan(campaign)
        result = campaign.settle(list(meanwhile), max(meanwhile.values()), within=60)
        assert not any(replica.process.running for replica in replicas)
    finally:
        server.start(*replicas)
    assert result.violations == []
    assert {result.facts.plan[each].state for each in planned} == {"SCHEDULED"}
    check(campaign, "meanwhile", meanwhile, CALM_SECONDS)
    _greet(campaign, "afterwards")


def _greet(campaign: Campaign, when: str) -> None:
    due_at = campaign.plan_over(0, TODAY, due_in=2)
    assert campaign.settle(list(due_at), max(due_at.values()), within=60).violations == []
    check(campaign, when, due_at, CALM_SECONDS)


def _plan(campaign: Campaign) -> None:
    campaign.post(f"{campaign.mesh.url}/api/v1/jobs/plan:run")


@contextmanager
def _plan_under_way(campaign: Campaign, day: int) -> Iterator[None]:
    """Within the block *plan* stands before somebody's row that is being edited; by its end the run has succeeded."""
    with ThreadPoolExecutor(1) as pool:
        with connect(campaign.mesh, "scheduler") as editor, editor.transaction():
            editor.execute(_TOUCH, [day])
            run = pool.submit(_plan, campaign)
            wait_until(lambda: _holds_up(campaign, editor), 20, "a plan that is under way")
            yield
            assert _holds_up(campaign, editor), "the plan was not under way all the while"
        run.result()


def _holds_up(campaign: Campaign, editor: Connection) -> bool:
    with connect(campaign.mesh, "scheduler") as plan:
        row = plan.execute(_HELD_UP, [editor.info.backend_pid]).fetchone()
    return bool(row and row[0])
