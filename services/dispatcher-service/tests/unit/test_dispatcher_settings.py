"""Each combination that cannot work is refused at start, in a sentence."""

from pathlib import Path

import pytest

from dispatcher_service.settings import DispatcherSettings
from servicekit.settings import BadSettings, parse
from servicekit.settings_table import assert_readme_matches

#: As it may be anywhere; ENVIRONMENT is production unless something else is said.
HTTP = {"PROVIDER_URL": "https://mail.example.com/api", "SENDERS": '{"*": "Heyday <hello@example.com>"}'}


def settings(**environ: str) -> DispatcherSettings:
    return parse(DispatcherSettings, {**HTTP, **environ})


def test_the_readme_has_every_setting() -> None:
    assert_readme_matches(Path(__file__).parents[2] / "README.md", DispatcherSettings)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PROVIDER_URL": ""}, "PROVIDER_URL is needed where PROVIDER_KIND is http_email: the http:// or https:// address of the API"),
        ({"PROVIDER_URL": "mail.example.com"}, "PROVIDER_URL is needed where PROVIDER_KIND is http_email"),
        ({"PROVIDER_KIND": "smtp"}, "SMTP_HOST is needed where PROVIDER_KIND is smtp"),
        ({"PROVIDER_KIND": "console", "ENVIRONMENT": "production"}, "PROVIDER_KIND console sends nothing: it is refused"),
        ({"SENDERS": '{"*": "Heyday <heyday@localhost>"}'}, "SENDERS needs addresses of yours, and one for `*`"),
        ({"SENDERS": '{"birthday": "a@example.com"}'}, "SENDERS needs addresses of yours, and one for `*`"),
        ({"SENDERS": '{"*": "a@example.com", "birthday": ""}'}, "SENDERS needs addresses of yours, and one for `*`"),
        ({"SENDERS": "{}"}, "SENDERS needs addresses of yours, and one for `*`"),
        ({"PROVIDER_KIND": "pigeon"}, "PROVIDER_KIND should be"),
        ({"CALL_MINIMUM_SECONDS": "11"}, "CALL_MINIMUM_SECONDS is above CALL_TIMEOUT_SECONDS"),
        ({"CONNECT_TIMEOUT_SECONDS": "2"}, "CONNECT_TIMEOUT_SECONDS must be below CALL_MINIMUM_SECONDS"),
        ({"CALL_TIMEOUT_SECONDS": "20"}, "CALL_TIMEOUT_SECONDS must be below SHUTDOWN_GRACE_SECONDS"),
        ({"CONCURRENCY": "0"}, "CONCURRENCY should be"),
        ({"SENDERS": "hey@example.com"}, "SENDERS is not a JSON object"),
        ({"PROVIDER_FIELDS": '["cc"]'}, "PROVIDER_FIELDS[0] should be"),
    ],
)
def test_a_mistake_is_refused_by_name(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings(**environ)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("environ", "repeats"),
    [
        ({}, True),
        ({"ON_UNSURE": "hold"}, False),
        ({"PROVIDER_KIND": "smtp", "SMTP_HOST": "mx"}, False),
        ({"PROVIDER_KIND": "smtp", "SMTP_HOST": "mx", "ON_UNSURE": "retry"}, True),
    ],
)
def test_whether_an_unsure_letter_is_sent_again(environ: dict[str, str], repeats: bool) -> None:
    assert settings(**environ).repeats_unsure is repeats


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({}, set()),
        ({"PROVIDER_FIELDS": '["html", "from"]'}, {"html", "from"}),
        ({"PROVIDER_KIND": "smtp", "SMTP_HOST": "mx"}, {"subject", "html"}),
    ],
)
def test_which_parts_reach_the_provider(environ: dict[str, str], parts: set[str]) -> None:
    assert settings(**environ).carried_parts == parts


def test_a_provider_is_named_by_its_kind_or_by_a_setting() -> None:
    assert settings().provider == "http_email"
    assert settings(PROVIDER_NAME="mailer-2").provider == "mailer-2"
