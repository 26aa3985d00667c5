from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any
from uuid import UUID

import grpc.aio
from google.protobuf.field_mask_pb2 import FieldMask

from heyday.user.v1 import user_pb2, user_service_pb2, user_service_pb2_grpc
from servicekit import grpc_context, pages
from servicekit.errors import FieldViolation, InvalidArgument, Review, sentence
from user_service import metrics, text, wire
from user_service.domain import User
from user_service.filters import UserFilter, Wanted
from user_service.profile import FIELDS, Draft
from user_service.service import UserService

Context = grpc.aio.ServicerContext[Any, Any]

IDEMPOTENCY_KEY = "idempotency-key"
LONGEST_REQUEST_ID = 128
MOST_UNKNOWN_NAMED = 10

_USER_FIELDS = {field.name: field.json_name for field in user_pb2.User.DESCRIPTOR.fields}


class UserServicer(user_service_pb2_grpc.UserServiceServicer):
    """The gRPC edge: proto in, use case, proto out."""

    def __init__(self, service: UserService, epoch: int) -> None:
        self._service = service
        self._epoch = epoch

    async def CreateUser(self, request: user_service_pb2.CreateUserRequest, context: Context) -> user_pb2.User:
        caller = grpc_context.current().identity
        user = await self._service.create(_draft(request.user), caller, _request_id(request.request_id, context))
        return wire.to_user(user)

    async def GetUser(self, request: user_service_pb2.GetUserRequest, context: Context) -> user_pb2.User:
        return wire.to_user(await self._service.get(_user_id(request.id)))

    async def ListUsers(self, request: user_service_pb2.ListUsersRequest, context: Context) -> user_service_pb2.ListUsersResponse:
        review = Review()
        size = review("pageSize", 0, lambda: pages.size(request.page_size))
        wanted = review("filter", UserFilter(), lambda: self._service.filter(_wanted(request)))
        review.finish()
        users = await self._service.list(wanted, pages.start(wanted, request.page_token, UUID), size + 1)
        page, token = _page(users, size, wanted)
        return user_service_pb2.ListUsersResponse(users=map(wire.to_user, page), next_page_token=token)

    async def UpdateUser(self, request: user_service_pb2.UpdateUserRequest, context: Context) -> user_pb2.User:
        named = _named(request.update_mask, request.user)
        user = await self._service.update(_user_id(request.user.id), _draft(request.user), named, request.user.version)
        return wire.to_user(user)

    async def ReplaceUser(self, request: user_service_pb2.ReplaceUserRequest, context: Context) -> user_pb2.User:
        return wire.to_user(await self._service.replace(_user_id(request.user.id), _draft(request.user), request.user.version))

    async def DeleteUser(self, request: user_service_pb2.DeleteUserRequest, context: Context) -> user_pb2.User:
        return wire.to_user(await self._service.delete(_user_id(request.id), request.version))

    async def RestoreUser(self, request: user_service_pb2.RestoreUserRequest, context: Context) -> user_pb2.User:
        return wire.to_user(await self._service.restore(_user_id(request.id), request.version))

    async def ListSnapshots(
        self, request: user_service_pb2.ListSnapshotsRequest, context: Context
    ) -> user_service_pb2.ListSnapshotsResponse:
        size = pages.size(request.page_size, pages.LARGEST_SIZE)
        if request.ids:
            page, token = await self._service.among(_user_ids(request.ids)), ""
        else:
            wanted = self._service.filter(Wanted(show_deleted=True))
            users = await self._service.list(wanted, pages.start(wanted, request.page_token, UUID), size + 1)
            page, token = _page(users, size, wanted)
        snapshots = (wire.to_snapshot(user, self._epoch) for user in page)
        return user_service_pb2.ListSnapshotsResponse(snapshots=snapshots, next_page_token=token)


def _draft(user: user_pb2.User) -> Draft:
    return Draft(
        external_id=user.external_id,
        first_name=user.first_name,
        last_name=user.last_name,
        email=user.email,
        timezone=user.timezone,
        birthday=user.birthday,
        anniversary=user.anniversary,
        leap_day_rule=_leap_day_rule(user.leap_day_rule),
        locale=user.locale,
        suppressed_occasions=tuple(user.suppressed_occasions),
    )


def _leap_day_rule(rule: int) -> str:
    if not rule:
        return ""
    known = user_pb2.LeapDayRule.DESCRIPTOR.values_by_number.get(rule)
    return known.name if known else str(rule)


def _wanted(request: user_service_pb2.ListUsersRequest) -> Wanted:
    return Wanted(
        timezone=request.timezone,
        occasion_day=request.occasion_day,
        occasion=request.occasion,
        email=request.email,
        external_id=request.external_id,
        show_deleted=request.show_deleted,
    )


def _page(users: Sequence[User], size: int, wanted: object) -> tuple[Sequence[User], str]:
    page = users[:size]
    metrics.PAGE_USERS.observe(len(page))
    return page, pages.token(wanted, str(page[-1].id)) if len(users) > size else ""


def _user_id(written: str, field: str = "id") -> UUID:
    try:
        user_id = UUID(written)
    except ValueError:
        user_id = None
    if user_id is None or str(user_id) != written.lower():  # UUID() also reads {...} and urn:uuid:...
        raise _violation(field, f"{text.shown(written)} is not the id of a user: one looks like 01932c07-20a4-7cd1-8000-2b1f4a5e6d7c.")
    return user_id


def _user_ids(written: Iterable[str]) -> list[UUID]:
    ids = [_user_id(each, f"ids[{place}]") for place, each in enumerate(written)]
    if len(ids) > pages.LARGEST_SIZE:
        raise _violation("ids", f"There are {len(ids)} ids: at most {pages.LARGEST_SIZE} are allowed.")
    return ids


def _request_id(asked: str, context: Context) -> str:
    headers = {key: value for key, value in context.invocation_metadata() or () if key == IDEMPOTENCY_KEY}
    request_id = asked or str(headers.get(IDEMPOTENCY_KEY, ""))
    try:
        return text.optional("request id", request_id, LONGEST_REQUEST_ID)
    except text.Mistake as mistake:
        raise _violation("requestId", sentence(str(mistake))) from None


def _named(mask: FieldMask, user: user_pb2.User) -> frozenset[str]:
    """The fields to change; those that only we set, and the version, are passed over: callers send back what they were given."""
    paths = [path.partition(".")[0] for path in mask.paths] or [field.name for field, _ in user.ListFields()]
    if "*" in paths:
        return FIELDS
    if not any(paths):
        raise _violation("updateMask", "No field of the user is named: name those to change in the body or in the mask, such as firstName.")
    unknown = [path for path in paths if path not in _USER_FIELDS]
    if unknown:
        raise InvalidArgument([FieldViolation("updateMask", _unknown_field(path)) for path in unknown[:MOST_UNKNOWN_NAMED]])
    return FIELDS.intersection(paths)


def _unknown_field(path: str) -> str:
    nearest = get_close_matches(path[:40], _USER_FIELDS, n=1, cutoff=0)[0]
    return f"{text.shown(path)} is no field of a user: did you mean {_USER_FIELDS[nearest]}?"


def _violation(field: str, description: str) -> InvalidArgument:
    return InvalidArgument([FieldViolation(field, description)])
