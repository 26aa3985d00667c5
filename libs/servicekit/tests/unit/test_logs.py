import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from prometheus_client import REGISTRY

from servicekit import telemetry
from servicekit.settings import Environment, ServiceSettings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers, logging.root.level = handlers, level


def _configure(environment: Environment = Environment.PRODUCTION) -> None:
    # In the test itself: pytest exchanges stdout between a fixture and its test.
    telemetry.configure("greeter", ServiceSettings(environment=environment, instance_name="greeter-1"))
    structlog.configure(cache_logger_on_first_use=False)


def _logged(capture: pytest.CaptureFixture[bytes]) -> dict[str, object]:
    line: dict[str, object] = json.loads(capture.readouterr().out.splitlines()[-1])
    return line


def test_an_event_is_one_line_of_json_with_its_origin(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _configure()
    structlog.get_logger().info("greeting.sent", count=3)
    logged = _logged(capfdbinary)
    assert logged.items() >= {"event": "greeting.sent", "level": "info", "service": "greeter", "instance": "greeter-1", "count": 3}.items()
    assert str(logged["timestamp"]).endswith("Z")


def test_the_standard_librarys_records_look_the_same(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _configure()
    logging.getLogger("some.library").warning("odd: %s", 1)
    assert _logged(capfdbinary).items() >= {"event": "odd: 1", "level": "warning", "service": "greeter"}.items()


@pytest.mark.parametrize("field", ["email", "first_name", "birthday"])
def test_personal_fields_lose_their_value_and_are_counted(capfdbinary: pytest.CaptureFixture[bytes], field: str) -> None:
    _configure()

    def counted() -> float:
        return REGISTRY.get_sample_value("log_personal_fields_removed_total", {"field": field}) or 0

    before = counted()
    structlog.get_logger().info("user.created", **{field: "jane", "user": {field: "jane", "id": "1"}})
    logged = _logged(capfdbinary)
    assert (logged[field], logged["user"]) == ("[removed]", {field: "[removed]", "id": "1"})
    assert counted() - before == 2


@pytest.mark.parametrize("environment", [Environment.TEST, Environment.PRODUCTION])
def test_an_errors_words_are_kept_out_where_they_might_quote_a_person(
    environment: Environment, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    _configure(environment)
    try:
        try:
            raise KeyError("jane@example.com")
        except KeyError as error:
            raise RuntimeError("no jane") from error
    except RuntimeError:
        structlog.get_logger().exception("greeting.failed")
    logged = _logged(capfdbinary)
    words = environment is Environment.TEST
    assert logged["error"] == ["builtins.RuntimeError" + ": no jane" * words, "builtins.KeyError" + ": 'jane@example.com'" * words]
    assert "test_logs.py" in str(logged["raised_at"])


def test_of_a_group_the_members_are_named_too(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _configure(Environment.PRODUCTION)
    try:
        raise ExceptionGroup("both", [KeyError("jane"), ExceptionGroup("one", [ValueError("no jane")])])
    except ExceptionGroup:
        structlog.get_logger().exception("greeting.failed")
    kinds = ["ExceptionGroup", "KeyError", "ExceptionGroup", "ValueError"]
    assert _logged(capfdbinary)["error"] == [f"builtins.{kind}" for kind in kinds]


def test_quiet_events_are_dropped(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    _configure()
    structlog.get_logger().debug("greeting.considered")
    assert capfdbinary.readouterr().out == b""
