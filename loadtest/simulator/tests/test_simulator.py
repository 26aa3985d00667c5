"""The simulated provider as its callers see it: a process, HTTP, and its log."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

LOADTEST = Path(__file__).parents[2]

Start = Callable[..., Awaitable["Client"]]


class Client:
    """A simulator process and a session with it."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, session: aiohttp.ClientSession) -> None:
        self.process = process
        self.url = url
        self._session = session

    async def ask(self, method: str, path: str, content: object = None, **options: Any) -> tuple[int, Any]:
        async with self._session.request(method, self.url + path, json=content, **options) as response:
            return response.status, await response.json()

    async def send(self, key: str = "", message: str = "Hey", email: str = "ada@example.com") -> tuple[int, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        return await self.ask("POST", "/send-email", {"email": email, "message": message}, headers=headers)

    async def control(self, **settings: object) -> tuple[int, Any]:
        return await self.ask("POST", "/control", settings)

    async def received(self, query: str = "") -> list[Any]:
        letters: list[Any] = (await self.ask("GET", f"/received{query}"))[1]["received"]
        return letters

    async def stats(self) -> Any:
        return (await self.ask("GET", "/stats"))[1]


def run(*flags: str) -> "tuple[subprocess.Popen[str], str]":
    """A simulator of its own, and its address."""
    command = [sys.executable, "-m", "simulator", "--port", "0", *flags]
    process = subprocess.Popen(command, cwd=LOADTEST, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


@pytest.fixture
async def start(session: aiohttp.ClientSession) -> AsyncIterator[Start]:
    """Starts a simulator of a test's own, with flags."""
    processes: list[subprocess.Popen[str]] = []

    async def make(*flags: str) -> Client:
        process, url = await asyncio.to_thread(run, *flags)
        processes.append(process)
        return Client(process, url, session)

    yield make
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def shared() -> "Iterator[tuple[subprocess.Popen[str], str]]":
    process, url = run()
    yield process, url
    process.terminate()
    assert process.wait(10) == 0


@pytest.fixture
async def client(shared: "tuple[subprocess.Popen[str], str]", session: aiohttp.ClientSession) -> AsyncIterator[Client]:
    """The shared simulator, which has received nothing and behaves well."""
    client = Client(*shared, session)
    _, usual = await client.ask("GET", "/control")
    await client.ask("POST", "/reset")
    yield client
    await client.control(**usual)


async def test_a_letter_is_taken_in_and_remembered(client: Client) -> None:
    status, answer = await client.send("k")
    (letter,) = await client.received()
    assert (status, answer) == (200, {"success": True, "messageId": letter["message_id"]})
    assert (letter["key"], letter["email"], letter["message"], letter["calls"], letter["greetings"]) == (
        "k",
        "ada@example.com",
        "Hey",
        1,
        1,
    )
    assert letter["accepted_at"][0] % 1 != 0


async def test_a_known_key_is_no_second_greeting(client: Client) -> None:
    first, again = await client.send("k"), await client.send("k")
    assert first == again
    assert await client.send("k", "Hey you") == (422, {"success": False, "error": "The Idempotency-Key is known with another body."})
    stats = await client.stats()
    assert (stats["calls"], stats["greetings"], stats["repeats"], stats["doubled"]) == (3, 1, 1, 0)


async def test_without_keys_every_call_is_a_greeting(start: Start) -> None:
    client = await start("--keys", "off")
    await client.send("k")
    await client.send("k")
    stats = await client.stats()
    assert (stats["greetings"], stats["doubled"]) == (2, 1)


async def test_letters_without_a_key_are_known_by_address_and_text(client: Client) -> None:
    await client.send()
    await client.send()
    await client.send(message="Ho")
    assert sorted(letter["greetings"] for letter in await client.received()) == [1, 2]


async def test_received_is_filtered(client: Client) -> None:
    await client.send("a", email="a@example.com")
    await client.send("b", email="b@example.com")
    assert [letter["key"] for letter in await client.received("?key=a")] == ["a"]
    assert [letter["key"] for letter in await client.received("?email=b%40example.com")] == ["b"]
    assert (await client.ask("GET", "/received?colour=red"))[0] == 400


@pytest.mark.parametrize(
    "content",
    [{}, {"email": "ada@example.com"}, {"message": "Hey"}, {"email": "ada", "message": "Hey"}, {"email": 1, "message": 2}, [], "x"],
)
async def test_a_letter_without_address_or_text_is_refused(client: Client, content: object) -> None:
    status, answer = await client.ask("POST", "/send-email", content)
    assert (status, answer["success"]) == (400, False)
    assert (await client.stats())["letters"] == 0


async def test_fates_depend_on_seed_key_and_call_only(start: Start) -> None:
    keys = [f"key-{number}" for number in range(60)]
    outcomes = []
    for order in (keys, list(reversed(keys))):
        client = await start("--failure-share", "0.4", "--failure-codes", "500", "503", "--seed", "7")
        outcomes.append({key: (await client.send(key))[0] for key in order})
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0].values()) == {200, 500, 503}
    assert 10 <= sum(status != 200 for status in outcomes[0].values()) <= 40


