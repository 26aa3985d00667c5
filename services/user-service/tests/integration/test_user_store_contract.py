import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from user_service.domain import EmailAndExternalIdTaken, EmailTaken, ExternalIdTaken, StaleVersion, User, UserNotFound
from user_service.filters import UserFilter
from user_service.ports import Request, UnitOfWork, UserStore
from user_service.profile import Profile

MakeUser = Callable[..., User]
MakeProfile = Callable[..., Profile]

REQUEST = Request("caller", "request-1", b"digest")


async def add(store: UserStore, *users: User) -> None:
    async def work(unit: UnitOfWork) -> None:
        for user in users:
            await unit.add(user)

    await store.transact(work)


async def save(store: UserStore, user: User) -> None:
    await store.transact(lambda unit: unit.save(user))


async def listed(store: UserStore, wanted: UserFilter, after: UUID | None = None, limit: int = 100) -> list[UUID]:
    return [user.id for user in await store.page(wanted, after, limit)]


def ids(users: Collection[User]) -> list[UUID]:
    return [user.id for user in users]


async def test_every_field_is_kept(any_store: UserStore, new_user: MakeUser) -> None:
    full = new_user(
        external_id="hr-7",
        first_name="Zoë\U0001f382",
        last_name="O'Brien'); DROP TABLE users;--",
        anniversary="--02-29",
        leap_day_rule="LEAP_YEARS_ONLY",
        locale="zh-Hans-CN",
        suppressed_occasions=("anniversary", "birthday"),
    )
    bare = new_user(birthday="")
    await add(any_store, full, bare)
    assert await any_store.get(full.id) == full
    assert await any_store.get(bare.id) == bare


async def test_a_stranger_is_not_found(any_store: UserStore, new_user: MakeUser) -> None:
    with pytest.raises(UserNotFound):
        await any_store.get(new_user().id)
    with pytest.raises(UserNotFound):
        await any_store.transact(lambda unit: unit.find(new_user().id))


async def test_a_unit_that_fails_leaves_nothing(any_store: UserStore, new_user: MakeUser) -> None:
    user = new_user()

    async def work(unit: UnitOfWork) -> None:
        await unit.add(user)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await any_store.transact(work)
    with pytest.raises(UserNotFound):
        await any_store.get(user.id)


async def test_saving_twice_one_version_is_stale(any_store: UserStore, new_user: MakeUser, profile: MakeProfile) -> None:
    user = new_user()
    await add(any_store, user)
    changed = user.changed(profile(email=user.profile.email, first_name="Augusta"), user.created_at)
    await save(any_store, changed)
    with pytest.raises(StaleVersion):
        await save(any_store, changed)
    assert await any_store.get(user.id) == changed


async def test_ten_creates_of_one_email_make_one_user(any_store: UserStore, new_user: MakeUser) -> None:
    users = [new_user(email=email) for email in ["ada@example.com", "ADA@example.com"] * 5]
    results = await asyncio.gather(*(add(any_store, user) for user in users), return_exceptions=True)
    refusals = [result for result in results if result is not None]
    assert [type(refusal) for refusal in refusals] == [EmailTaken] * 9
    assert len(await any_store.page(UserFilter(), None, 100)) == 1


