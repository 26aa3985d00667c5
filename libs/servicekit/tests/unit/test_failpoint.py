import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from servicekit import failpoint


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoint.arm({})


async def test_nothing_happens_unless_armed() -> None:
    await failpoint.reach("anywhere")


async def test_it_raises_each_time_or_at_one_turn_only() -> None:
    failpoint.arm({"each": "raise", "second": "raise@2"})
    for _ in range(2):
        with pytest.raises(failpoint.FailpointReached, match="asked for a failure at each"):
            await failpoint.reach("each")
    await failpoint.reach("second")
    with pytest.raises(failpoint.FailpointReached):
        await failpoint.reach("second")
    await failpoint.reach("second")


async def test_sleep_delays_this_task_alone() -> None:
    failpoint.arm({"slow": "sleep:0.05"})
    began = time.monotonic()
    await asyncio.gather(failpoint.reach("slow"), failpoint.reach("slow"))
    assert 0.05 <= time.monotonic() - began < 0.1


@pytest.mark.parametrize("text", ["", "kill@0", "pause", "sleep:", "raise:1", "explode", "kill@-1"])
def test_an_unknown_action_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="knows the actions kill, raise"):
        failpoint.arm({"seam": text})


def _run(action: str) -> "tuple[int, float]":
    script = (
        f"import asyncio\nfrom servicekit import failpoint\nfailpoint.arm({{'seam': '{action}'}})\nasyncio.run(failpoint.reach('seam'))\n"
    )
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", script], check=False, timeout=20)
    return ended.returncode, time.monotonic() - began


def test_kill_ends_the_process_as_kill_9_does() -> None:
    assert _run("kill")[0] == -signal.SIGKILL


def test_pause_stops_the_process_and_lets_it_go_on() -> None:
    code, seconds = _run("pause:0.5")
    assert (code, seconds > 0.5) == (0, True)
