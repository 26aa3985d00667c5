"""The page of edge cases says what the tests try, and there are as many of each category as there have to be."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "edge-cases.md"
_LEAST = {
    "Calendar": 55,
    "Users": 20,
    "Identity and races": 35,
    "Jobs": 20,
    "Delivery and provider": 30,
    "Kafka": 30,
    "Database": 25,
    "Workers": 18,
    "Validation": 20,
    "Recovery": 18,
    "Security": 12,
}


def test_the_page_is_up_to_date() -> None:
    checked = subprocess.run([sys.executable, "tools/edge_cases.py", "--check"], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_category_has_its_cases() -> None:
    rows = [line.split("|") for line in _PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| [")]
    counts = {name.partition("]")[0].strip(" ["): int(count) for _, name, count, _ in rows}
    assert {name: counts[name] for name, least in _LEAST.items() if counts[name] < least} == {}
    assert sum(counts.values()) >= 319