async def test_ten_creates_of_one_external_id_make_one_user(any_store: UserStore, new_user: MakeUser) -> None:
    results = await asyncio.gather(*(add(any_store, new_user(external_id="hr-7")) for _ in range(10)), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [ExternalIdTaken] * 9


async def test_an_email_and_an_external_id_taken_by_two_others_are_told_of_at_once(any_store: UserStore, new_user: MakeUser) -> None:
    ada, grace = new_user(email="ada@example.com"), new_user(external_id="hr-7")
    await add(any_store, ada)
    await add(any_store, grace)
    with pytest.raises(EmailAndExternalIdTaken):
        await add(any_store, new_user(email="ADA@example.com", external_id="hr-7"))
    mover = new_user(email="mover@example.com", external_id="hr-8")
    await add(any_store, mover)
    with pytest.raises(EmailAndExternalIdTaken):
        await save(any_store, mover.changed(replace(mover.profile, email="ada@example.com", external_id="hr-7"), mover.created_at))
    with pytest.raises(EmailTaken):
        await save(any_store, mover.changed(replace(mover.profile, email="ada@example.com"), mover.created_at))


async def test_a_deleted_users_email_is_free_until_the_user_is_restored(any_store: UserStore, new_user: MakeUser) -> None:
    first, second = new_user(email="ada@example.com"), new_user(email="ada@example.com")
    await add(any_store, first)
    deleted = first.deleted(first.created_at)
    await save(any_store, deleted)
    await add(any_store, second)
    with pytest.raises(EmailTaken):
        await save(any_store, deleted.restored(first.created_at))


async def test_twenty_changes_of_one_user_at_once_are_twenty_versions(
    any_store: UserStore, new_user: MakeUser, profile: MakeProfile
) -> None:
    user = new_user()
    await add(any_store, user)

    async def rename(number: int) -> None:
        async def work(unit: UnitOfWork) -> None:
            found = await unit.find(user.id)
            await unit.save(found.changed(profile(email=user.profile.email, first_name=f"Ada {number}"), await unit.now()))

        await any_store.transact(work)

    await asyncio.gather(*(rename(number) for number in range(20)))
    assert (await any_store.get(user.id)).version == 21


async def test_swapping_two_emails_at_once_ends_without_a_doubled_one(any_store: UserStore, new_user: MakeUser) -> None:
    users = [new_user(email="a@example.com"), new_user(email="b@example.com")]
    await add(any_store, *users)

    async def take(user: User, email: str) -> None:
        await save(any_store, user.changed(replace(user.profile, email=email), user.created_at))

    results = await asyncio.gather(take(users[0], "b@example.com"), take(users[1], "a@example.com"), return_exceptions=True)
    assert any(isinstance(result, EmailTaken) for result in results)
    assert len({user.profile.email for user in await any_store.page(UserFilter(), None, 100)}) == 2


async def test_a_request_is_remembered_with_its_first_result(any_store: UserStore, new_user: MakeUser) -> None:
    first, second = new_user(), new_user()
    assert await any_store.transact(lambda unit: unit.remember(REQUEST, first)) is None
    earlier = await any_store.transact(lambda unit: unit.remember(replace(REQUEST, digest=b"other"), second))
    assert earlier is not None
    assert (earlier.digest, earlier.user) == (b"digest", first)


async def test_of_ten_units_with_one_request_one_makes_the_user(any_store: UserStore, new_user: MakeUser) -> None:
    async def create() -> UUID:
        user = new_user()

        async def work(unit: UnitOfWork) -> UUID:
            earlier = await unit.remember(REQUEST, user)
            if earlier:
                return earlier.user.id
            await unit.add(user)
            return user.id

        return await any_store.transact(work)

    made = await asyncio.gather(*(create() for _ in range(10)))
    assert len(set(made)) == 1
    assert await listed(any_store, UserFilter()) == made[:1]


async def test_a_forgotten_request_is_new_again(any_store: UserStore, new_user: MakeUser) -> None:
    await any_store.transact(lambda unit: unit.remember(REQUEST, new_user()))
    assert await any_store.forget_requests(1) == 0
    assert await any_store.forget_requests(0) == 1
    assert await any_store.transact(lambda unit: unit.remember(REQUEST, new_user())) is None


async def test_the_generation_grows_with_the_unit_or_not_at_all(any_store: UserStore) -> None:
    before = await any_store.generation()

    async def undone(unit: UnitOfWork) -> None:
        await unit.grow_generation()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await any_store.transact(undone)
    assert await any_store.generation() == before
    assert await any_store.transact(lambda unit: unit.grow_generation()) == before + 1
    assert await any_store.generation() == before + 1


async def test_pages_follow_each_other_in_the_order_of_ids(any_store: UserStore, new_user: MakeUser) -> None:
    users = [new_user() for _ in range(5)]
    await add(any_store, *reversed(users))
    first = await listed(any_store, UserFilter(), limit=2)
    rest = await listed(any_store, UserFilter(), after=first[-1])
    assert first + rest == ids(users)


async def test_deleted_users_are_listed_only_on_request(any_store: UserStore, new_user: MakeUser) -> None:
    users = [new_user(), new_user()]
    await add(any_store, *users)
    await save(any_store, users[0].deleted(users[0].created_at))
    assert await listed(any_store, UserFilter()) == [users[1].id]
    assert await listed(any_store, UserFilter(show_deleted=True)) == ids(users)


async def test_filters(any_store: UserStore, new_user: MakeUser) -> None:
    tokyo = new_user(timezone="Asia/Tokyo", birthday="--12-30", external_id="hr-7")
    both = new_user(birthday="1990-12-30", anniversary="2015-12-30", email="Both@example.com")
    joined = new_user(birthday="1990-01-01", anniversary="2015-12-30")
    await add(any_store, tokyo, both, joined, new_user(birthday=""))
    expected = {
        UserFilter(timezone="Asia/Tokyo"): [tokyo],
        UserFilter(day="12-30"): [tokyo, both, joined],
        UserFilter(day="12-30", dates=("birthday",)): [tokyo, both],
        UserFilter(day="12-30", dates=("anniversary",)): [both, joined],
        UserFilter(day="12-30", timezone="Europe/London"): [both, joined],
        UserFilter(email_key="both@example.com"): [both],
        UserFilter(external_id="hr-7"): [tokyo],
        UserFilter(external_id="hr-7", timezone="Europe/London"): [],
    }
    for wanted, users in expected.items():
        assert await listed(any_store, wanted) == ids(users), wanted


async def test_pages_of_a_day_hold_each_user_once(any_store: UserStore, new_user: MakeUser) -> None:
    users = [new_user(birthday="1990-12-30", anniversary="--12-30" if number % 2 else "") for number in range(7)]
    await add(any_store, *users)
    found: list[UUID] = []
    while page := await listed(any_store, UserFilter(day="12-30"), after=found[-1] if found else None, limit=3):
        found += page
    assert found == ids(users)


async def test_those_among_given_ids(any_store: UserStore, new_user: MakeUser) -> None:
    users = [new_user(), new_user()]
    await add(any_store, *users)
    await save(any_store, users[1].deleted(users[1].created_at + timedelta(hours=1)))
    found = await any_store.among([users[1].id, new_user().id, users[0].id])
    assert [(user.id, user.version) for user in found] == [(users[0].id, 1), (users[1].id, 2)]
