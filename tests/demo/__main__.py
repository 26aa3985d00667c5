"""`python -m demo`: greets some two hundred people round the world, and has it checked that each was greeted once, and in time."""

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rich.console import Console

from backing import lock
from backing.mesh import PROJECT, Mesh
from backing.process import ProcessFailed
from demo import board
from demo.play import TooSlow, create, watch
from demo.reckoning import Verdict, owed_by, reckon
from demo.rest import Refused, Rest
from demo.scenario import Times, cast, choose_times
from invariants import read

_DIRECTORY = PROJECT / ".run" / "demo"
_LOCK = PROJECT / ".run" / "demo.lock"
_RESULT = PROJECT / ".run" / "demo.json"
_PROVIDER = ["--failure-share", "0.1", "--slow-share", "0.05", "--slow-seconds", "1.5", "--latency-seconds", "0.02"]
_LEAD = timedelta(seconds=25)  # Enough to start the services and to create everybody before the first time comes.

console = Console()


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _RESULT.unlink(missing_ok=True)  # A run that is broken off leaves no figures of an earlier one.
    try:
        with lock.holding(_LOCK), _fresh_mesh() as (mesh, times):
            verdict = _play(mesh, times)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except lock.Held:
        console.print("The demo runs here already.")
        return 1
    except (ProcessFailed, Refused, TooSlow) as failure:
        console.print(str(failure), markup=False, soft_wrap=True)
        return 1
    _RESULT.write_text(json.dumps(verdict.as_json(), indent=2) + "\n")
    console.print(_summary(verdict), markup=False, soft_wrap=True)
    return 1 if verdict.problems else 0


@contextmanager
def _fresh_mesh() -> Iterator[tuple[Mesh, Times]]:
    """A mesh without a past, whose send times come soon."""
    shutil.rmtree(_DIRECTORY, ignore_errors=True)
    settings = {"gateway": {"RATE_LIMIT_PER_MINUTE": "0"}}
    mesh = Mesh(_DIRECTORY, settings=settings, simulator=_PROVIDER, durable=False, progress=lambda line: console.print(f"{line} ..."))
    mesh.forget()
    try:
        mesh.start_servers()
        times = choose_times(datetime.now(UTC), _LEAD)
        mesh.configure("scheduler-service", SEND_TIMES=json.dumps(times.as_setting()))
        mesh.start_services()
        yield mesh, times
    finally:
        console.print("Stopping everything ...")
        mesh.stop()


def _play(mesh: Mesh, times: Times) -> Verdict:
    rest, provider = Rest(mesh.url), Rest(mesh.provider_url)
    people = cast(times, datetime.now(UTC))
    console.print(_announcement(times, len(people)), soft_wrap=True)
    greetings = create(rest, people, times)
    with board.shown_live(console, times) as show:
        last = watch(rest, greetings, times, show)
    received, stats = provider.call("GET", "/received"), provider.call("GET", "/stats")
    verdict = reckon(greetings, read(mesh, json.dumps(received).encode(), owed=owed_by(greetings)), users=len(people))
    verdict.provider_calls, verdict.provider_failures = stats["calls"], stats["failures"]
    console.print(board.ahead_table((each for each in greetings if each.due_at > last.taken_at and not each.is_withdrawn), last.messages))
    console.print(board.retries(received["received"]), soft_wrap=True)
    console.print(board.leap_days(people, last.taken_at.date()), soft_wrap=True)
    return verdict


def _announcement(times: Times, people: int) -> str:
    birthday, anniversary = times.as_setting()["birthday"], times.as_setting()["anniversary"]
    return (
        f"Creating {people} people round the world, through REST. Birthdays are greeted at {birthday} local time, which some zones reach "
        f"at {times.birthday_at:%H:%M} UTC; anniversaries at {anniversary}, which some zones of a half or quarter hour reach at "
        f"{times.anniversary_at:%H:%M} UTC."
    )


def _summary(verdict: Verdict) -> str:
    lines = [
        f"{verdict.users} users. {verdict.due} greetings came due and {verdict.sent} were sent, {verdict.late} of them late: "
        "their time was past when they became known.",
        f"Lost: {verdict.lost}. Doubled: {verdict.doubled}. Early: {verdict.early}. Withdrawn in time: {verdict.cancelled}. "
        f"Still ahead: {verdict.ahead}.",
        f"Lateness of those on time: half within {verdict.lateness_p50_s:.2f} s, 99 % within {verdict.lateness_p99_s:.2f} s.",
        f"The provider was called {verdict.provider_calls} times and failed {verdict.provider_failures} times.",
        *(f"WRONG: {problem}" for problem in verdict.problems),
        f"{'Something is wrong.' if verdict.problems else 'Everything is as it must be.'} The same as JSON: {_RESULT.relative_to(PROJECT)}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
