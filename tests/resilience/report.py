"""What a run of the suite has shown: its scenarios by file, and how late and how often greetings came after each crash (S6)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

import pytest

#: The property in which a test of crash windows keeps its figures.
CRASH_WINDOW: Final = "crash_window"
_FOLDER: Final = "tests/resilience/"
#: Not scenarios: these try the tests and the documents.
_OF_TESTS: Final = {"planted_bugs", "planted_on_the_mesh", "guarantees"}

Figures = Mapping[str, Any]


def figures_of(reports: Iterable[pytest.TestReport]) -> Figures:
    """The figures of a run by the reports of its tests."""
    ours = [report for report in reports if report.nodeid.startswith(_FOLDER)]
    by_file: dict[str, list[pytest.TestReport]] = defaultdict(list)
    for report in ours:
        by_file[PurePath(report.nodeid.partition("::")[0]).stem.removeprefix("test_")].append(report)
    files = {name: _sums(reports) for name, reports in by_file.items()}
    return {
        "scenarios": sum(sums["tests"] for name, sums in files.items() if name not in _OF_TESTS),
        "failed": sum(sums["failed"] for sums in files.values()),
        "seconds": round(sum(sums["seconds"] for sums in files.values())),
        "files": files,
        "crash_windows": [value for report in ours for name, value in report.user_properties if name == CRASH_WINDOW],
    }


def lines_of(figures: Figures) -> Iterator[str]:
    """The same for a person."""
    yield f"{figures['scenarios']} scenarios, {figures['failed']} failed, {figures['seconds']} s in all."
    for name, sums in figures["files"].items():
        yield f"  {name:18} {sums['tests']:3} tests, {sums['failed']} failed, {sums['seconds']:4.0f} s"
    if not (killed := [window for window in figures["crash_windows"] if window["fault"] == "kill"]):
        return
    yield "After kill -9, the last greeting after it and its time; what S6 allows; calls repeated of what was sent and not recorded then:"
    for window in killed:
        when = f"{window['latest_s']:5.1f} s of {window['allowed_s']:.1f} s"
        repeats = f"{window['repeats']:3} repeats of {window['unrecorded']:3}, at most {window['most_repeats']}"
        yield f"  {window['seam']:34} {window['turn']:3}. turn {when}, {repeats}"


def write(figures: Figures, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")


def _sums(reports: Iterable[pytest.TestReport]) -> dict[str, Any]:
    reports = list(reports)
    return {
        "tests": len(reports),
        "failed": sum(report.failed for report in reports),
        "seconds": round(sum(report.duration for report in reports), 1),
    }
