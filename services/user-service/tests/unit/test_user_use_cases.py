import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest

from servicekit.errors import InvalidArgument, Unavailable
from user_service.adapters.memory import MemoryUserCache, MemoryUserStore
from user_service.domain import EmailTaken, ExternalIdTaken, RequestIdReused, StaleVersion, User, UserNotFound
from user_service.profile import Draft
from user_service.service import UserService

MakeDraft = Callable[..., Draft]
STRANGER = UUID(int=1)


async def test_a_created_user_is_read_back(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft())
    assert await service.get(user.id) == user
    assert user.version == 1


async def test_a_stranger_is_not_found(service: UserService) -> None:
    with pytest.raises(UserNotFound, match="There is no user of this id"):
        await service.get(STRANGER)


async def test_nothing_is_stored_of_a_bad_draft(service: UserService, store: MemoryUserStore, draft: MakeDraft) -> None:
    with pytest.raises(InvalidArgument):
        await service.create(draft(email="nobody"))
    assert not store.state.users
    assert not store.state.events


async def test_every_change_is_told(service: UserService, store: MemoryUserStore, draft: MakeDraft) -> None:
    user = await service.create(draft())
    await service.update(user.id, draft(first_name="Augusta"), ["first_name"])
    await service.delete(user.id)
    await service.restore(user.id)
    assert [event.version for event in store.state.events] == [1, 2, 3, 4]


async def test_an_update_changes_the_named_fields_only(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft(anniversary="2015-03-01"))
    updated = await service.update(user.id, draft(first_name="Augusta", last_name="King"), ["first_name"])
    assert updated.profile == replace(user.profile, first_name="Augusta")


async def test_a_named_field_that_is_not_set_is_emptied(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft())
    assert (await service.update(user.id, Draft(), ["birthday"])).profile.birthday is None


async def test_a_required_field_cannot_be_emptied(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft())
    with pytest.raises(InvalidArgument, match="The email is missing"):
        await service.update(user.id, Draft(), ["email"])


async def test_a_replacement_empties_what_it_leaves_out(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft(external_id="hr-7", locale="pt-BR"))
    replaced = await service.replace(user.id, draft(birthday=""))
    assert (replaced.profile.external_id, replaced.profile.locale, replaced.profile.birthday) == ("", "en", None)


async def test_an_update_that_changes_nothing_keeps_the_version_and_tells_nothing(
    service: UserService, store: MemoryUserStore, draft: MakeDraft
) -> None:
    user = await service.create(draft())
    assert await service.update(user.id, draft(first_name=" Ada "), ["first_name"]) == user
    assert len(store.state.events) == 1


async def test_an_update_sees_the_stored_dates(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft(birthday="1990-12-10"))
    with pytest.raises(InvalidArgument, match="1980-01-01 is before the birthday, 1990-12-10"):
        await service.update(user.id, Draft(anniversary="1980-01-01"), ["anniversary"])


@pytest.mark.parametrize("operation", ["update", "replace", "delete"])
async def test_a_stale_version_is_refused(service: UserService, draft: MakeDraft, operation: str) -> None:
    user = await service.create(draft())
    calls: dict[str, Callable[[int], Any]] = {
        "update": lambda version: service.update(user.id, draft(first_name="Augusta"), ["first_name"], version),
        "replace": lambda version: service.replace(user.id, draft(first_name="Augusta"), version),
        "delete": lambda version: service.delete(user.id, version),
    }
    with pytest.raises(StaleVersion, match="The user is at version 1, not 9"):
        await calls[operation](9)
    assert (await calls[operation](1)).version == 2


async def test_deleting_again_with_the_version_before_is_no_conflict(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft())
    deleted = await service.delete(user.id, 1)
    assert await service.delete(user.id, 1) == deleted


async def test_of_two_updates_of_one_version_one_wins(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft())
    updates = [service.update(user.id, draft(first_name=name), ["first_name"], 1) for name in ("Augusta", "Byron")]
    results = await asyncio.gather(*updates, return_exceptions=True)
    assert [type(result) for result in results if isinstance(result, Exception)] == [StaleVersion]


