from collections.abc import Callable

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from redis import Redis as Client

from backing import probe, server
from backing.kafka import Kafka
from backing.postgres import Postgres
from backing.process import Process
from backing.pytest_plugin import CreateDatabase, CreateTopic


def test_a_role_reads_its_own_schema_and_no_other(database: CreateDatabase, postgres_server: Postgres) -> None:
    created = database("alpha", migrate=None)
    postgres_server.create_schema("beta", created.name)
    with created.connect() as alpha:
        alpha.execute("CREATE TABLE things AS SELECT 1 AS n")
        assert alpha.execute("SELECT n FROM alpha.things").fetchall() == [(1,)]
    with psycopg.connect(postgres_server.url("beta", created.name)) as beta, pytest.raises(psycopg.errors.InsufficientPrivilege):
        beta.execute("SELECT n FROM alpha.things")


def test_each_database_is_a_copy_of_a_template_that_is_migrated_once(database: CreateDatabase) -> None:
    migrated = []

    def migrate(url: str) -> None:
        migrated.append(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE things (n int)")

    first, second = database("gamma", migrate=migrate), database("gamma", migrate=migrate)
    assert first.name != second.name
    assert len(migrated) == 1
    with first.connect() as one, second.connect() as two:
        one.execute("INSERT INTO things VALUES (1)")
        assert two.execute("SELECT count(*) FROM things").fetchone() == (0,)


def test_postgres_keeps_its_data_and_port_over_a_kill(database: CreateDatabase, postgres_server: Postgres) -> None:
    created = database("delta", migrate=None)
    with created.connect() as connection:
        connection.execute("CREATE TABLE things AS SELECT 7 AS n")
    postgres_server.process.kill()
    assert not probe.answers(postgres_server.address)
    server.start(postgres_server)
    with created.connect() as connection:
        assert connection.execute("SELECT n FROM things").fetchone() == (7,)


def test_a_paused_postgres_does_not_answer(postgres_server: Postgres) -> None:
    postgres_server.process.pause()
    assert not probe.answers(postgres_server.address)
    postgres_server.process.resume()
    assert probe.answers(postgres_server.address)


def test_redis_is_emptied_for_each_test(redis_url: str) -> None:
    with Client.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_redis_is_emptied_for_each_test_again(redis_url: str) -> None:
    with Client.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_topics_survive_a_restart_of_kafka(kafka_server: Kafka, kafka_topic: CreateTopic) -> None:
    topic = kafka_topic("kept", partitions=3)
    kafka_server.process.kill()
    server.start(kafka_server)
    assert len(kafka_server.partitions(topic)) == 3


@pytest.mark.parametrize("end", [Process.stop, Process.kill])
def test_records_survive_a_restart_of_kafka(kafka_server: Kafka, kafka_topic: CreateTopic, end: Callable[[Process], None]) -> None:
    topic = kafka_topic("kept", partitions=1)
    produce(kafka_server, topic)
    end(kafka_server.process)
    server.start(kafka_server)
    produce(kafka_server, topic)
    reader = Consumer({"bootstrap.servers": kafka_server.bootstrap_servers, "group.id": "tests"})
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=30) == (0, 2)
    reader.close()


def produce(kafka: Kafka, topic: str) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "message.timeout.ms": 60_000})
    producer.produce(topic, b"taken in")
    assert producer.flush(60) == 0
