"""What is done now and then."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from servicekit.errors import Unavailable
from servicekit.runtime import Backoff, every

KEEP_EVERY_SECONDS = 6 * 3600


class MonthKeeper:
    """A Component. Its start waits until the months are made: else the first deliveries would fall into the default partition."""

    name = "months"

    def __init__(self, keep: Callable[[], Awaitable[None]]) -> None:
        self._keep = keep
        self._loop = every(self.name, KEEP_EVERY_SECONDS, keep)

    async def start(self) -> None:
        for failures in count(1):
            try:
                await self._keep()
                break
            except Unavailable:
                await asyncio.sleep(Backoff().seconds(failures))
        await self._loop.start()

    async def wait(self) -> None:
        await self._loop.wait()

    async def stop(self) -> None:
        await self._loop.stop()