async def test_an_email_is_unique_without_regard_to_case(service: UserService, draft: MakeDraft) -> None:
    await service.create(draft(email="ada@example.com"))
    with pytest.raises(EmailTaken, match="Another user has this email") as raised:
        await service.create(draft(email="ADA@Example.COM"))
    assert raised.value.fields == ("email",)


async def test_an_external_id_is_unique(service: UserService, draft: MakeDraft) -> None:
    await service.create(draft(external_id="hr-7"))
    with pytest.raises(ExternalIdTaken, match="Another user has this external id") as raised:
        await service.create(draft(email="b@example.com", external_id="hr-7"))
    assert raised.value.fields == ("externalId",)


async def test_a_user_may_change_the_case_of_the_own_email(service: UserService, draft: MakeDraft) -> None:
    user = await service.create(draft(email="ada@example.com"))
    assert (await service.update(user.id, draft(email="Ada@example.com"), ["email"])).profile.email == "Ada@example.com"


async def test_an_update_cannot_take_anothers_email(service: UserService, draft: MakeDraft) -> None:
    await service.create(draft(email="ada@example.com"))
    other = await service.create(draft(email="b@example.com"))
    with pytest.raises(EmailTaken):
        await service.update(other.id, draft(email="ada@example.com"), ["email"])


async def test_a_deleted_users_email_may_be_used_again_and_then_restoring_is_a_conflict(service: UserService, draft: MakeDraft) -> None:
    first = await service.create(draft())
    await service.delete(first.id)
    await service.create(draft())
    with pytest.raises(EmailTaken):
        await service.restore(first.id)
    assert (await service.get(first.id)).deleted_at is not None


async def test_restoring_conflicts_on_the_external_id_too(service: UserService, draft: MakeDraft) -> None:
    first = await service.create(draft(external_id="hr-7"))
    await service.delete(first.id)
    await service.create(draft(email="b@example.com", external_id="hr-7"))
    with pytest.raises(ExternalIdTaken):
        await service.restore(first.id)


async def test_a_repeated_request_returns_the_first_result(service: UserService, store: MemoryUserStore, draft: MakeDraft) -> None:
    first = await service.create(draft(), "caller", "request-1")
    await service.update(first.id, draft(first_name="Augusta"), ["first_name"])
    assert await service.create(draft(), "caller", "request-1") == first
    assert len(store.state.users) == 1
    assert (await service.get(first.id)).profile.first_name == "Augusta"


async def test_a_request_id_with_another_body_is_refused(service: UserService, draft: MakeDraft) -> None:
    await service.create(draft(), "caller", "request-1")
    with pytest.raises(RequestIdReused, match="This request id was used for another request: choose a new one"):
        await service.create(draft(email="b@example.com"), "caller", "request-1")


async def test_request_ids_of_two_callers_are_two(service: UserService, draft: MakeDraft) -> None:
    first = await service.create(draft(), "one", "request-1")
    assert (await service.create(draft(email="b@example.com"), "other", "request-1")).id != first.id


async def test_a_request_that_failed_is_not_remembered(service: UserService, draft: MakeDraft) -> None:
    taken = await service.create(draft())
    with pytest.raises(EmailTaken):
        await service.create(draft(), "caller", "request-1")
    await service.delete(taken.id)
    assert (await service.create(draft(), "caller", "request-1")).version == 1


async def test_a_forgotten_request_makes_a_user_again(service: UserService, clock: Any, draft: MakeDraft) -> None:
    first = await service.create(draft(), "caller", "request-1")
    await service.delete(first.id)
    clock.advance(hours=48)
    await service.forget_requests(48)
    assert (await service.create(draft(), "caller", "request-1")).id != first.id


async def test_a_cached_user_is_read_without_the_store(service: UserService, store: MemoryUserStore, draft: MakeDraft) -> None:
    user = await service.create(draft())
    store.is_down = True
    await service.learn_generation()
    assert await service.get(user.id) == user


