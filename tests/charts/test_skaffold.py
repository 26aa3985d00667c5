"""skaffold.yaml keeps to its schema, and everything it names is there and renders. The tool itself is not needed."""

import json
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from charts.rendering import PROJECT, Object, choose, render, run_helm
from charts.schemas import SCHEMAS

CONFIGS: list[Object] = list(yaml.safe_load_all((PROJECT / "skaffold.yaml").read_text(encoding="utf-8")))
BACKING, HEYDAY = CONFIGS
PROFILES = ("dev", "test", "production")


def applied(config: Object, profile: str) -> Object:
    """The configuration with a profile's patches, as JSON Patch has them."""
    result = deepcopy(config)
    for each in (each for each in config["profiles"] if each["name"] == profile):
        for patch in each["patches"]:
            *path, last = [part.replace("~1", "/") for part in patch["path"].split("/")[1:]]
            _apply(_at(result, path), last, patch)
    return result


def _apply(target: Any, last: str, patch: Object) -> None:
    key = int(last) if isinstance(target, list) else last
    if patch["op"] == "remove":
        del target[key]
    else:
        assert patch["op"] == "add" or target[key] is not None, patch["path"]
        target[key] = patch["value"]


def _at(target: Any, path: Sequence[str]) -> Any:
    for part in path:
        target = target[int(part) if isinstance(target, list) else part]
    return target


def paths_of(config: Object) -> Iterator[str]:
    manifests = config.get("manifests", {})
    yield from manifests.get("rawYaml", [])
    yield from manifests.get("kustomize", {}).get("paths", [])
    for artifact in config.get("build", {}).get("artifacts", []):
        yield artifact["docker"]["dockerfile"]
        yield from (rule["strip"] for rule in artifact.get("sync", {}).get("manual", []))
    for release in config["deploy"].get("helm", {}).get("releases", []):
        yield release["chartPath"]
        yield from release["valuesFiles"]


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="SCHEMAS_DIR names no folder with skaffold's schema")
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config["metadata"]["name"])
def test_it_keeps_to_its_schema(config: Object, profile: str) -> None:
    schema = json.loads((SCHEMAS / "skaffold-v4beta14.json").read_text(encoding="utf-8"))
    jsonschema.validate(applied(config, profile), schema)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_path_is_there(profile: str) -> None:
    for config in CONFIGS:
        for path in paths_of(applied(config, profile)):
            assert (PROJECT / path).exists(), path


@pytest.mark.parametrize("profile", PROFILES)
def test_every_stage_and_argument_is_in_its_dockerfile(profile: str) -> None:
    for artifact in applied(HEYDAY, profile)["build"]["artifacts"]:
        recipe = (PROJECT / artifact["docker"]["dockerfile"]).read_text(encoding="utf-8")
        assert f" AS {artifact['docker'].get('target', 'build')}\n" in recipe
        assert all(f"ARG {name}" in recipe for name in artifact["docker"].get("buildArgs", {}))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.usefixtures("helm")
def test_what_it_builds_is_what_the_charts_run(profile: str) -> None:
    config = applied(HEYDAY, profile)
    release = config["deploy"]["helm"]["releases"][0]
    values = {**release.get("setValues", {}), **{key: "built" for key, text in release["setValueTemplates"].items() if "IMAGE_" in text}}
    chosen = [argument for key, value in values.items() for argument in ("--set-json", f"{key}={json.dumps(value)}")]
    (file,) = release["valuesFiles"]
    text = run_helm("template", release["name"], release["chartPath"], *choose(Path(file).stem), *chosen)
    images = {line.split(": ", 1)[1] for line in text.splitlines() if line.lstrip(" -").startswith("image: ")}
    repository = values.get("global.image.repository", "heyday")
    built = {artifact["image"].replace("heyday", repository, 1) for artifact in config["build"]["artifacts"]}
    assert images == {f"{image}:built" for image in built}


@pytest.mark.parametrize("profile", PROFILES)
def test_every_template_names_an_image_that_is_built(profile: str) -> None:
    """Or else a variable of the environment; where a name is unknown skaffold puts <no value>."""
    config = applied(HEYDAY, profile)
    templates = json.dumps(config["deploy"]["helm"]["releases"][0]["setValueTemplates"])
    built = {re.sub(r"\W", "_", artifact["image"]) for artifact in config["build"]["artifacts"]}
    known = {f"IMAGE_{part}_{image}" for part in ("TAG", "DOMAIN") for image in built} | {"PROVIDER_URL"}
    used = set(re.findall(r"{{\.(\w+)}}", templates))
    assert used <= known
    assert {f"IMAGE_TAG_{image}" for image in built} <= used


@pytest.mark.usefixtures("helm")
def test_forwarded_services_are_installed() -> None:
    services = {each["metadata"]["name"] for each in render("development") if each["kind"] == "Service"}
    assert {forward["resourceName"] for forward in HEYDAY["portForward"]} <= services


def test_backing_services_come_first_and_not_in_production() -> None:
    assert HEYDAY["requires"] == [{"configs": [BACKING["metadata"]["name"]]}]
    assert "manifests" not in applied(BACKING, "production")
