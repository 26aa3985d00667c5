"""REST as a caller sees it: the gateway's binary before user-service's own code, which keeps its users in memory."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from uuid_utils.compat import uuid7

from backing.ports import free_port
from backing.process import Process
from heyday.user.v1 import user_service_pb2_grpc
from occasions import registry
from servicekit.clock import SystemClock
from servicekit.grpc_server import GrpcServer
from servicekit.readiness import Readiness
from servicekit.settings import Environment, ServiceSettings
from servicekit.testing import wait_until
from user_service.adapters.memory import MemoryUserCache, MemoryUserStore
from user_service.service import UserService
from user_service.servicer import UserServicer

GATEWAY = Path(__file__).parents[3] / ".build" / "gateway"
KARI = {
    "firstName": "Kari",
    "lastName": "Nordmann",
    "email": "kari@example.com",
    "timezone": "Europe/Oslo",
    "birthday": "1990-12-30",
    "externalId": "hr-1",
}
NOBODY = "01932c07-20a4-7cd1-8000-2b1f4a5e6d7c"
USERS = "/api/v1/users"


@pytest_asyncio.fixture
async def user_service() -> AsyncIterator[str]:
    clock = SystemClock()
    service = UserService(MemoryUserStore(clock), MemoryUserCache(), clock, registry.discover(), new_id=uuid7, committed=lambda: None)
    register = partial(user_service_pb2_grpc.add_UserServiceServicer_to_server, UserServicer(service, epoch=0))
    settings = ServiceSettings(environment=Environment.TEST, grpc_address="127.0.0.1:0", shutdown_grace_seconds=0.1)
    server = GrpcServer(settings, [register], readiness=Readiness())
    await server.start()
    yield f"dns:///127.0.0.1:{server.port}"
    await server.stop()


@pytest_asyncio.fixture
async def rest(user_service: str, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    assert GATEWAY.exists(), "Build the gateway first: make gateway."
    public = f"127.0.0.1:{free_port()}"
    process = Process("gateway", [str(GATEWAY)], tmp_path / "gateway.log")
    process.environment = {
        "ENVIRONMENT": "test",
        "HTTP_ADDRESS": public,
        "INTERNAL_ADDRESS": f"127.0.0.1:{free_port()}",
        "USER_SERVICE_TARGET": user_service,
        "RATE_LIMIT_PER_MINUTE": "0",
    }
    process.start()
    async with aiohttp.ClientSession(f"http://{public}") as session:
        await wait_until(partial(is_ready, session), timeout_seconds=10, what="the gateway")
        yield session
    process.stop()


async def is_ready(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/health/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


async def call(rest: aiohttp.ClientSession, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with rest.request(method, path, json=body, headers=named) as response:
        return response.status, await response.json()


def mistakes(problem: dict[str, Any]) -> dict[str, str]:
    return {
        violation["field"]: violation["description"]
        for detail in problem["details"]
        if detail["@type"].endswith("BadRequest")
        for violation in detail["fieldViolations"]
    }


async def test_a_user_comes_back_as_given(rest: aiohttp.ClientSession) -> None:
    status, made = await call(rest, "POST", USERS, KARI)
    assert status == 200
    assert KARI.items() <= made.items()
    assert (made["version"], made["leapDayRule"], made["locale"], made["suppressedOccasions"]) == (1, "FEB_28", "en", [])
    assert await call(rest, "GET", f"{USERS}/{made['id']}") == (200, made)
    assert await call(rest, "GET", f"{USERS}?externalId=hr-1") == (200, {"users": [made], "nextPageToken": ""})


async def test_a_patch_changes_only_what_it_names(rest: aiohttp.ClientSession) -> None:
    _, made = await call(rest, "POST", USERS, KARI)
    path = f"{USERS}/{made['id']}"
    status, changed = await call(rest, "PATCH", path, {"birthday": "", "lastName": "Hansen"})
    assert (status, changed["birthday"], changed["lastName"], changed["email"]) == (200, "", "Hansen", KARI["email"])
    status, masked = await call(rest, "PATCH", f"{path}?updateMask=lastName", {"lastName": "Li", "email": "ignored@example.com"})
    assert (status, masked["lastName"], masked["email"], masked["version"]) == (200, "Li", KARI["email"], 3)


async def test_a_user_can_be_sent_back_as_it_came(rest: aiohttp.ClientSession) -> None:
    _, made = await call(rest, "POST", USERS, KARI)
    for method in ("PATCH", "PUT"):
        status, changed = await call(rest, method, f"{USERS}/{made['id']}", {**made, "locale": "nb", "version": 0})
        assert (status, changed["locale"], changed["id"]) == (200, "nb", made["id"])


async def test_a_stale_version_is_refused(rest: aiohttp.ClientSession) -> None:
    _, made = await call(rest, "POST", USERS, KARI)
    path = f"{USERS}/{made['id']}"
    assert (await call(rest, "PATCH", path, {"locale": "nb"}, If_Match='"1"'))[0] == 200
    status, problem = await call(rest, "PATCH", path, {"locale": "de"}, If_Match='"1"')
    assert (status, problem["code"]) == (412, 10)
    status, problem = await call(rest, "PATCH", path, {"locale": "de", "version": 1})
    assert (status, problem["code"]) == (409, 10)
    assert (await call(rest, "DELETE", f"{path}?version=1"))[0] == 409


async def test_two_mistakes_are_told_together_in_the_callers_spelling(rest: aiohttp.ClientSession) -> None:
    status, problem = await call(rest, "POST", USERS, {**KARI, "firstName": "", "timezone": "Europe/Olso"})
    told = mistakes(problem)
    assert (status, problem["code"], set(told)) == (400, 3, {"firstName", "timezone"})
    assert "Europe/Oslo" in told["timezone"]


async def test_a_taken_address_names_its_field(rest: aiohttp.ClientSession) -> None:
    await call(rest, "POST", USERS, KARI)
    status, problem = await call(rest, "POST", USERS, {**KARI, "email": "KARI@example.com", "externalId": "hr-2"})
    assert (status, problem["code"]) == (409, 6)
    assert [detail["metadata"]["field"] for detail in problem["details"] if "metadata" in detail] == ["email"]


async def test_an_idempotency_key_makes_one_user(rest: aiohttp.ClientSession) -> None:
    first = await call(rest, "POST", USERS, KARI, Idempotency_Key="import-1")
    assert await call(rest, "POST", USERS, KARI, Idempotency_Key="import-1") == first
    _, listed = await call(rest, "GET", USERS)
    assert len(listed["users"]) == 1


async def test_delete_and_restore(rest: aiohttp.ClientSession) -> None:
    _, made = await call(rest, "POST", USERS, KARI)
    path = f"{USERS}/{made['id']}"
    status, deleted = await call(rest, "DELETE", path)
    assert (status, "deleteTime" in deleted) == (200, True)
    assert (await call(rest, "GET", USERS))[1]["users"] == []
    assert len((await call(rest, "GET", f"{USERS}?showDeleted=true"))[1]["users"]) == 1
    status, restored = await call(rest, "POST", f"{path}:restore")
    assert (status, "deleteTime" in restored) == (200, False)


@pytest.mark.parametrize(("path", "expected"), [(f"{USERS}/{NOBODY}", 404), (f"{USERS}/7", 400), (f"{USERS}?pageToken=x", 400)])
async def test_what_is_not_there(rest: aiohttp.ClientSession, path: str, expected: int) -> None:
    status, problem = await call(rest, "GET", path)
    assert status == expected
    assert problem["message"]


async def test_pages_follow_each_other(rest: aiohttp.ClientSession) -> None:
    for number in range(5):
        await call(rest, "POST", USERS, {**KARI, "email": f"{number}@example.com", "externalId": f"hr-{number}"})
    seen: list[str] = []
    token = ""
    for _ in range(3):
        _, page = await call(rest, "GET", f"{USERS}?pageSize=2&pageToken={token}")
        seen += [user["externalId"] for user in page["users"]]
        token = page["nextPageToken"]
    assert (seen, token) == ([f"hr-{number}" for number in range(5)], "")
