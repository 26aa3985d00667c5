"""SMTP against a server that fails at any step told: what was certainly not taken in, and what may have been."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest

from dispatcher_service.adapters.smtp import Smtp, SmtpServer
from dispatcher_service.domain import Letter, Verdict

MakeLetter = Callable[..., Letter]
Serve = Callable[..., Awaitable[int]]


@dataclass
class MailServer:
    """Enough of SMTP to be handed mail. `answers` replaces the answer to a command; None closes the connection, "" keeps silent."""

    answers: dict[str, str | None] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("SMTPUTF8", "8BITMIME", "AUTH PLAIN")
    mails: list[EmailMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if not await self._answer(writer, "BANNER", "220 mail.example.com"):
            return
        while line := (await reader.readline()).decode().strip():
            self.commands.append(line)
            verb = line.split()[0].upper()
            if not await self._answer(writer, verb, self._usual(verb)):
                return
            if verb == "DATA" and self.answers.get("DATA") is None and not await self._take(reader, writer):
                return

    def _usual(self, verb: str) -> str:
        if verb == "EHLO":
            return "\r\n".join(["250-mail.example.com", *(f"250-{each}" for each in self.extensions), "250 OK"])
        return {"DATA": "354 go on", "AUTH": "235 welcome"}.get(verb, "250 OK")

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        content = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
        if "END" not in self.answers:
            self.mails.append(message_from_bytes(content, policy=policy.default))
        return await self._answer(writer, "END", "250 queued as 42")

    async def _answer(self, writer: asyncio.StreamWriter, verb: str, usual: str) -> bool:
        answer = self.answers.get(verb, usual)
        if answer is None:
            return False
        if answer == "":
            await asyncio.sleep(60)
        writer.write(f"{answer}\r\n".encode())
        await writer.drain()
        return True


class HandClock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def connect(tcp_server: Serve, clock: HandClock) -> AsyncIterator[Callable[..., Awaitable[Smtp]]]:
    made = []

    async def make(server: MailServer, **options: Any) -> Smtp:
        port = await tcp_server(server.handle)
        made.append(Smtp(SmtpServer("127.0.0.1", port, **{"tls": "none", **options}), clock, name="smtp"))
        return made[-1]

    yield make
    for provider in made:
        await provider.close()


async def test_a_letter_is_handed_over(connect: Any, letter: MakeLetter) -> None:
    server = MailServer()
    answer = await (await connect(server)).send(letter(reply_to="hr@example.com"), 1)
    (mail,) = server.mails
    assert (answer.verdict, answer.provider_message_id) == (Verdict.ACCEPTED, "<key-1@example.com>")
    assert mail["From"] == "Heyday <hey@example.com>"
    assert mail["To"] == "ada@example.com"
    assert mail["Subject"] == "Hello"
    assert mail["Reply-To"] == "hr@example.com"
    assert mail["Message-ID"] == "<key-1@example.com>"
    assert mail.get_content().strip() == "Hey, Ada"
    assert "MAIL FROM:<hey@example.com>" in server.commands[1]


async def test_text_and_html_are_alternatives(connect: Any, letter: MakeLetter) -> None:
    server = MailServer()
    await (await connect(server)).send(letter(text="Hey, Zoë", html="<p>Hey, Zoë</p>"), 1)
    plain, html = server.mails[0].iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "Zoë" in cast(EmailMessage, plain).get_content()


@pytest.mark.parametrize(
    ("answers", "verdict", "reason"),
    [
        ({"BANNER": "554 go away"}, Verdict.REFUSED, "smtp_554"),
        ({"BANNER": None}, Verdict.REFUSED, "not_connected"),
        ({"BANNER": ""}, Verdict.REFUSED, "not_connected"),
        ({"MAIL": "550 sender unknown"}, Verdict.REFUSED, "smtp_550"),
        ({"MAIL": None}, Verdict.REFUSED, "not_connected"),
        ({"RCPT": "450 mailbox busy"}, Verdict.REFUSED, "smtp_450"),
        ({"RCPT": "421 closing"}, Verdict.REFUSED, "smtp_421"),
        ({"RCPT": "550 no such user"}, Verdict.PERMANENT, "smtp_550"),
        ({"RCPT": ""}, Verdict.REFUSED, "not_connected"),
        ({"END": "451 try later"}, Verdict.REFUSED, "smtp_451"),
        ({"END": "554 looks like spam"}, Verdict.PERMANENT, "smtp_554"),
        ({"END": None}, Verdict.UNSURE, "no_answer"),
        ({"END": ""}, Verdict.UNSURE, "no_answer"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
async def test_a_failure_at_each_step(
    connect: Any, letter: MakeLetter, answers: dict[str, str | None], verdict: Verdict, reason: str
) -> None:
    answer = await (await connect(MailServer(answers))).send(letter(), 0.3)
    assert (answer.verdict, answer.reason) == (verdict, reason)


async def test_refused_credentials_are_ours_to_mend(connect: Any, letter: MakeLetter) -> None:
    provider = await connect(MailServer({"AUTH": "535 bad credentials"}), username="u", password="p")
    answer = await provider.send(letter(), 1)
    assert (answer.verdict, answer.reason, answer.failing) == (Verdict.REFUSED, "smtp_535", True)


async def test_a_refused_connection_is_refused(letter: MakeLetter, clock: HandClock) -> None:
    answer = await Smtp(SmtpServer("127.0.0.1", 1, tls="none"), clock, name="smtp").send(letter(), 1)
    assert (answer.verdict, answer.reason, answer.failing) == (Verdict.REFUSED, "not_connected", True)


async def test_a_server_without_tls_is_refused_where_tls_is_wanted(connect: Any, letter: MakeLetter) -> None:
    server = MailServer()
    answer = await (await connect(server, tls="starttls")).send(letter(), 1)
    assert answer.verdict is Verdict.REFUSED
    assert not server.mails


async def test_a_connection_carries_one_letter_after_the_other(connect: Any, letter: MakeLetter) -> None:
    server = MailServer()
    provider = await connect(server)
    for _ in range(5):
        await provider.send(letter(), 1)
    assert (len(server.mails), server.connections) == (5, 1)


async def test_letters_at_one_time_take_no_more_connections_than_allowed(connect: Any, letter: MakeLetter) -> None:
    server = MailServer()
    provider = await connect(server, connections=3)
    answers = await asyncio.gather(*(provider.send(letter(), 2) for _ in range(30)))
    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
    assert server.connections <= 3


async def test_a_connection_is_made_anew_after_its_letters(connect: Any, letter: MakeLetter) -> None:
    server = MailServer()
    provider = await connect(server, messages_per_connection=2)
    for _ in range(5):
        await provider.send(letter(), 1)
    assert server.connections == 3


async def test_a_rested_connection_is_asked_whether_it_stands(connect: Any, letter: MakeLetter, clock: HandClock) -> None:
    server = MailServer()
    provider = await connect(server)
    await provider.send(letter(), 1)
    clock.at += 60
    await provider.send(letter(), 1)
    assert (server.commands.count("NOOP"), server.connections) == (1, 1)


async def test_a_connection_that_died_while_resting_is_replaced(connect: Any, letter: MakeLetter, clock: HandClock) -> None:
    server = MailServer()
    provider = await connect(server)
    await provider.send(letter(), 1)
    server.answers["NOOP"] = None
    clock.at += 60
    assert (await provider.send(letter(), 1)).verdict is Verdict.ACCEPTED
    assert server.connections == 2


async def test_a_connection_is_not_used_again_after_a_failure(connect: Any, letter: MakeLetter) -> None:
    server = MailServer({"RCPT": "450 busy"})
    provider = await connect(server)
    await provider.send(letter(), 1)
    server.answers.clear()
    assert (await provider.send(letter(), 1)).verdict is Verdict.ACCEPTED
    assert server.connections == 2


async def test_an_international_address_goes_where_it_is_understood(connect: Any, letter: MakeLetter) -> None:
    server = MailServer()
    answer = await (await connect(server)).send(letter(email="zoë@example.com"), 1)
    assert answer.verdict is Verdict.ACCEPTED
    assert server.mails[0]["To"] == "zoë@example.com"
    assert any("SMTPUTF8" in command for command in server.commands)


async def test_an_international_address_is_refused_where_it_is_not(connect: Any, letter: MakeLetter) -> None:
    answer = await (await connect(MailServer(extensions=("8BITMIME",)))).send(letter(email="zoë@example.com"), 1)
    assert (answer.verdict, answer.reason) == (Verdict.PERMANENT, "smtputf8_unsupported")


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "Hello\r\nBcc: all@example.com"},
        {"subject": "Hello\nBcc: all@example.com"},
        {"reply_to": "a@example.com\r\nBcc: all@example.com"},
        {"sender": "Heyday <hey@example.com>\r\nBcc: all@example.com"},
        {"email": "ada@example.com\r\nBcc: all@example.com"},
        {"email": "ada@example.com>\r\nRCPT TO:<all@example.com"},
    ],
)
async def test_no_header_and_no_command_can_be_injected(connect: Any, letter: MakeLetter, fields: dict[str, str]) -> None:
    server = MailServer()
    answer = await (await connect(server)).send(letter(**fields), 1)
    assert (answer.verdict, answer.reason) == (Verdict.PERMANENT, "bad_letter")
    assert not any("all@example.com" in command for command in server.commands)
    assert not server.mails
