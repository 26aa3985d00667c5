"""Writes docs/edge-cases.md from the tests: `python tools/edge_cases.py`; with --check it only says whether the page is up to date."""

import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "edge-cases.md"

# By category the tests it takes, as patterns of "path::test"; the first category that takes a test has it.
CATEGORIES: dict[str, tuple[str, ...]] = {
    "Security": (
        "*/test_logs.py::*",
        "*/test_what_is_logged.py::*",
        "*/test_rate_limit.py::test_a_hundred*",
        "*/test_rate_limit.py::test_who_is_refused*",
        "*/test_rate_limit.py::test_other_classes*",
        "*/test_openapi_document.py::*internal*",
        "*/test_openapi_document.py::test_health*",
        "tests/e2e/test_greeting_late.py::*plain_text*",
        "tests/e2e/test_bad_requests.py::test_a_null_byte*",
        "tests/e2e/test_bad_requests.py::test_headers*",
        "tests/e2e/test_bad_requests.py::test_a_body_of_unknown_length*",
        "tests/e2e/test_bad_requests.py::test_a_deeply_nested*",
        "tests/e2e/test_bad_requests.py::test_no_answer_tells*",
        "tests/charts/test_invariants.py::test_no_*",
        "*::*secret*",
        "*::*personal*",
        "*::*sandbox*",
        "*::*schema_and_no_other",
        "*::*tells_nothing_but*",
        "*/gateway/edge_test.go::*",
        "*/gateway/limits_test.go::*",
        "*/internal/limit/*",
    ),
    "Identity and races": (
        "*/test_message_ids*",
        "*/test_races.py::*",
        "tests/model/*",
        "*::test_eight_*",
        "*::test_five_concurrent*",
        "*::test_twenty_changes*",
        "*::test_swapping*",
        "*::*planners*",
        "*::*_two_relays*",
        "*::*start_together*",
    ),
    "Recovery": (
        "tests/resilience/*",
        "*/test_stores_away.py::*",
        "*/test_user_service_killed.py::*",
        "*/test_user_service_whole.py::*",
        "*/test_user_cache_histories.py::*",
        "*/test_notifier_processes.py::*",
        "*/scheduler-service/tests/integration/test_process.py::*",
        "*/test_redis_hints.py::*",
        "*::*outage*",
        "*/test_planning_of_all.py::*recover*",
        "*/test_delivery.py::*recover*",
    ),
    "Validation": (
        "*/test_user_rules.py::*",
        "*/test_user_filters.py::*",
        "*/test_bad_requests.py::*",
        "*/test_*servicer.py::*",
        "*/internal/rest/*",
        "*/gateway/input_test.go::*",
        "*/gateway/errors_test.go::*",
    ),
    "Calendar": ("libs/occasions/*", "*/test_rules.py::*"),
    "Jobs": ("*/test_jobs.py::*", "*/test_planning_of_all.py::*"),
    "Database": (
        "*/test_servicekit_postgres.py::*",
        "*migrations.py::*",
        "*plans.py::*",
        "*/test_schema.py::*",
        "*/test_ledger*",
        "*_store_contract.py::*",
        "*/test_reading_the_plan.py::*",
    ),
    "Kafka": (
        "*kafka*",
        "*/test_topics*",
        "*/test_poison.py::*",
        "*/test_outbox.py::*",
        "*/test_offset_tracker.py::*",
        "*/test_events.py::*",
        "*/test_consumer.py::*",
    ),
    "Users": (
        "services/user-service/*",
        "*/test_users.py::*",
        "*/test_rest_users.py::*",
        "*/gateway/calls_test.go::*",
        "*/conditional_test.go::*",
    ),
    "Workers": (
        "*/test_runtime.py::*",
        "*/test_consumers.py::*",
        "*/test_due_desk.py::*",
        "*/test_notifier.py::*",
        "*/test_failpoint.py::*",
        "*/test_sent_hints*",
        "*/test_grpc_dispatcher.py::*",
        "*/test_slots.py::*",
    ),
    "Delivery and provider": (
        "services/dispatcher-service/*",
        "services/notifier-service/*",
        "*/test_failures.py::*",
        "*/test_greeting*",
        "*/test_breaker.py::*",
        "*/test_simulator.py::*",
        "*/test_delivery.py::*",
    ),
    "Planning and re-planning": ("services/scheduler-service/*", "*/test_replanning.py::*"),
    "Interfaces and operation": ("*",),
}


def cases() -> Iterator[str]:
    """Every case as "path::test", those of one test as often as there are; Go's tests by their own names."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        if "::" in line:
            path, *_, name = line.partition("[")[0].split("::")
            yield f"{path}::{name}"
    for file in sorted(ROOT.glob("services/gateway/**/*_test.go")):
        for name in re.findall(r"^func Test(\w+)\(t \*testing\.T", file.read_text(encoding="utf-8"), re.MULTILINE):
            yield f"{file.relative_to(ROOT)}::{name}"


def categorised(found: Iterable[str]) -> dict[str, Counter[str]]:
    """How many cases each test has, by category."""
    sorted_out: dict[str, Counter[str]] = {name: Counter() for name in CATEGORIES}
    for case in found:
        name = next(name for name, patterns in CATEGORIES.items() if any(fnmatchcase(case, pattern) for pattern in patterns))
        sorted_out[name][case] += 1
    return sorted_out


def page(by_category: dict[str, Counter[str]]) -> str:
    total = sum(map(Counter.total, by_category.values()))
    lines = [
        "# Edge cases",
        "",
        f"The {total} cases that the tests try, by category: one line for each test, with the number of its cases where there are more.",
        "Generated from the tests by `python tools/edge_cases.py`; a test checks that it is up to date.",
        "",
        "| category | cases |",
        "|---|---|",
        *(f"| [{name}](#{name.lower().replace(' ', '-')}) | {counts.total()} |" for name, counts in by_category.items()),
    ]
    for name, counts in by_category.items():
        lines += ["", f"## {name}", *_listed(counts)]
    return "\n".join(lines) + "\n"


def _listed(counts: Counter[str]) -> Iterator[str]:
    by_file: dict[str, list[str]] = defaultdict(list)
    for case, count in counts.items():
        path, _, name = case.partition("::")
        by_file[path].append(f"- {_sentence(name)}{f' ({count})' if count > 1 else ''}")
    for path in sorted(by_file):
        yield from ("", f"`{path}`", "", *sorted(by_file[path]))


def _sentence(name: str) -> str:
    spaced = name.removeprefix("test_").replace("_", " ")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", spaced).lower()


def main() -> int:
    written = page(categorised(cases()))
    if "--check" not in sys.argv:
        PAGE.write_text(written, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != written:
        print("docs/edge-cases.md is not up to date: python tools/edge_cases.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
