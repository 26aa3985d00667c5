from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from heyday.user.v1 import user_pb2, user_service_pb2, user_service_pb2_grpc
from servicekit.testing import grpc_channel
from user_service.adapters.memory import MemoryUserStore
from user_service.service import UserService
from user_service.servicer import UserServicer

Stub = Any  # the asynchronous stub has no type of its own
STRANGER = "01932c07-20a4-7cd1-8000-2b1f4a5e6d7c"


@pytest.fixture
async def stub(service: UserService) -> AsyncIterator[Stub]:
    servicer = UserServicer(service, epoch=3)
    async with grpc_channel([partial(user_service_pb2_grpc.add_UserServiceServicer_to_server, servicer)]) as channel:
        yield user_service_pb2_grpc.UserServiceStub(channel)


@pytest.fixture
def ada() -> Callable[..., user_pb2.User]:
    said = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "timezone": "Europe/London", "birthday": "1990-12-10"}
    return lambda **more: user_pb2.User(**{**said, **more})


async def create(stub: Stub, user: user_pb2.User, request_id: str = "", **call: Any) -> user_pb2.User:
    made: user_pb2.User = await stub.CreateUser(user_service_pb2.CreateUserRequest(user=user, request_id=request_id), **call)
    return made


async def update(stub: Stub, user: user_pb2.User, *paths: str) -> user_pb2.User:
    request = user_service_pb2.UpdateUserRequest(user=user, update_mask=FieldMask(paths=paths) if paths else None)
    updated: user_pb2.User = await stub.UpdateUser(request)
    return updated


