"""What docs/deployment.md says to type is there, and renders."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from charts.rendering import PROJECT, RELEASE, UMBRELLA, run_helm, values_of

PAGE = (PROJECT / "docs/deployment.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", PAGE, re.MULTILINE | re.DOTALL)
    return [dedent(text) for _, text in found]


@pytest.mark.parametrize("values", blocks("yaml"), ids=lambda text: text.split("\n", 1)[0])
@pytest.mark.usefixtures("helm")
def test_values_of_your_own_render_on_top_of_ours(values: str, tmp_path: Path) -> None:
    needed, own = tmp_path / "needed.yaml", tmp_path / "own.yaml"
    # The first on the page says what nobody else can know, and the others go on top of it.
    needed.write_text(blocks("yaml")[0], encoding="utf-8")
    own.write_text(values, encoding="utf-8")
    run_helm("template", RELEASE, str(UMBRELLA), "-f", str(values_of("production")), "-f", str(needed), "-f", str(own))


def test_every_path_that_is_typed_is_there() -> None:
    typed = "\n".join((*blocks("sh"), *re.findall(r"`([^`\n]+)`", PAGE)))
    paths = re.findall(r"(?<![\w/.:-])(?:charts|k8s|docs)/[\w./-]+", typed)
    assert len(paths) > 5
    assert [path for path in paths if not (PROJECT / path).exists()] == []


def test_every_target_that_is_typed_is_there() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    typed = {name for line in re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+)", PAGE, re.MULTILINE) for name in line.split()}
    assert {"images", "charts", "helm-lint", "tools-helm"} <= typed
    assert typed - targets == set()
