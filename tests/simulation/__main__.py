"""A simulated year: the services' own planning, emitting, delivering and settling, in virtual time, with a seeded fault at every step.

    python -m simulation --seed 7 --days 365 --people 1200

Exit code 1 if anything was lost, doubled, early or left without an end, or nothing was owed to anybody; the shortest story of what went
wrong is printed.
"""

import argparse
import logging
import os
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from time import process_time
from uuid import UUID

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from occasions import zones
from simulation.almanac import picture_of
from simulation.chance import Rates
from simulation.judge import Verdict
from simulation.run import simulate
from simulation.world import Setup, World

#: A common year, then a leap year.
BEGINS_AT = datetime(2027, 1, 1, tzinfo=UTC)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}")

console = Console(stderr=False, soft_wrap=True, highlight=False, markup=False)


def main() -> int:
    if os.environ.get("PYTHONHASHSEED") != "0":  # else sets have another order in each run, and a seed tells nothing
        os.execve(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]], os.environ | {"PYTHONHASHSEED": "0"})
    given = _parser().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    setup = Setup(given.seed, datetime.fromisoformat(given.since).replace(tzinfo=UTC), given.days, given.people, _rates(given.faults))
    began = process_time()
    world, verdict = _watched(setup)
    _report(world, verdict, process_time() - began)
    return 1 if verdict.violations or not verdict.owed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--people", type=int, default=1200, help="spread over all zones; at least 500 for one in each")
    parser.add_argument("--since", default=f"{BEGINS_AT:%Y-%m-%d}", help="the first day")
    parser.add_argument("--faults", type=float, default=1.0, help="how often steps go wrong, as a multiple")
    return parser


def _rates(multiple: float) -> Rates:
    return Rates(Rates.dies * multiple, Rates.unavailable * multiple, Rates.slow * multiple)


def _watched(setup: Setup) -> tuple[World, Verdict]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Simulating", total=setup.days)
        months: set[str] = set()

        def progress(world: World) -> None:
            now, steps = world.clock.now(), f"{world.chance.steps:,} steps"
            bar.update(task, completed=min((now - setup.begins_at).days, setup.days), description=f"{now:%Y-%m-%d} {steps}")
            if bar.disable and f"{now:%Y-%m}" not in months:
                months.add(f"{now:%Y-%m}")
                console.print(f"{now:%Y-%m-%d}: {steps}")

        return simulate(setup, progress)


def _report(world: World, verdict: Verdict, seconds: float) -> None:
    setup, chance = world.setup, world.chance
    events = world.users.store.state.events
    names, stored = min(setup.people, len(zones.accepted())), len({user.profile.timezone for user in events})
    people = f"{setup.people:,} people under {names} names of tzdata, in time {stored} of its {len(zones.stored())} zones"
    changes = f"{len(events) - setup.people:,} changes"
    console.print(f"Seed {setup.seed}: {setup.days} days from {setup.begins_at:%Y-%m-%d}, {people}, {changes}.")
    faults = sum(chance.faults.values())
    console.print(f"{chance.steps:,} steps in {seconds:.1f} s of one core, {chance.steps / seconds:,.0f} a second; {faults:,} faults.")
    for name, count in sorted(_grouped(chance.faults).items(), key=lambda item: -item[1]):
        console.print(f"  {count:6,} {name}")
    for line in picture_of(world.plan.tables.messages.values()):
        console.print(line)
    console.print(f"{verdict.owed:,} greetings were owed for sure; the provider was called {world.provider.calls:,} times.")
    if not verdict.violations:
        console.print("Nothing lost, nothing doubled, nothing early.")
        return
    console.print(f"{len(verdict.violations)} PROMISES BROKEN, with --seed {setup.seed} --days {setup.days} --people {setup.people}:")
    for violation in verdict.violations[:20]:
        console.print(f"  {violation}")
    _tell_shortest(world, verdict)


def _tell_shortest(world: World, verdict: Verdict) -> None:
    stories = [list(world.story.of(UUID(found[0]))) for violation in verdict.violations if (found := _ID.search(violation))]
    if stories:
        console.print("The shortest story:")
        for line in min(stories, key=len):
            console.print(f"  {line}")


def _grouped(faults: Counter[str]) -> Counter[str]:
    """Faults of steps by their kind; each place of them would be a line."""
    grouped: Counter[str] = Counter()
    for name, count in faults.items():
        grouped[re.sub(r" (before|after|at) .*", " step", name)] += count
    return grouped


if __name__ == "__main__":
    sys.exit(main())
