import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.policy import SMTPUTF8 as WIRE_UTF8

import aiosmtplib

from dispatcher_service.domain import Answer, Letter, Verdict
from servicekit.clock import Clock

# Banner, greeting, credentials and sender are the same for every letter: what is refused for them is not the letter's fault.
_OURS_TO_MEND = (
    aiosmtplib.SMTPConnectResponseError,
    aiosmtplib.SMTPHeloError,
    aiosmtplib.SMTPAuthenticationError,
    aiosmtplib.SMTPSenderRefused,
)


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where and how mail is handed over."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: str = "starttls"  # or "tls", "none"
    connections: int = 8
    messages_per_connection: int = 100
    idle_seconds: float = 30  # a connection that has rested longer is asked by NOOP whether it still stands


@dataclass(slots=True)
class _Connection:
    client: aiosmtplib.SMTP
    messages: int = 0
    used_at: float = 0


class _BadLetter(Exception):
    """The letter cannot be put into a mail."""


class Smtp:
    """Sends letters by SMTP. Nothing is taken in before the end of DATA; from its first byte on a silence leaves it open."""

    def __init__(self, server: SmtpServer, clock: Clock, *, name: str) -> None:
        self.name = name
        self._server = server
        self._clock = clock
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(server.connections)

    async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
        data_begun = asyncio.Event()
        try:
            mail = compose(letter)
            async with asyncio.timeout(timeout_seconds), self._connection() as client:
                return await self._hand_over(client, letter, mail, data_begun)
        except _BadLetter as error:
            return Answer(Verdict.PERMANENT, "bad_letter", str(error))
        except _OURS_TO_MEND as error:
            return Answer(Verdict.REFUSED, f"smtp_{error.code}", error.message, failing=True)
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(error)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            verdict, reason = (Verdict.UNSURE, "no_answer") if data_begun.is_set() else (Verdict.REFUSED, "not_connected")
            return Answer(verdict, reason, type(error).__name__, failing=True)

    async def close(self) -> None:
        for connection in self._idle:
            connection.client.close()
        self._idle.clear()

    async def _hand_over(self, client: aiosmtplib.SMTP, letter: Letter, mail: EmailMessage, data_begun: asyncio.Event) -> Answer:
        needs_utf8 = not letter.email.isascii()
        if needs_utf8 and not client.supports_extension("smtputf8"):
            return Answer(Verdict.PERMANENT, "smtputf8_unsupported")
        await client.mail(Address(addr_spec=_address_of(letter.sender)).addr_spec, options=["SMTPUTF8"] if needs_utf8 else [])
        await client.rcpt(letter.email, encoding="utf-8" if needs_utf8 else "ascii")
        data_begun.set()
        response = await client.data(mail.as_bytes(policy=WIRE_UTF8 if needs_utf8 else WIRE))
        return Answer(
            Verdict.ACCEPTED, provider_message_id=str(mail["Message-ID"]), detail="" if response.code == 250 else response.message
        )

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection of one's own; it goes back to the pool only if the exchange went well."""
        async with self._places:
            connection = await self._idle_connection() or await self._connect()
            try:
                yield connection.client
            except BaseException:
                connection.client.close()
                raise
            connection.messages += 1
            connection.used_at = self._clock.monotonic()
            if connection.messages < self._server.messages_per_connection:
                self._idle.append(connection)
            else:
                connection.client.close()

    async def _idle_connection(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if self._clock.monotonic() - connection.used_at < self._server.idle_seconds:
                return connection
            try:
                await connection.client.noop()
            except (aiosmtplib.SMTPException, OSError):
                connection.client.close()
            else:
                return connection
        return None

    async def _connect(self) -> _Connection:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            use_tls=server.tls == "tls",
            start_tls=server.tls == "starttls",
            timeout=None,  # the whole exchange has one already
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:  # what the server can do is asked before the first letter
                await client.ehlo()
        except BaseException:
            client.close()
            raise
        return _Connection(client)


def compose(letter: Letter) -> EmailMessage:
    """The mail of a letter; its Message-ID is made of the key. The e-mail package refuses line breaks in headers."""
    try:
        mail = EmailMessage()
        mail["From"] = letter.sender
        mail["To"] = _recipient(letter.email)
        mail["Subject"] = letter.subject
        mail["Message-ID"] = f"<{letter.key}@{_address_of(letter.sender).rpartition('@')[2]}>"
        if letter.reply_to:
            mail["Reply-To"] = letter.reply_to
        mail.set_content(letter.text)
        if letter.html:
            mail.add_alternative(letter.html, subtype="html")
    except (ValueError, IndexError) as error:  # HeaderParseError is a ValueError too
        raise _BadLetter(type(error).__name__) from error
    return mail


def _recipient(email: str) -> Address:
    # Not by addr_spec=, which takes a local part beyond ASCII for a defect.
    local, _, domain = email.rpartition("@")
    if not local or not domain:
        raise ValueError("an address has a local part and a domain")
    return Address(username=local, domain=domain)


def _address_of(sender: str) -> str:
    """The bare address of `Heyday <hello@example.com>`."""
    return sender.rpartition("<")[2].rstrip("> ").strip()


def _refusal(error: aiosmtplib.SMTPResponseException) -> Answer:
    temporary = 400 <= error.code < 500
    verdict = Verdict.REFUSED if temporary else Verdict.PERMANENT
    return Answer(verdict, f"smtp_{error.code}", error.message, failing=error.code == 421)
