import asyncio
from collections.abc import Sequence

import pytest
from pydantic import Field

from servicekit import failpoint, telemetry
from servicekit.commands import run_command
from servicekit.runtime import Component, Readiness
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    greeting: str = Field(default="Hey", description="What is said.")


class EndsAtOnce:
    name = "ends-at-once"

    async def start(self) -> None:
        pass

    async def wait(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        pass


def run(*arguments: str, built: list[str] | None = None, migrated: list[str] | None = None) -> int | str | None:
    def build(settings: Settings, _: Readiness) -> Sequence[Component]:
        (built if built is not None else []).append(settings.greeting)
        return [EndsAtOnce()]

    with pytest.raises(SystemExit) as ended:
        run_command(
            "greeting-service",
            Settings,
            build,
            migrate=None if migrated is None else lambda: migrated.append("migrated"),
            arguments=arguments,
        )
    return ended.value.code


def test_without_an_argument_it_serves_by_the_environment_with_failpoints_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    armed: list[object] = []
    monkeypatch.setattr(failpoint, "arm", armed.append)
    monkeypatch.setattr(telemetry, "configure", lambda *_: None)
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("METRICS_ADDRESS", "127.0.0.1:0")
    monkeypatch.setenv("GREETING", "Hello")
    monkeypatch.setenv("FAILPOINTS", '{"seam": "raise"}')
    built: list[str] = []
    assert run(built=built) == 1, "a part that ends by itself ends the process with a failure"
    assert (built, armed) == (["Hello"], [{"seam": "raise"}])


def test_it_does_not_serve_carelessly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    built: list[str] = []
    assert run(built=built) == 2
    assert "GRPC_TLS_CERTIFICATE_FILE" in capsys.readouterr().err
    assert not built


def test_settings_are_printed_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("settings") is None
    assert "| `GREETING` |" in capsys.readouterr().out


def test_the_schema_is_migrated_by_a_service_that_has_one() -> None:
    migrated: list[str] = []
    assert run("migrate", migrated=migrated) is None
    assert migrated == ["migrated"]


@pytest.mark.parametrize("arguments", [("migrate",), ("serve",), ("settings", "please")])
def test_anything_else_is_answered_with_the_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == "Usage: python -m greeting_service [settings]"
