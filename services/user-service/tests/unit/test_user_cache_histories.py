"""No history of changes, slow readers and processes cut off from the cache makes a process that has polled give out an old version."""

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from user_service.adapters.memory import Entry, MemoryUserCache, MemoryUserStore
from user_service.domain import User
from user_service.profile import Draft
from user_service.service import UserService

PROCESSES = 3
ACTIONS = ["change", "begin reading", "end reading", "cut off", "reconnect", "poll", "fail to commit"]
ADA = Draft(first_name="Ada", last_name="Lovelace", email="ada@example.com", timezone="Europe/London")

histories = st.lists(st.tuples(st.integers(0, PROCESSES - 1), st.sampled_from(ACTIONS)), max_size=40)


class StandingClock:
    def now(self) -> datetime:
        return datetime(2026, 6, 15, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


class Process(NamedTuple):
    service: UserService
    cache: MemoryUserCache
    #: Reads of the store whose results are not in the cache yet.
    pending: list[tuple[User, int | None]]


def processes(store: MemoryUserStore) -> list[Process]:
    kept: dict[UUID, Entry] = {}
    caches = [MemoryUserCache(kept) for _ in range(PROCESSES)]
    services = [UserService(store, cache, StandingClock(), {}, new_id=lambda: UUID(int=7), committed=lambda: None) for cache in caches]
    return [Process(service, cache, []) for service, cache in zip(services, caches, strict=True)]


async def act(process: Process, action: str, store: MemoryUserStore, user_id: UUID) -> None:
    if action == "change":
        version = (await store.get(user_id)).version
        await process.service.update(user_id, Draft(first_name=f"Ada {version}"), ["first_name"])
    elif action == "begin reading":
        process.pending.append((await store.get(user_id), process.cache.generation))
    elif action == "end reading" and process.pending:
        await process.cache.put(*process.pending.pop(0))
    elif action == "poll":
        await process.service.learn_generation()
    elif action == "fail to commit":
        await process.cache.announce(user_id, (await store.get(user_id)).version + 1)
    else:
        process.cache.is_down = action == "cut off"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(histories)
async def test_a_process_that_has_polled_reads_the_present(history: list[tuple[int, str]]) -> None:
    store = MemoryUserStore(StandingClock())
    all_processes = processes(store)
    for process in all_processes:
        await process.service.learn_generation()
    user = await all_processes[0].service.create(ADA)
    for number, action in history:
        await act(all_processes[number], action, store, user.id)
        await all_processes[number].service.learn_generation()
        assert await all_processes[number].service.get(user.id) == await store.get(user.id)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(histories)
async def test_while_the_cache_is_in_reach_nobody_has_to_poll(history: list[tuple[int, str]]) -> None:
    store = MemoryUserStore(StandingClock())
    all_processes = processes(store)
    for process in all_processes:
        await process.service.learn_generation()
    user = await all_processes[0].service.create(ADA)
    for number, action in history:
        if action != "cut off":
            await act(all_processes[number], action, store, user.id)
        for process in all_processes:
            assert await process.service.get(user.id) == await store.get(user.id)
