from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import TypeVar
from uuid import UUID

from occasions.occasion import Occasion
from servicekit.clock import Clock
from servicekit.errors import AlreadyExists, InvalidArgument, Unavailable
from user_service import metrics
from user_service.domain import RequestIdReused, StaleVersion, User
from user_service.filters import UserFilter, Wanted
from user_service.ports import Remembered, Request, UnitOfWork, UserCache, UserStore
from user_service.profile import FIELDS, Draft, Profile, check

T = TypeVar("T")


class UserService:
    """What can be done with users."""

    def __init__(
        self,
        store: UserStore,
        cache: UserCache,
        clock: Clock,
        kinds: Mapping[str, Occasion],
        *,
        new_id: Callable[[], UUID],
        committed: Callable[[], None],
    ) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._kinds = kinds
        self._new_id = new_id
        self._committed = committed

    async def create(self, draft: Draft, caller: str = "", request_id: str = "") -> User:
        """Create a user. A request id of this caller's, given again with the same draft, returns the user as first made."""
        checked = self._check(draft)
        request = Request(caller, request_id, sha256(repr(draft).encode()).digest()) if request_id else None
        generation = self._cache.generation
        user, is_new = await self._transact(partial(self._create, checked, request))
        if is_new:
            await self._published("create", user, generation)
        return user

    async def get(self, user_id: UUID) -> User:
        """The user, a deleted one too. Raises UserNotFound."""
        generation = self._cache.generation  # before the read: see UserCache
        user = await self._cache.get(user_id)
        metrics.CACHE_READS.labels("hit" if user else "miss").inc()
        if user is None:
            user = await self._store.get(user_id)
            await self._cache.put(user, generation)
        return user

    async def update(self, user_id: UUID, draft: Draft, named: Collection[str], version: int = 0) -> User:
        """Change the named fields to what the draft says. `version` is the one the caller knows; 0: any."""

        def merge(user: User, now: datetime) -> User:
            user.expect(version)
            said = {name: getattr(draft, name) for name in named}
            merged = replace(user.profile.draft(), **said)
            return user.changed(self._check(merged, user.profile.suppressed_occasions), now)

        return await self._change("update", user_id, merge)

    async def replace(self, user_id: UUID, draft: Draft, version: int = 0) -> User:
        """Change every field to what the draft says."""
        return await self.update(user_id, draft, FIELDS, version)

    async def delete(self, user_id: UUID, version: int = 0) -> User:
        """Delete softly; a deleted user stays as it is, whatever the version."""

        def delete(user: User, now: datetime) -> User:
            if user.deleted_at is None:
                user.expect(version)
            return user.deleted(now)

        return await self._change("delete", user_id, delete)

    async def restore(self, user_id: UUID, version: int = 0) -> User:
        """Undo a deletion; a user not deleted stays as it is. Raises EmailTaken or ExternalIdTaken when another user has them by now."""

        def restore(user: User, now: datetime) -> User:
            if user.deleted_at is not None:
                user.expect(version)
            return user.restored(now)

        return await self._change("restore", user_id, restore)

    def filter(self, wanted: Wanted) -> UserFilter:
        """The filters of a list, checked."""
        return wanted.check(self._kinds)

    async def list(self, wanted: UserFilter, after: UUID | None, limit: int) -> Sequence[User]:
        """At most `limit` users, in the order of their ids."""
        return await self._store.page(wanted, after, limit)

    async def among(self, user_ids: Collection[UUID]) -> Sequence[User]:
        """Those of these users that exist, in the order of their ids."""
        return await self._store.among(user_ids)

    async def learn_generation(self) -> None:
        """One poll for the cache's generation: see UserCache."""
        try:
            generation = await self._store.generation()
        except Unavailable:
            return  # nobody can write either, so what is cached stays true
        self._cache.learn(generation)
        metrics.CACHE_GENERATION.set(generation)

    async def forget_requests(self, older_than_hours: float) -> None:
        """Forget the request ids of creates that nobody will repeat any more."""
        metrics.REQUESTS_FORGOTTEN.inc(await self._store.forget_requests(older_than_hours))

    def _check(self, draft: Draft, kept_occasions: Collection[str] = ()) -> Profile:
        try:
            return check(draft, self._kinds, self._clock.now(), kept_occasions=kept_occasions)
        except InvalidArgument as error:
            for violation in error.violations:
                metrics.VIOLATIONS.labels(violation.field.partition("[")[0]).inc()
            raise

    async def _create(self, profile: Profile, request: Request | None, unit: UnitOfWork) -> tuple[User, bool]:
        user = User.create(self._new_id(), profile, await unit.now())
        earlier = await unit.remember(request, user) if request else None
        if request and earlier:
            return _repeated(request, earlier), False
        await unit.add(user)
        return user, True

    async def _change(self, operation: str, user_id: UUID, step: Callable[[User, datetime], User]) -> User:
        known = self._cache.generation

        async def work(unit: UnitOfWork) -> tuple[User, bool, int | None]:
            before = await unit.find(user_id)
            after = step(before, await unit.now())
            if after is before:
                return after, False, known
            await unit.save(after)
            # Should the unit be undone, the announcement only keeps the version before out of the cache for a while.
            if await self._cache.announce(user_id, after.version):
                return after, True, known
            return after, True, await unit.grow_generation()

        user, is_changed, generation = await self._transact(work)
        if is_changed:
            await self._published(operation, user, generation)
        return user

    async def _transact(self, work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
        try:
            return await self._store.transact(work)
        except AlreadyExists as error:
            for name in error.fields:
                metrics.CONFLICTS.labels(name).inc()
            raise
        except StaleVersion:
            metrics.CONFLICTS.labels("version").inc()
            raise

    async def _published(self, operation: str, user: User, generation: int | None) -> None:
        metrics.CHANGES.labels(operation).inc()
        self._committed()
        if generation is not None:
            self._cache.learn(generation)
        await self._cache.put(user, generation)


def _repeated(request: Request, earlier: Remembered) -> User:
    if request.digest != earlier.digest:
        raise RequestIdReused
    metrics.REQUESTS_REPEATED.inc()
    return earlier.user
