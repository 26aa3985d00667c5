import sys
from typing import TextIO

from dispatcher_service.domain import Answer, Letter, Verdict


class Console:
    """Prints letters; for development."""

    def __init__(self, *, name: str, out: TextIO = sys.stdout) -> None:
        self.name = name
        self._out = out

    async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
        print(f"To: {letter.email}\nSubject: {letter.subject}\n\n{letter.text}\n", file=self._out, flush=True)
        return Answer(Verdict.ACCEPTED, provider_message_id=letter.key)

    async def close(self) -> None:
        pass