async def refusal(call: Any) -> tuple[str, str, list[tuple[str, str]]]:
    """The status, the message and the field violations with which a call was refused."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    status = rpc_status.from_call(raised.value)
    assert status is not None
    violations = [violation for detail in status.details for violation in _violations(detail)]
    return raised.value.code().name, status.message, [(violation.field, violation.description) for violation in violations]


def _violations(detail: Any) -> list[Any]:
    request = error_details_pb2.BadRequest()
    return list(request.field_violations) if detail.Unpack(request) else []


async def test_a_created_user_shows_what_was_said_and_what_we_set(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada(leap_day_rule=user_pb2.MAR_1, suppressed_occasions=["anniversary"], version=9, id=STRANGER))
    assert (user.first_name, user.birthday, user.locale, user.leap_day_rule) == ("Ada", "1990-12-10", "en", user_pb2.MAR_1)
    assert (user.version, list(user.suppressed_occasions)) == (1, ["anniversary"])
    assert user.id != STRANGER
    assert user.create_time == user.update_time
    assert not user.HasField("delete_time")
    assert await stub.GetUser(user_service_pb2.GetUserRequest(id=user.id)) == user


async def test_two_mistakes_come_as_two_violations(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    code, message, violations = await refusal(create(stub, ada(first_name=" ", birthday="1990-09-31")))
    assert code == "INVALID_ARGUMENT"
    assert violations == [
        ("firstName", "The first name is missing."),
        ("birthday", "1990-09-31 does not exist: September has the days 01 to 30."),
    ]
    assert message == " ".join(description for _, description in violations)


async def test_a_leap_day_rule_nobody_knows(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    _, _, violations = await refusal(create(stub, ada(leap_day_rule=77)))
    assert violations == [("leapDayRule", "The leap day rule is one of FEB_28, MAR_1, LEAP_YEARS_ONLY.")]


@pytest.mark.parametrize("written", ["7", "", "{01932c07-20a4-7cd1-8000-2b1f4a5e6d7c}", "01932c0720a47cd180002b1f4a5e6d7c", "\0"])
async def test_an_id_that_is_none(stub: Stub, written: str) -> None:
    code, message, violations = await refusal(stub.GetUser(user_service_pb2.GetUserRequest(id=written)))
    assert (code, violations[0][0]) == ("INVALID_ARGUMENT", "id")
    assert message.endswith("is not the id of a user: one looks like 01932c07-20a4-7cd1-8000-2b1f4a5e6d7c.")


async def test_unknown_ids_are_not_found(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    calls = [
        stub.GetUser(user_service_pb2.GetUserRequest(id=STRANGER)),
        update(stub, ada(id=STRANGER), "first_name"),
        stub.ReplaceUser(user_service_pb2.ReplaceUserRequest(user=ada(id=STRANGER))),
        stub.DeleteUser(user_service_pb2.DeleteUserRequest(id=STRANGER)),
        stub.RestoreUser(user_service_pb2.RestoreUserRequest(id=STRANGER)),
    ]
    for call in calls:
        assert await refusal(call) == ("NOT_FOUND", "There is no user of this id.", [])


async def test_conflicts_name_the_field(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    await create(stub, ada(external_id="hr-7"))
    code, message, _ = await refusal(create(stub, ada(email="ADA@example.com")))
    assert (code, message) == ("ALREADY_EXISTS", "Another user has this email.")
    code, message, _ = await refusal(create(stub, ada(email="b@example.com", external_id="hr-7")))
    assert (code, message) == ("ALREADY_EXISTS", "Another user has this external id.")


async def test_a_mask_says_what_is_changed(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada(locale="pt-BR"))
    changed = await update(stub, user_pb2.User(id=user.id, first_name="Augusta", last_name="King"), "first_name", "locale")
    assert (changed.first_name, changed.last_name, changed.locale, changed.version) == ("Augusta", "Lovelace", "en", 2)


async def test_without_a_mask_what_is_set_is_changed(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada(locale="pt-BR"))
    changed = await update(stub, user_pb2.User(id=user.id, first_name="Augusta"))
    assert (changed.first_name, changed.last_name, changed.locale) == ("Augusta", "Lovelace", "pt-BR")


async def test_a_star_replaces_all(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada(locale="pt-BR", external_id="hr-7"))
    changed = await update(stub, ada(id=user.id, first_name="Augusta"), "*")
    assert (changed.first_name, changed.locale, changed.external_id) == ("Augusta", "en", "")


async def test_a_user_as_given_out_can_be_sent_back_with_a_mask_of_everything(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada())
    everything = [field.name for field, _ in user.ListFields()]
    assert await update(stub, user, *everything, "create_time.seconds") == user


async def test_a_mask_with_a_misspelt_field(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada())
    code, _, violations = await refusal(update(stub, ada(id=user.id), "first_nam", "time_zone"))
    assert code == "INVALID_ARGUMENT"
    assert violations == [
        ("updateMask", '"first_nam" is no field of a user: did you mean firstName?'),
        ("updateMask", '"time_zone" is no field of a user: did you mean timezone?'),
    ]


@pytest.mark.parametrize("paths", [("",), ("", "")])
async def test_a_mask_that_names_nothing(stub: Stub, ada: Callable[..., user_pb2.User], paths: tuple[str, ...]) -> None:
    user = await create(stub, ada())
    code, _, violations = await refusal(update(stub, user_pb2.User(id=user.id), *paths))
    said = "No field of the user is named: name those to change in the body or in the mask, such as firstName."
    assert (code, violations) == ("INVALID_ARGUMENT", [("updateMask", said)])


async def test_a_stale_version_is_aborted(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada())
    code, message, _ = await refusal(update(stub, user_pb2.User(id=user.id, first_name="Augusta", version=5)))
    assert (code, message) == ("ABORTED", "The user is at version 1, not 5: read it again and repeat the change.")


async def test_a_deleted_user_is_shown_and_refuses_changes(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada())
    deleted = await stub.DeleteUser(user_service_pb2.DeleteUserRequest(id=user.id, version=1))
    assert deleted.HasField("delete_time")
    assert await stub.GetUser(user_service_pb2.GetUserRequest(id=user.id)) == deleted
    code, message, _ = await refusal(update(stub, ada(id=user.id, first_name="Augusta"), "first_name"))
    assert (code, message) == ("FAILED_PRECONDITION", "The user is deleted: restore it first.")
    restored = await stub.RestoreUser(user_service_pb2.RestoreUserRequest(id=user.id, version=2))
    assert (restored.version, restored.HasField("delete_time")) == (3, False)


@pytest.mark.parametrize("way", ["field", "header"])
async def test_a_request_id_in_the_field_or_the_header(stub: Stub, ada: Callable[..., user_pb2.User], way: str) -> None:
    call: dict[str, Any] = {"request_id": "r-1"} if way == "field" else {"metadata": [("idempotency-key", "r-1")]}
    first = await create(stub, ada(), **call)
    assert await create(stub, ada(), **call) == first
    code, _, violations = await refusal(create(stub, ada(email="b@example.com"), **call))
    assert (code, violations) == (
        "INVALID_ARGUMENT",
        [("requestId", "This request id was used for another request: choose a new one.")],
    )


async def test_a_request_id_that_is_too_long(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    _, _, violations = await refusal(create(stub, ada(), "x" * 129))
    assert violations == [("requestId", "The request id has 129 characters: at most 128 are allowed.")]


async def test_a_list_goes_on_page_by_page(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    made = [await create(stub, ada(email=f"{number}@example.com")) for number in range(5)]
    found: list[user_pb2.User] = []
    request = user_service_pb2.ListUsersRequest(page_size=2)
    while True:
        page = await stub.ListUsers(request)
        found += page.users
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert found == made


async def test_a_token_of_other_filters_is_refused(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    for number in range(2):
        await create(stub, ada(email=f"{number}@example.com"))
    page = await stub.ListUsers(user_service_pb2.ListUsersRequest(page_size=1))
    other = user_service_pb2.ListUsersRequest(page_size=1, page_token=page.next_page_token, timezone="Europe/London")
    code, message, violations = await refusal(stub.ListUsers(other))
    assert (code, violations[0][0]) == ("INVALID_ARGUMENT", "pageToken")
    assert message == "The page token is not one of this list: use the nextPageToken of a response to the same filters, or none."


async def test_a_page_size_below_nothing(stub: Stub) -> None:
    code, message, violations = await refusal(stub.ListUsers(user_service_pb2.ListUsersRequest(page_size=-1)))
    assert (code, violations[0][0], message) == (
        "INVALID_ARGUMENT",
        "pageSize",
        "The page size is -1: it goes from 1 to 1000, 0 means 50.",
    )


async def test_all_mistakes_of_a_list_are_told_at_once(stub: Stub) -> None:
    request = user_service_pb2.ListUsersRequest(page_size=-1, timezone="Foo", email="\0")
    code, _, violations = await refusal(stub.ListUsers(request))
    assert (code, [field for field, _ in violations]) == ("INVALID_ARGUMENT", ["pageSize", "timezone", "email"])


async def test_a_list_by_email_and_day(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada())
    request = user_service_pb2.ListUsersRequest
    for wanted in (request(email="ADA@example.com"), request(occasion_day="--12-10"), request(occasion_day="--12-10", occasion="birthday")):
        assert list((await stub.ListUsers(wanted)).users) == [user]
    none = await stub.ListUsers(request(occasion_day="--12-10", occasion="anniversary"))
    assert not none.users


async def test_snapshots_hold_deleted_users_and_what_is_known_since_when(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    users = [await create(stub, ada(email=f"{number}@example.com")) for number in range(3)]
    deleted = await stub.DeleteUser(user_service_pb2.DeleteUserRequest(id=users[0].id))
    first = await stub.ListSnapshots(user_service_pb2.ListSnapshotsRequest(page_size=2))
    rest = await stub.ListSnapshots(user_service_pb2.ListSnapshotsRequest(page_size=2, page_token=first.next_page_token))
    snapshots = [*first.snapshots, *rest.snapshots]
    assert [snapshot.user for snapshot in snapshots] == [deleted, *users[1:]]
    assert {snapshot.epoch for snapshot in snapshots} == {3}
    assert snapshots[0].birthday_known_time == users[0].create_time
    assert not snapshots[0].HasField("anniversary_known_time")
    assert rest.next_page_token == ""


async def test_snapshots_of_some_users(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada())
    found = await stub.ListSnapshots(user_service_pb2.ListSnapshotsRequest(ids=[STRANGER, user.id]))
    assert [snapshot.user for snapshot in found.snapshots] == [user]
    code, _, violations = await refusal(stub.ListSnapshots(user_service_pb2.ListSnapshotsRequest(ids=[user.id, "x"])))
    assert (code, violations[0][0]) == ("INVALID_ARGUMENT", "ids[1]")


async def test_without_the_store_calls_are_unavailable(stub: Stub, store: MemoryUserStore, ada: Callable[..., user_pb2.User]) -> None:
    store.is_down = True
    for call in (create(stub, ada()), stub.ListUsers(user_service_pb2.ListUsersRequest())):
        code, message, _ = await refusal(call)
        assert (code, message) == ("UNAVAILABLE", "A part that is needed does not answer: try again shortly.")


async def test_what_is_refused_is_not_logged_with_the_person(
    stub: Stub, ada: Callable[..., user_pb2.User], capsys: pytest.CaptureFixture[str]
) -> None:
    await create(stub, ada())
    for bad in (ada(), ada(birthday="2090-01-01"), ada(first_name="Lovelace\0"), ada(email="ada@example")):
        await refusal(create(stub, bad))
    logged = "".join(capsys.readouterr())
    assert not [said for said in ("Ada", "Lovelace", "ada@", "1990-12-10", "2090") if said in logged]


async def test_of_a_thousand_unknown_fields_some_are_named(stub: Stub, ada: Callable[..., user_pb2.User]) -> None:
    user = await create(stub, ada())
    _, _, violations = await refusal(update(stub, ada(id=user.id), *(f"field_{number}" for number in range(1000))))
    assert len(violations) == 10
