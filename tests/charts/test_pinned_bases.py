"""The bases of the images are pinned by what a registry says, and by nothing else."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from charts.rendering import PROJECT
from charts.test_images import DOCKERFILES

DIGEST = "sha256:" + "0123456789abcdef" * 4
NEWER = "sha256:" + "fedcba9876543210" * 4


def pin(answer: str, *recipes: Path) -> subprocess.CompletedProcess[str]:
    ask = shlex.join(["sh", "-c", f"echo {shlex.quote(answer)}"])
    command = [sys.executable, "tools/pin_bases.py", "--ask", ask, *map(str, recipes)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.fixture
def recipes(tmp_path: Path) -> list[Path]:
    return [Path(shutil.copy(PROJECT / path, tmp_path / path.replace("/", "-"))) for path in DOCKERFILES]


def test_every_base_gets_its_digest_and_later_a_newer_one(recipes: list[Path]) -> None:
    before = [recipe.read_text() for recipe in recipes]
    for digest in (DIGEST, NEWER):
        assert pin(digest, *recipes).returncode == 0
        for recipe, old in zip(recipes, before, strict=True):
            assert recipe.read_text() == re.sub(r"^(ARG (?:BUILD|RUN)_IMAGE=[a-z]+:[\w.-]+).*$", rf"\1@{digest}", old, flags=re.MULTILINE)
            assert digest in recipe.read_text()


@pytest.mark.parametrize("answer", ["", "manifest unknown", DIGEST[:-1]])
def test_what_is_no_digest_changes_nothing(recipes: list[Path], answer: str) -> None:
    before = [recipe.read_text() for recipe in recipes]
    refused = pin(answer, *recipes)
    assert refused.returncode == 1
    assert "not a digest" in refused.stderr
    assert [recipe.read_text() for recipe in recipes] == before


def test_the_workflow_pins_all_of_them() -> None:
    workflow = yaml.safe_load((PROJECT / ".github/workflows/bases.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["pin"]["steps"]
    assert [step["run"] for step in steps if "pin_bases" in step.get("run", "")] == [f"python3 tools/pin_bases.py {' '.join(DOCKERFILES)}"]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
