"""The document lists every public call, and nothing else; the pages are served by us."""

import pytest

from backing.mesh import Mesh
from e2e.openapi import Contract
from e2e.rest import Api
from e2e.world import World

_PUBLIC = {
    "POST /api/v1/users",
    "GET /api/v1/users",
    "GET /api/v1/users/{id}",
    "PATCH /api/v1/users/{id}",
    "PUT /api/v1/users/{id}",
    "DELETE /api/v1/users/{id}",
    "POST /api/v1/users/{id}:restore",
    "GET /api/v1/users/{userId}/replans",
    "GET /api/v1/messages",
    "GET /api/v1/messages/{id}",
    "GET /api/v1/jobs",
    "GET /api/v1/jobs/{id}",
    "POST /api/v1/jobs/{id}:run",
    "GET /api/v1/deliveries",
    "GET /api/v1/deliveries/{id}",
    "GET /api/v1/deadLetters",
    "GET /api/v1/deadLetters/{id}",
}
_NOT_PUBLIC = (
    "/heyday.user.v1.UserService/ListSnapshots",
    "/heyday.scheduler.v1.SchedulerService/ReplayMessages",
    "/heyday.dispatcher.v1.DispatcherService/Dispatch",
    "/heyday.user.v1.UserService/CreateUser",
    "/heyday.status.v1.StatusService/GetStatus",
    "/metrics",
    "/health/detailed",
    "/debug/pprof/",
)


def test_every_public_call_is_listed(api: Api) -> None:
    assert Contract(api.call("GET", "/openapi.json").json).calls == _PUBLIC


def test_every_call_is_described_with_its_errors(api: Api) -> None:
    document = api.call("GET", "/openapi.json").json
    for path, methods in document["paths"].items():
        for method, call in methods.items():
            assert call["summary"], f"{method} {path}"
            assert {"200", "400", "401", "403", "429", "500", "503", "default"} <= set(call["responses"]), f"{method} {path}"
            for parameter in call.get("parameters", []):
                assert parameter["in"] == "body" or parameter.get("description"), f"{method} {path}: {parameter['name']}"


@pytest.mark.parametrize("path", _NOT_PUBLIC)
def test_what_is_internal_is_not_served_outside(api: Api, path: str) -> None:
    assert api.call("GET", path).status == 404
    assert api.call("POST", path, {}).status in (404, 405)


def test_the_page_comes_from_here(api: Api) -> None:
    page = api.call("GET", "/docs/")
    assert (page.status, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    assert b"//cdn" not in page.content
    assert b"https://" not in page.content


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_health_is_served_to_all_and_tells_little(api: Api, path: str) -> None:
    answer = api.call("GET", path)
    assert (answer.status, answer.json) == (200, {"status": "SERVING"})


def test_the_internal_port_serves_metrics_and_no_calls(mesh: Mesh, world: World) -> None:
    inside = Api(mesh.internal_url)
    assert b"gateway_backend_up" in inside.call("GET", "/metrics").content
    assert inside.call("GET", "/api/v1/users").status == 404
