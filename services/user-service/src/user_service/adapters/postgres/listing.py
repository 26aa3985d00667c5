"""Lists of users, in the order of their ids. Each filter has an index that ends in the id, so a page costs what is on it."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal_column, select, union

from user_service.adapters.postgres.tables import users
from user_service.filters import UserFilter


def listing(wanted: UserFilter, after: UUID | None, limit: int) -> Select[tuple[object, ...]]:
    """Return the statement of one page."""
    conditions = _conditions(wanted, after)
    if not wanted.day:
        return select(users).where(*conditions).order_by(users.c.id).limit(limit)
    # By date one after another, each by its own index: an OR of two dates would make the planner read and sort all of a day.
    pages = [
        select(users.c.id).where(_day_of(name) == wanted.day, *conditions).order_by(users.c.id).limit(limit).subquery()
        for name in wanted.dates
    ]
    ids = union(*(select(page.c.id) for page in pages)).subquery()
    return select(users).where(users.c.id.in_(select(ids.c.id))).order_by(users.c.id).limit(limit)


def among(user_ids: Collection[UUID]) -> Select[tuple[object, ...]]:
    """Return the statement that finds those of these users that exist."""
    return select(users).where(users.c.id.in_(user_ids)).order_by(users.c.id)


def _conditions(wanted: UserFilter, after: UUID | None) -> list[ColumnElement[bool]]:
    columns = {users.c.timezone: wanted.timezone, users.c.email_key: wanted.email_key, users.c.external_id: wanted.external_id}
    conditions: list[ColumnElement[bool]] = [column == value for column, value in columns.items() if value]
    if after is not None:
        conditions.append(users.c.id > after)
    if not wanted.show_deleted:
        conditions.append(users.c.deleted_at.is_(None))
    return conditions


def _day_of(name: str) -> ColumnElement[str]:
    return func.right(users.c[name], literal_column("5"))  # as the index has it; a parameter would not be seen to match
