from pathlib import Path

import pytest
from pydantic import Field, create_model
from pydantic_settings import BaseSettings

from servicekit.settings import BadSettings, KafkaSettings, PostgresSettings, RedisSettings, ServiceSettings, load, parse
from servicekit.settings_table import assert_readme_matches, settings_table

ADDRESSES = {"DATABASE_URL": "postgresql://u:secret@h/d", "KAFKA_BOOTSTRAP_SERVERS": "h:9092", "REDIS_URL": "redis://h"}


class Settings(PostgresSettings, KafkaSettings, RedisSettings, ServiceSettings):
    send_times: dict[str, str] = Field(default={"birthday": "09:00"}, description="Local time by kind.")


def _mistakes(environ: dict[str, str]) -> list[str]:
    with pytest.raises(BadSettings) as raised:
        parse(Settings, environ)
    return raised.value.mistakes


def test_values_come_from_upper_case_names_and_maps_from_json() -> None:
    settings = parse(Settings, {**ADDRESSES, "SEND_TIMES": '{"anniversary": "10:30"}', "LOG_LEVEL": "debug", "UNKNOWN": "1"})
    assert settings.send_times == {"anniversary": "10:30"}
    assert settings.log_level == "debug"


def test_an_empty_value_is_the_default() -> None:
    assert parse(Settings, {**ADDRESSES, "LOG_LEVEL": ""}).log_level == "info"


@pytest.mark.parametrize("mixin", [PostgresSettings, KafkaSettings, RedisSettings])
def test_a_mixin_that_comes_last_changes_nothing(mixin: type[BaseSettings]) -> None:
    mixed = create_model("Mixed", __base__=(ServiceSettings, mixin))
    assert mixed.model_config == ServiceSettings.model_config


def test_every_mistake_is_listed_at_once_as_a_sentence() -> None:
    assert sorted(_mistakes({"DATABASE_POOL_SIZE": "0", "SEND_TIMES": "nine", "LOG_LEVEL": "loud", "CLOCK_OFFSET_SECONDS": "60"})) == [
        "CLOCK_OFFSET_SECONDS is for rehearsals and refused where ENVIRONMENT is production.",
        "DATABASE_POOL_SIZE should be greater than or equal to 1.",
        "DATABASE_URL is missing. Postgres, as `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`; the role's search_path is its schema.",
        "KAFKA_BOOTSTRAP_SERVERS is missing. Brokers, as HOST:PORT,HOST:PORT.",
        "LOG_LEVEL should be 'debug', 'info', 'warning' or 'error'.",
        "REDIS_URL is missing. Redis or Valkey, as `redis://HOST:PORT/0`, `rediss://` with TLS.",
        "SEND_TIMES is not a JSON object.",
    ]


@pytest.mark.parametrize("environment", ["performance", "staging", "production"])
@pytest.mark.parametrize(("name", "value"), [("CLOCK_OFFSET_SECONDS", "1"), ("FAILPOINTS", '{"seam": "kill"}')])
def test_rehearsal_is_refused_in_earnest(environment: str, name: str, value: str) -> None:
    mistakes = _mistakes({**ADDRESSES, "ENVIRONMENT": environment, name: value})
    assert mistakes == [f"{name} is for rehearsals and refused where ENVIRONMENT is {environment}."]


@pytest.mark.parametrize("environment", ["development", "test"])
def test_rehearsal_is_allowed_where_nothing_is_at_stake(environment: str) -> None:
    settings = parse(Settings, {**ADDRESSES, "ENVIRONMENT": environment, "CLOCK_OFFSET_SECONDS": "60", "FAILPOINTS": '{"a": "kill@3"}'})
    assert (settings.clock_offset_seconds, settings.failpoints) == (60, {"a": "kill@3"})


def test_an_unknown_failpoint_action_is_a_mistake() -> None:
    [mistake] = _mistakes({**ADDRESSES, "ENVIRONMENT": "test", "FAILPOINTS": '{"a": "explode"}'})
    assert mistake.startswith("FAILPOINTS knows the actions kill, raise, pause:SECONDS and sleep:SECONDS")


