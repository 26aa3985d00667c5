"""`python -m bench`: see README.md."""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backing import lock
from backing.mesh import PROJECT
from backing.process import ProcessFailed
from bench import delivery, planning, report
from bench.stage import Stage

_DIRECTORY = PROJECT / ".run" / "bench"
_LOCK = PROJECT / ".run" / "bench.lock"
_RESULTS = PROJECT / "loadtest" / "results"
_SMOKE = {"deliver": [2_000], "plan": [2_000], "rounds": 1, "warm_up": 1_000}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if all targets are met, 1 if not, 2 if it could not be measured."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = _options(arguments)
    try:
        with lock.holding(_LOCK):
            return _measure(options)
    except (ProcessFailed, AssertionError, lock.Held) as failure:
        print(str(failure) or "The bench runs here already.")
        return 2


def _measure(options: argparse.Namespace) -> int:
    shutil.rmtree(_DIRECTORY, ignore_errors=True)
    began, load = datetime.now(UTC), os.getloadavg()
    deliveries = [report.Delivery(size) for size in options.deliver]
    plans: list[planning.PlanRun] = []
    with Stage(_DIRECTORY, options.replicas, options.settings, _say) as stage:
        if deliveries:
            _warm_up(stage, options.warm_up)
        for each in deliveries:
            _deliver(stage, each, options.rounds)
        for size in options.plan:
            _say(f"Planning {size:,} birthdays")
            plans.append(planning.run(stage, size))
    circumstances = {"began_at": began.isoformat(), "load_before": load, "load_after": os.getloadavg(), **_machine(), **_chosen(options)}
    _write(options.output, report.as_json(deliveries, plans, circumstances))
    print(report.table(deliveries, plans))
    return 0 if all(check.passed for check in report.checks(deliveries, plans)) else 1


def _warm_up(stage: Stage, messages: int) -> None:
    """A cold JVM, unfilled caches and unprepared statements are nobody's every day."""
    _say(f"Warming up with {messages:,} messages")
    delivery.run_loop(stage, messages)
    delivery.run_path(stage, messages, within_seconds=120)


def _deliver(stage: Stage, each: report.Delivery, rounds: int) -> None:
    for number in range(rounds):
        _say(f"Delivering {each.messages:,} messages, round {number + 1} of {rounds}: the bare loop, then the path")
        each.loops.append(delivery.run_loop(stage, each.messages))
        each.paths.append(delivery.run_path(stage, each.messages, within_seconds=60 + each.messages / 200))


def _write(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    _say(f"Written to {path}")


def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}


def _chosen(options: argparse.Namespace) -> dict[str, Any]:
    return {"replicas": options.replicas, "settings": options.settings, "postgres": "fsync on, as delivered"}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures delivery beside a bare loop, and planning.")
    parser.add_argument("--deliver", type=int, nargs="*", default=[20_000, 200_000], help="sizes of bursts (20000 200000)")
    parser.add_argument("--plan", type=int, nargs="*", default=[10_000, 1_000_000], help="birthdays to plan (10000 1000000)")
    parser.add_argument("--rounds", type=int, default=2, help="times each burst is measured (2)")
    parser.add_argument("--warm-up", type=int, default=10_000, help="messages delivered before anything counts (10000)")
    parser.add_argument("--replicas", type=_replicas, default={"dispatcher-service": 2}, help='as JSON ({"dispatcher-service": 2})')
    parser.add_argument(
        "--settings", type=json.loads, default={}, help='by service, as JSON: {"notifier-service": {"SLICE_RECORDS": "250"}}'
    )
    parser.add_argument("--output", type=Path, default=_RESULTS / "latest.json", help="where the JSON goes")
    parser.add_argument("--smoke", action="store_true", help="small sizes: shows in a minute that everything is measured")
    options = parser.parse_args(arguments)
    if options.smoke:
        vars(options).update(_SMOKE)
    return options


def _replicas(text: str) -> dict[str, int]:
    return {str(name): int(number) for name, number in json.loads(text).items()}


def _say(line: str) -> None:
    print(f"{line} ...", flush=True)


if __name__ == "__main__":
    sys.exit(main())
