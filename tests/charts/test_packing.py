"""tools/charts.sh packs on a machine that has nothing but helm, and only what has changed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from charts.rendering import CHARTS, HELM, PROJECT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The charts and the script as they are kept: nothing packed, nothing built."""
    root = tmp_path / "checkout"
    shutil.copytree(CHARTS, root / "charts", ignore=shutil.ignore_patterns("*.tgz", "Chart.lock"))
    (root / "tools").mkdir()
    shutil.copy(PROJECT / "tools/charts.sh", root / "tools")
    return root


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with helm on it, and what every system has."""
    if not HELM.exists():
        pytest.skip("there is no helm: make tools-helm")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/helm").symlink_to(HELM.resolve())
    return f"{tmp_path / 'bin'}:/usr/bin:/bin"


def pack(checkout: Path, path: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "HELM"} | {"PATH": path}
    return subprocess.run([checkout / "tools/charts.sh"], env=environment, capture_output=True, text=True, check=False)


def packed(checkout: Path) -> dict[str, int]:
    return {str(each.relative_to(checkout)): each.stat().st_mtime_ns for each in checkout.glob("charts/*/charts/*.tgz")}


def test_it_takes_helm_from_the_path_and_packs_only_what_has_changed(checkout: Path, path: str) -> None:
    ran = pack(checkout, path)
    assert ran.returncode == 0, ran.stderr
    first = packed(checkout)
    assert {name.split("/")[1] for name in first} == {each.parent.name for each in CHARTS.glob("*/Chart.yaml")} - {"common"}
    pack(checkout, path)
    assert packed(checkout) == first

    with (checkout / "charts/common/templates/_names.tpl").open("a", encoding="utf-8") as template:
        template.write("{{/* changed */}}\n")
    pack(checkout, path)
    second = packed(checkout)
    assert all(second[name] > written for name, written in first.items())

    next(checkout.glob("charts/heyday/charts/user-service-*.tgz")).unlink()
    pack(checkout, path)
    assert packed(checkout).keys() == second.keys()


def test_it_says_what_to_do_where_there_is_no_helm(checkout: Path) -> None:
    if Path("/usr/bin/helm").exists():
        pytest.skip("helm is part of this system")
    ran = pack(checkout, "/usr/bin:/bin")
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == ["helm is neither in .build nor on the PATH: make tools-helm builds it"]
