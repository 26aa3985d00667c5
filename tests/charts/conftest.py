import subprocess

import pytest

from charts.rendering import HELM, PROJECT


@pytest.fixture(scope="session")
def helm() -> None:
    """Packs the charts; skips where there is no helm: to build it takes minutes, and not everybody needs it."""
    if not HELM.exists():
        pytest.skip("there is no helm: make tools-helm")
    subprocess.run(["tools/charts.sh"], check=True, cwd=PROJECT)