@pytest.mark.parametrize(
    ("settings", "status", "greetings"),
    [
        ({"failure_share": 1, "failure_codes": [503]}, 503, 0),
        ({"throttle_share": 1}, 429, 0),
        ({"unsuccessful_share": 1}, 200, 0),
    ],
)
async def test_a_refusal_takes_nothing_in(client: Client, settings: dict[str, object], status: int, greetings: int) -> None:
    await client.control(**settings)
    got, answer = await client.send("k")
    assert (got, answer["success"]) == (status, False)
    assert (await client.stats())["greetings"] == greetings


@pytest.mark.parametrize(("fault", "greetings"), [("reset_share", 0), ("drop_share", 1), ("hang_share", 0), ("lose_share", 1)])
async def test_an_answer_that_never_comes(client: Client, fault: str, greetings: int) -> None:
    await client.control(**{fault: 1})
    with pytest.raises((aiohttp.ClientError, TimeoutError)):
        await client.ask("POST", "/send-email", {"email": "a@example.com", "message": "Hey"}, timeout=aiohttp.ClientTimeout(total=0.3))
    assert (await client.stats())["greetings"] == greetings


async def test_calls_beyond_the_rate_are_throttled(start: Start) -> None:
    client = await start("--rate-limit-per-second", "5", "--retry-after-seconds", "2")
    statuses = [(await client.send(f"k{number}"))[0] for number in range(12)]
    assert 5 <= statuses.count(200) <= 10  # two seconds may be touched
    assert statuses.count(429) == 12 - statuses.count(200)


async def test_answers_take_their_time(start: Start) -> None:
    client = await start("--latency-seconds", "0.2")
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(client.send(f"k{number}") for number in range(10)))
    assert 0.2 <= asyncio.get_running_loop().time() - started < 1.9


async def test_a_window_of_refused_connections_closes_again_at_the_same_address(client: Client) -> None:
    await client.control(refuse_seconds=1)
    await asyncio.sleep(0.1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.send("k")
    await asyncio.sleep(1.2)
    assert (await client.send("k"))[0] == 200


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"failure_share": 2}, "failure_share is a share: from 0 to 1, not 2."),
        ({"failure_share": "much"}, "failure_share is a float, not 'much'."),
        ({"failure_share": 0.6, "drop_share": 0.6}, "the shares of the faults add up to 1.2: more than 1."),
        ({"failure_codes": [200]}, "failure_codes are one or more statuses from 300 to 599."),
        ({"failure_codes": "500"}, "failure_codes is a list of int."),
        ({"latency_seconds": -1}, "latency_seconds must not be negative."),
        ({"colour": "red"}, "unknown: colour."),
        ({"keys": 1}, "keys is a bool, not 1."),
        ({"refuse_seconds": "long"}, "refuse_seconds is a number of seconds."),
    ],
)
async def test_a_setting_that_cannot_be_is_refused_and_changes_nothing(client: Client, settings: dict[str, object], said: str) -> None:
    before = await client.ask("GET", "/control")
    status, answer = await client.control(**settings)
    assert status == 400
    assert said in answer["error"]
    assert await client.ask("GET", "/control") == before


async def test_reset_forgets_what_was_received_and_keeps_the_behaviour(start: Start) -> None:
    client = await start("--latency-seconds", "0.01")
    await client.send("k")
    await client.ask("POST", "/reset")
    assert (await client.stats())["calls"] == 0
    assert (await client.ask("GET", "/control"))[1]["latency_seconds"] == 0.01


async def test_the_log_outlives_kill_9(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    first = await start("--log", str(log))
    answer = await first.send("k")
    first.process.kill()
    first.process.wait()
    second = await start("--log", str(log))
    assert await second.send("k") == answer
    (letter,) = await second.received()
    assert (letter["calls"], letter["greetings"], len(letter["repeated_at"])) == (2, 1, 1)
    assert len(log.read_bytes().splitlines()) == 2


async def test_unknown_paths_and_methods(client: Client) -> None:
    assert (await client.ask("GET", "/nothing"))[0] == 404
    assert (await client.ask("GET", "/send-email"))[0] == 405


async def raw(client: Client, sent: bytes) -> bytes:
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    await writer.drain()
    received = await asyncio.wait_for(reader.read(100_000), 2)
    writer.close()
    return received


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /send-email HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"POST /send-email HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", b"413"),
        (b"POST /send-email HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000, b"431"),
    ],
)
async def test_what_is_no_proper_request_is_refused(client: Client, sent: bytes, status: bytes) -> None:
    assert (await raw(client, sent)).startswith(b"HTTP/1.1 " + status)


async def test_a_request_in_pieces_and_several_in_one_are_answered_in_order(start: Start) -> None:
    client = await start("--latency-seconds", "0.05")
    body = b'{"email":"a@example.com","message":"Hey"}'
    one = b"POST /send-email HTTP/1.1\r\nIdempotency-Key: %d\r\nContent-Length: %d\r\n\r\n" + body
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    sent = one % (1, len(body)) + one % (2, len(body)) + b"GET /health HTTP/1.1\r\n\r\n"
    for start_at in range(0, len(sent), 50):
        writer.write(sent[start_at : start_at + 50])
        await writer.drain()
        await asyncio.sleep(0.001)
    received = b""
    while b'"ok"' not in received:
        received += await asyncio.wait_for(reader.read(10_000), 2)
    writer.close()
    assert [received.index(each) for each in (b"sim-00000001", b"sim-00000002", b'"ok"')] == sorted(
        received.index(each) for each in (b"sim-00000001", b"sim-00000002", b'"ok"')
    )
