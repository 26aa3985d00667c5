import csv
from pathlib import Path

import pytest

VECTORS = Path(__file__).parent / "vectors"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vectors(file): runs the test once for each row of a file of vectors, as `row`")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if marker := metafunc.definition.get_closest_marker("vectors"):
        with (VECTORS / marker.args[0]).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        metafunc.parametrize("row", rows, ids=[row["name"] for row in rows])