def test_sasl_needs_credentials() -> None:
    assert _mistakes({**ADDRESSES, "KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}) == [
        "KAFKA_SASL_USERNAME is needed where KAFKA_SECURITY_PROTOCOL is SASL_SSL.",
        "KAFKA_SASL_PASSWORD is needed where KAFKA_SECURITY_PROTOCOL is SASL_SSL.",
    ]


def test_an_acknowledgement_must_fit_into_a_transaction() -> None:
    [mistake] = _mistakes({**ADDRESSES, "KAFKA_ACKNOWLEDGEMENT_TIMEOUT_SECONDS": "18"})
    assert mistake == "KAFKA_ACKNOWLEDGEMENT_TIMEOUT_SECONDS must stay 3 below DATABASE_IDLE_IN_TRANSACTION_SECONDS."


def test_secrets_may_lie_in_a_directory_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text("postgresql://from-file")
    (tmp_path / "redis_url").write_text("redis://from-file")
    environ = {"SECRETS_DIR": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": "h:9092", "REDIS_URL": "redis://from-environment"}
    settings = parse(Settings, environ)
    assert settings.database_url.get_secret_value() == "postgresql://from-file"
    assert settings.redis_url.get_secret_value() == "redis://from-environment"


def test_a_missing_secrets_directory_is_a_mistake() -> None:
    assert _mistakes({**ADDRESSES, "SECRETS_DIR": "/nowhere"}) == ["SECRETS_DIR is not a directory."]


def test_secrets_are_never_printed() -> None:
    settings = parse(Settings, ADDRESSES)
    assert "secret" not in f"{settings} {settings!r}"
    assert "hunter2" not in " ".join(_mistakes({**ADDRESSES, "DATABASE_POOL_SIZE": "hunter2"}))


def test_bad_settings_end_the_process_with_two(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ADDRESSES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        load(Settings)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("is missing") == 3


def test_settings_made_by_hand_ignore_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "error")
    assert ServiceSettings().log_level == "info"


def test_reflection_is_on_by_default_only_where_nothing_is_at_stake() -> None:
    assert parse(Settings, {**ADDRESSES, "ENVIRONMENT": "test"}).serves_reflection
    assert not parse(Settings, ADDRESSES).serves_reflection
    assert parse(Settings, {**ADDRESSES, "GRPC_REFLECTION": "true"}).serves_reflection


def test_the_table_shows_every_setting_and_no_secret(tmp_path: Path) -> None:
    table = settings_table(Settings)
    assert table.splitlines()[2] == '| `SEND_TIMES` | JSON object | `{"birthday": "09:00"}` | Local time by kind. |'
    assert "| `DATABASE_URL` | secret | required |" in table
    assert len(table.splitlines()) == 2 + len(Settings.model_fields)
    readme = tmp_path / "README.md"
    readme.write_text(f"# Settings\n\n{table}\n")
    assert_readme_matches(readme, Settings)
    readme.write_text("# Settings\n")
    with pytest.raises(AssertionError, match=r"README\.md lacks the table"):
        assert_readme_matches(readme, Settings)


@pytest.mark.parametrize("given", [{"CERTIFICATE"}, {"CA"}, {"KEY", "CA"}, {"CERTIFICATE", "KEY"}])
def test_tls_between_services_needs_all_its_files(given: set[str]) -> None:
    environ = {f"GRPC_TLS_{name}_FILE": f"/files/{name}" for name in given}
    assert _mistakes({**ADDRESSES, **environ}) == [
        "GRPC_TLS_CA_FILE is needed with GRPC_TLS_CERTIFICATE_FILE and GRPC_TLS_KEY_FILE: all three or none."
    ]


def test_tls_between_services_is_off_unless_it_is_set() -> None:
    assert parse(Settings, ADDRESSES).grpc_tls is None
