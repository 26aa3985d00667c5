"""Replicas that come, go and die."""

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from backing import server
from heyday.notifier.v1.message_outcome_pb2 import MessageOutcome
from heyday.scheduler.v1.message_due_pb2 import MessageDue
from notifier_service.bootstrap import DUE_GROUP
from servicekit.testing import wait_until

Make = Callable[..., MessageDue]

# The shortest lease that the settings allow: a session of 6 s, and a database that gives up a silent transaction after 12 s.
QUICK = {
    "kafka_acknowledgement_timeout_seconds": 1,
    "database_idle_in_transaction_seconds": 12,
    "kafka_session_timeout_seconds": 6,
    "rebalance_seconds": 1,
    "lease_seconds": 12.5,
}


@asynccontextmanager
async def ended(process: "subprocess.Popen[bytes]") -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A replica for the block. It lives as long and ends cleanly, or was still starting."""
    try:
        yield process
    finally:
        process.terminate()
        ended_with = await asyncio.to_thread(process.wait)
    assert ended_with in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("seam", "calls"),
    [
        ("notifier.after_claim", 1),  # Claimed and not sent: the lease has to end first.
        ("notifier.after_record", 1),  # Sent and written, not told.
        ("notifier.after_outcome", 1),  # Told, not committed.
        ("notifier.after_results", 2),  # Sent and not written: the one window that remains, repeated under the same id.
    ],
)
async def test_a_replica_that_dies_loses_nothing(mesh: Any, dispatcher: Any, due_record: Make, seam: str, calls: int) -> None:
    dues = [due_record() for _ in range(5)]
    dying = mesh.process(failpoints=f'{{"{seam}": "kill"}}', **QUICK)
    await mesh.emit(dues)
    assert await asyncio.to_thread(dying.wait, 60) == -signal.SIGKILL
    async with ended(mesh.process(**QUICK)):
        await wait_until(lambda: {o.id for o in mesh.outcomes(dues)} == {due.id for due in dues}, timeout_seconds=60, what="outcomes")
    assert {outcome.result for outcome in mesh.outcomes(dues)} == {MessageOutcome.SENT}
    assert {dispatcher[0].calls[due.id] for due in dues} == {calls}


async def test_replicas_share_and_hand_over_without_a_repeat(mesh: Any, dispatcher: Any, due_record: Make, kafka_server: Any) -> None:
    dues = [due_record() for _ in range(600)]
    async with ended(mesh.process()):
        await mesh.emit(dues[:200])
        async with ended(mesh.process()):
            await wait_until(
                lambda: kafka_server.members(DUE_GROUP) == 2, timeout_seconds=60, interval_seconds=0.1, what="the second replica"
            )
            for start in range(200, 500, 50):
                await mesh.emit(dues[start : start + 50])
                await asyncio.sleep(1)
        await mesh.emit(dues[500:])
        await wait_until(lambda: len({o.id for o in mesh.outcomes(dues)}) == 600, timeout_seconds=60, what="outcomes")
    assert Counter(dispatcher[0].calls.values()) == {1: 600}


async def test_an_outage_of_postgres_is_waited_out(mesh: Any, dispatcher: Any, due_record: Make, postgres_server: Any) -> None:
    before, during = due_record(), due_record()
    async with mesh.notifier():
        await mesh.emit([before])
        await mesh.outcomes_of(before)
        await asyncio.to_thread(server.stop, postgres_server)
        await mesh.emit([during])
        await asyncio.sleep(1)
        assert mesh.outcomes([during]) == []
        await asyncio.to_thread(server.start, postgres_server)
        (outcome,) = await mesh.outcomes_of(during)
    assert outcome.result == MessageOutcome.SENT
    assert dispatcher[0].calls[during.id] == 1


async def test_an_outage_of_postgres_loses_no_fact(mesh: Any, dispatcher: Any, due_record: Make, postgres_server: Any) -> None:
    due = due_record()
    dispatcher[0].gate.clear()
    async with mesh.notifier():
        await mesh.emit([due])
        await wait_until(lambda: dispatcher[0].slices, timeout_seconds=60, what="a call")
        await asyncio.to_thread(server.stop, postgres_server)
        dispatcher[0].gate.set()
        await asyncio.sleep(1)
        await asyncio.to_thread(server.start, postgres_server)
        (outcome,) = await mesh.outcomes_of(due)
    assert (outcome.result, outcome.unsure) == (MessageOutcome.SENT, False)
    assert dispatcher[0].calls[due.id] == 1
