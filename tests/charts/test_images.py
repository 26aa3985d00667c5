"""The recipes of the images, and that each image holds what its process imports."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from charts.rendering import PROJECT, PYTHON_SERVICES

DOCKERFILES = ("services/Dockerfile", "services/gateway/Dockerfile", "loadtest/simulator/Dockerfile")
LOCK = PROJECT / "requirements" / "runtime.txt"
#: Loaded here by development tools or plugins of other packages, and not needed.
NOT_NEEDED = {"grpcio-tools", "setuptools", "psutil", "pygments", "rich", "brotli", "greenlet", "attrs", "cryptography"}
LOADED = """
import sys
from importlib import import_module
from importlib.metadata import packages_distributions
for name in sys.argv[1:]:
    import_module(name)
distributions = packages_distributions()
print(*{name for module in list(sys.modules) if "." not in module for name in distributions.get(module, [])})
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(requirements: Path) -> set[str]:
    command = [sys.executable, "tools/subset_lock.py", str(LOCK), str(requirements)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT).stdout
    return {canonical(name) for name in re.findall(r"^([A-Za-z0-9_.-]+)(?:\[.*\])?==", text, re.MULTILINE)}


def loaded(*modules: str) -> set[str]:
    ran = subprocess.run([sys.executable, "-c", LOADED, *modules], capture_output=True, text=True, check=True)
    return {canonical(name) for name in ran.stdout.split()} - NOT_NEEDED


@pytest.mark.parametrize("service", PYTHON_SERVICES)
def test_an_image_holds_what_its_service_imports(service: str) -> None:
    package = service.replace("-", "_")
    holds = locked(PROJECT / "services" / service / "requirements.in")
    assert loaded(f"{package}.bootstrap", f"{package}.__main__", "servicekit.topics" if service == "user-service" else package) <= holds


def test_the_simulators_image_holds_what_it_imports() -> None:
    assert loaded("simulator.__main__") <= locked(PROJECT / "loadtest/simulator/requirements.in")


@pytest.mark.parametrize("path", DOCKERFILES)
def test_what_runs_is_a_number_and_builds_nothing(path: str) -> None:
    recipe = (PROJECT / path).read_text(encoding="utf-8")
    assert re.findall(r"^USER (\S+)$", recipe, re.MULTILINE)[-1] == "65532:65532"
    _, *stages = re.split(r"^FROM .*$", recipe[recipe.index(" AS build") :], flags=re.MULTILINE)
    assert stages
    assert not re.search(r"pip install|go build|gcc|python3-pip", "".join(stages))


@pytest.mark.parametrize("path", DOCKERFILES)
def test_bases_are_arguments_with_exact_tags(path: str) -> None:
    recipe = (PROJECT / path).read_text(encoding="utf-8")
    assert set(re.findall(r"^FROM (\S+)", recipe, re.MULTILINE)) <= {"${BUILD_IMAGE}", "${RUN_IMAGE}", "scratch", "run"}
    for base in re.findall(r"^ARG (?:BUILD|RUN)_IMAGE=(\S+)$", recipe, re.MULTILINE):
        assert re.fullmatch(r"[a-z]+:[\w.-]+(@sha256:[0-9a-f]{64})?", base), "a tag, and no registry: that is the builder's to know"
        assert not base.endswith(":latest")


@pytest.mark.parametrize("path", ["services/Dockerfile", "loadtest/simulator/Dockerfile"])
def test_the_same_sources_give_the_same_bytes(path: str) -> None:
    """All that is dated by the build is dated anew, and what runs is copied from there."""
    recipe = (PROJECT / path).read_text(encoding="utf-8")
    _, _, root = recipe.partition("FROM ${RUN_IMAGE} AS root\n")
    assert 'find / -xdev -newermt "@${SOURCE_DATE_EPOCH}"' in root.partition("FROM scratch")[0]
    assert "COPY --from=root / /\n" in root
    assert 'PYTHONTZPATH=""' in root


def test_everything_an_image_copies_is_sent_to_the_builder() -> None:
    sent = [line[1:] for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    for path in DOCKERFILES:
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", (PROJECT / path).read_text(encoding="utf-8"), re.MULTILINE):
            for source in line.split():
                assert any(source == each or source.startswith(f"{each}/") for each in sent), source