async def test_without_store_and_cache_a_read_is_unavailable(
    service: UserService, store: MemoryUserStore, cache: MemoryUserCache, draft: MakeDraft
) -> None:
    user = await service.create(draft())
    store.is_down = cache.is_down = True
    with pytest.raises(Unavailable):
        await service.get(user.id)


async def test_without_the_store_writes_are_unavailable(service: UserService, store: MemoryUserStore, draft: MakeDraft) -> None:
    user = await service.create(draft())
    store.is_down = True
    for call in (service.create(draft(email="b@example.com")), service.delete(user.id)):
        with pytest.raises(Unavailable):
            await call


async def test_without_the_cache_everything_works(service: UserService, cache: MemoryUserCache, draft: MakeDraft) -> None:
    cache.is_down = True
    user = await service.create(draft())
    await service.update(user.id, draft(first_name="Augusta"), ["first_name"])
    assert (await service.get(user.id)).profile.first_name == "Augusta"


async def test_a_cache_that_comes_back_with_old_content_is_not_believed(
    service: UserService, cache: MemoryUserCache, draft: MakeDraft
) -> None:
    user = await service.create(draft())
    cache.is_down = True
    await service.delete(user.id)
    cache.is_down = False
    assert (await service.get(user.id)).deleted_at is not None


async def test_another_process_stops_believing_it_with_its_next_poll(
    service: UserService, store: MemoryUserStore, cache: MemoryUserCache, clock: Any, draft: MakeDraft
) -> None:
    user = await service.create(draft())
    cut_off = MemoryUserCache()
    cut_off.is_down = True
    other = UserService(store, cut_off, clock, {}, new_id=lambda: STRANGER, committed=lambda: None)
    await other.delete(user.id)
    await service.learn_generation()
    assert (await service.get(user.id)).deleted_at is not None


async def test_a_reader_does_not_fill_in_what_it_read_before_a_change(
    service: UserService, store: MemoryUserStore, cache: MemoryUserCache, draft: MakeDraft
) -> None:
    before = await service.create(draft())
    generation = cache.generation
    after = await service.delete(before.id)
    await cache.put(before, generation)
    assert await service.get(before.id) == after


async def test_a_change_that_was_undone_does_not_poison_the_cache(service: UserService, cache: MemoryUserCache, draft: MakeDraft) -> None:
    await service.create(draft(email="b@example.com"))
    user = await service.create(draft())
    with pytest.raises(EmailTaken):
        await service.update(user.id, draft(email="b@example.com"), ["email"])
    await cache.announce(user.id, 2)
    assert await service.get(user.id) == user


async def test_each_commit_wakes_the_relay(store: MemoryUserStore, cache: MemoryUserCache, clock: Any, draft: MakeDraft) -> None:
    woken: list[int] = []
    service = UserService(store, cache, clock, {}, new_id=lambda: STRANGER, committed=lambda: woken.append(1))
    user = await service.create(draft())
    await service.update(user.id, draft(), ["email"])
    await service.delete(user.id)
    assert len(woken) == 2


class CountingStore(MemoryUserStore):
    reads = 0

    async def get(self, user_id: UUID) -> User:
        self.reads += 1
        return await super().get(user_id)


async def test_a_mix_of_many_reads_and_some_changes_asks_the_store_at_most_half_as_often(
    cache: MemoryUserCache, clock: Any, ids: Iterator[UUID], draft: MakeDraft
) -> None:
    store, chance = CountingStore(clock), Random(7)
    service = UserService(store, cache, clock, {}, new_id=lambda: next(ids), committed=lambda: None)
    await service.learn_generation()
    users = [await service.create(draft(email=f"{number}@example.com")) for number in range(50)]
    for number in range(1000):
        user = chance.choice(users)
        await service.get(user.id)
        if number % 5 == 0:
            await service.update(user.id, draft(first_name=f"Ada {number}"), ["first_name"])
    assert store.reads <= 500
