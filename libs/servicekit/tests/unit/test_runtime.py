import asyncio
import gc
import os
import signal
import subprocess
import sys
import time

import pytest
from prometheus_client import REGISTRY

from servicekit.errors import NotFound, Unavailable
from servicekit.loops import insist
from servicekit.runtime import Backoff, Closing, Component, Loop, Readiness, every, probe, supervise
from servicekit.testing import wait_until


class Part:
    def __init__(self, name: str, journal: list[str], *, start: Exception | None = None, hangs: bool = False) -> None:
        self.name = name
        self._journal = journal
        self._start = start
        self._hangs = hangs
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        self._journal.append(f"start {self.name}")
        if self._start is not None:
            raise self._start

    async def wait(self) -> None:
        await asyncio.shield(self.ended)

    async def stop(self) -> None:
        if self._hangs:
            await asyncio.Event().wait()
        self._journal.append(f"stop {self.name}")


async def _supervise(parts: list[Component], stop: asyncio.Event, readiness: Readiness | None = None) -> int:
    return await asyncio.wait_for(supervise(parts, stop, grace_seconds=0.1, readiness=readiness), 5)


async def test_parts_start_in_order_and_stop_in_reverse() -> None:
    journal: list[str] = []
    stop, readiness = asyncio.Event(), Readiness()
    running = asyncio.create_task(_supervise([Part("a", journal), Part("b", journal)], stop, readiness))
    await wait_until(lambda: len(journal) == 2)
    assert readiness.ready
    stop.set()
    assert await running == 0
    assert journal == ["start a", "start b", "stop b", "stop a"]
    assert not readiness.ready


async def test_what_was_made_until_all_parts_serve_is_left_out_of_garbage_collections() -> None:
    gc.unfreeze()
    stop = asyncio.Event()
    running = asyncio.create_task(_supervise([Part("a", [])], stop))
    try:
        await wait_until(lambda: gc.get_freeze_count() > 0)
    finally:
        gc.unfreeze()
        stop.set()
    assert await running == 0


@pytest.mark.parametrize("error", [RuntimeError("broken"), None])
async def test_a_part_that_ends_by_itself_ends_the_process_with_one(error: Exception | None) -> None:
    journal: list[str] = []
    parts = [Part("a", journal), Part("b", journal)]
    running = asyncio.create_task(_supervise(list(parts), asyncio.Event()))
    await wait_until(lambda: len(journal) == 2)
    parts[0].ended.set_exception(error) if error else parts[0].ended.set_result(None)
    assert await running == 1
    assert journal[2:] == ["stop b", "stop a"]


async def test_a_part_that_cannot_start_ends_the_process_and_all_are_stopped() -> None:
    journal: list[str] = []
    assert await _supervise([Part("a", journal), Part("b", journal, start=OSError("port taken"))], asyncio.Event()) == 1
    assert journal == ["start a", "start b", "stop b", "stop a"]


async def test_a_stop_during_a_start_that_waits_is_obeyed() -> None:
    class Waiting(Part):
        async def start(self) -> None:
            await asyncio.Event().wait()

    journal: list[str] = []
    stop = asyncio.Event()
    running = asyncio.create_task(_supervise([Part("a", journal), Waiting("b", journal)], stop))
    await wait_until(lambda: journal)
    stop.set()
    assert await running == 0
    assert journal == ["start a", "stop b", "stop a"]


async def test_a_part_that_ends_while_another_still_waits_to_start_ends_the_process() -> None:
    class Waiting(Part):
        async def start(self) -> None:
            await asyncio.Event().wait()

    journal: list[str] = []
    first = Part("a", journal)
    running = asyncio.create_task(_supervise([first, Waiting("b", journal)], asyncio.Event()))
    await wait_until(lambda: journal)
    first.ended.set_result(None)
    assert await running == 1
    assert journal == ["start a", "stop b", "stop a"]


async def test_a_part_that_does_not_stop_in_its_time_keeps_no_other_from_stopping() -> None:
    journal: list[str] = []
    stop = asyncio.Event()
    stop.set()
    assert await _supervise([Part("a", journal), Part("b", journal, hangs=True)], stop) == 0
    assert journal[-1] == "stop a"


async def test_a_closing_part_is_closed_at_the_end() -> None:
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    stop = asyncio.Event()
    stop.set()
    await _supervise([Closing("pool", close)], stop)
    assert closed.is_set()


async def test_a_loop_that_fails_or_returns_is_begun_anew_and_counted() -> None:
    runs = 0

    async def body(stopping: asyncio.Event) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise LookupError
        if runs >= 3:
            await stopping.wait()

    loop = Loop("phoenix", body, backoff=Backoff(first=0.01, longest=0.02))
    await loop.start()
    await wait_until(lambda: runs == 3)
    await loop.stop()
    assert REGISTRY.get_sample_value("background_loop_failures_total", {"loop": "phoenix"}) == 2


async def test_a_loop_that_does_not_end_in_its_time_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def body(stopping: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    loop = Loop("stubborn", body, grace_seconds=0.05)
    await loop.start()
    await asyncio.sleep(0)
    await loop.stop()
    assert cancelled.is_set()


async def test_every_steps_at_once_then_by_time_or_when_woken_and_finishes_the_step_in_flight() -> None:
    steps, finished, wake = 0, 0, asyncio.Event()

    async def step() -> None:
        nonlocal steps, finished
        steps += 1
        await asyncio.sleep(0.02)
        finished += 1

    loop = every("steps", 60, step, wake=wake)
    await loop.start()
    await wait_until(lambda: finished == 1)
    wake.set()
    await wait_until(lambda: steps == 2)
    await loop.stop()
    assert finished == 2


async def test_a_probe_follows_what_it_looks_at() -> None:
    readiness, works = Readiness(), False

    async def check() -> None:
        if not works:
            raise ConnectionError

    part = probe("database", check, readiness, seconds=0.01)
    assert readiness.missing() == ["database"]
    await part.start()
    works = True
    await wait_until(lambda: readiness.ready)
    works = False
    await wait_until(lambda: not readiness.ready)
    await part.stop()


async def test_a_probe_that_hangs_is_not_ready() -> None:
    readiness = Readiness()
    readiness.set("database", True)
    part = probe("database", asyncio.Event().wait, readiness, timeout_seconds=0.01)
    await part.start()
    await wait_until(lambda: not readiness.ready)
    await part.stop()


def test_backoff_doubles_up_to_its_longest_with_jitter() -> None:
    backoff = Backoff(first=1, longest=10)
    for failures, ceiling in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (1000, 10)]:
        waits = [backoff.seconds(failures) for _ in range(50)]
        assert all(ceiling / 2 <= wait <= ceiling for wait in waits)
        assert len(set(waits)) > 1


async def test_insisting_goes_on_until_the_other_side_takes_part_again() -> None:
    failures = [NotFound(), Unavailable("still away"), Unavailable("away")]
    told: list[tuple[str, int]] = []

    async def step() -> str:
        if failures:
            raise failures.pop()
        return "done"

    insisting = insist(step, backoff=Backoff(first=0.001), failed=lambda error, number: told.append((error.message, number)))
    with pytest.raises(NotFound):
        await insisting
    assert told == [("away", 1), ("still away", 2)]
    assert await insist(step) == "done"


SERVICE = """
import sys
from servicekit.runtime import Closing, run

async def close():
    print("closed", flush=True)

class Hello(Closing):
    async def start(self):
        print("started", flush=True)

sys.exit(run(lambda: [Hello("hello", close)], grace_seconds=5))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_in_order(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(0.1)
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(10) == 0
    assert "closed" in rest
