import pytest

from servicekit.settings import KafkaSettings


@pytest.fixture
def kafka_settings(request: pytest.FixtureRequest) -> KafkaSettings:
    server = request.getfixturevalue("kafka_server")
    return KafkaSettings(kafka_bootstrap_servers=server.bootstrap_servers, kafka_fetch_wait_milliseconds=50)
