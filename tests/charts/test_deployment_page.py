"""What docs/deployment.md says to type is there, and renders."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

from charts.rendering import ENVIRONMENTS, PROJECT, RELEASE, UMBRELLA, run_helm, values_of

PAGE = (PROJECT / "docs/deployment.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE, re.MULTILINE | re.DOTALL)
    return [dedent(text) for _, text in found]


def typed() -> list[str]:
    """The lines of the page that are for a shell, in blocks and within the text."""
    lines = [line.strip() for block in blocks("sh") for line in block.splitlines()]
    return [*lines, *(text.replace("\n", " ") for text in re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"(?ms)^ *```.*?^ *```", "", PAGE)))]


#: `helm upgrade` alone is a name and not a command: nothing is given to it.
HELM = [shlex.split(line) for line in typed() if re.match(r"helm \w+ \S", line)]


@pytest.mark.parametrize("values", blocks("yaml"), ids=lambda text: text.split("\n", 1)[0])
@pytest.mark.usefixtures("helm")
def test_values_of_your_own_render_on_top_of_ours(values: str, tmp_path: Path) -> None:
    needed, own = tmp_path / "needed.yaml", tmp_path / "own.yaml"
    # The first on the page says what nobody else can know, and the others go on top of it.
    needed.write_text(blocks("yaml")[0], encoding="utf-8")
    own.write_text(values, encoding="utf-8")
    run_helm("template", RELEASE, str(UMBRELLA), "-f", str(values_of("production")), "-f", str(needed), "-f", str(own))


def test_every_path_that_is_typed_is_there() -> None:
    paths = re.findall(r"(?<![\w/.:-])(?:charts|k8s|docs)/[\w./-]+", "\n".join(typed()))
    assert len(paths) > 5
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_every_target_that_is_typed_is_there() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    asked = [word for line in typed() if line.startswith("make ") for word in line.split()[1:] if "=" not in word]
    assert {"images", "charts", "helm-lint", "tools-helm"} <= set(asked)
    assert set(asked) - targets == set()


@pytest.mark.parametrize("command", HELM, ids=" ".join)
def test_every_command_of_helm_names_its_namespace(command: list[str]) -> None:
    assert command[2] == RELEASE
    assert command[command.index("-n") + 1] == RELEASE


def test_every_environment_is_installed_by_its_values() -> None:
    installed = []
    for command in (each for each in HELM if each[1] == "install"):
        assert command[3] == "charts/heyday"
        first, *others = [file for flag, file in pairwise(command) if flag == "-f"]
        installed.append(PROJECT / first)
        assert set(others) <= {"own.yaml"}
    assert sorted(installed) == sorted(map(values_of, ENVIRONMENTS))
