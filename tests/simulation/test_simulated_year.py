"""A few simulated weeks, and whole years for `make test-resilience`; `make simulate` plays any. A seed that fails is to stay here."""

import os
import subprocess
import sys
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import pytest

from occasions.calendar import SendInstant
from scheduler_service.adapters.memory import MemoryPlanStore
from scheduler_service.domain import rules
from servicekit.outbox import _Row
from simulation import provider
from simulation.chance import Rates
from simulation.outbox import SimulatedRelay
from simulation.run import simulate
from simulation.world import Setup

RUNS = {
    "the turn of a common year to a leap year": ["--seed", "1", "--since", "2027-12-28", "--days", "8", "--people", "1500"],
    "29 February, and summer time in America": ["--seed", "2", "--since", "2028-02-26", "--days", "18", "--people", "1200"],
}
YEARS = {
    "a common year": ["--seed", "11", "--since", "2027-01-01", "--days", "365"],
    "a leap year": ["--seed", "12", "--since", "2028-01-01", "--days", "366"],
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("run", [*RUNS, *(pytest.param(year, marks=pytest.mark.slow) for year in YEARS)])
def test_nothing_is_lost_nothing_doubled_nothing_early(run: str) -> None:
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "simulation", *(RUNS | YEARS)[run]], capture_output=True, text=True, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    print(ended.stdout)


def test_a_relay_that_deletes_before_it_produces_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    produce = SimulatedRelay._produce

    async def delete_first(self: SimulatedRelay, rows: list[_Row], until: float) -> list[_Row]:
        await self._table.rows.delete({row.id for row in rows})
        return await produce(self, rows, until)

    async def leave(self: SimulatedRelay, connection: object, rows: object) -> None:
        """They are gone."""

    monkeypatch.setattr(SimulatedRelay, "_produce", delete_first)
    monkeypatch.setattr(SimulatedRelay, "_delete", leave)
    assert any("the topic ends with" in violation for violation in _violations())


def test_a_plan_that_leaves_somebody_out_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    slots_on = MemoryPlanStore._slots_on
    monkeypatch.setattr(MemoryPlanStore, "_slots_on", lambda *given: [slot for slot in slots_on(*given) if slot.user_id.int % 4])
    assert any("not in the plan" in violation for violation in _violations())


def test_a_calendar_that_is_three_hours_early_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    reckon = rules._send_instant

    @cache
    def early(zone: str, day: date, at: time) -> SendInstant:
        found = reckon(zone, day, at)
        return found._replace(at=found.at - timedelta(hours=3))

    monkeypatch.setattr(rules, "_send_instant", early)
    assert any("was greeted when it was" in violation for violation in _violations())


def test_a_year_in_which_hardly_anybody_is_greeted_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "REFUSED_FOR_GOOD", 0.9)
    assert any("ended as FAILED or UNCERTAIN" in violation for violation in _violations())


def _violations() -> Collection[str]:
    setup = Setup(7, datetime(2028, 2, 26, tzinfo=UTC), 14, 600, Rates(0.01, 0.05, 0.01))
    return simulate(setup, lambda world: None)[1].violations
