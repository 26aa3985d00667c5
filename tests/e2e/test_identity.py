"""A gateway that wants to know who calls, tried on one started beside the mesh's own."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from secrets import token_urlsafe

import pytest

from e2e.gateways import beside
from e2e.issuer import Issuer, issuing
from e2e.openapi import Contract
from e2e.rest import Answer, Api
from e2e.world import USERS, World, eventually, somebody

_READER, _IMPORTER, _NEWCOMER = (token_urlsafe(32) for _ in range(3))
_RUN = "/api/v1/jobs/recover:run"
_NAME = "gateway-with-identity"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("identity") / "api-keys"
    file.write_text(_line("reader", _READER, "read") + _line("importer", _IMPORTER, "read,write"))
    return file


@pytest.fixture(scope="module")
def guarded(world: World, issuer: Issuer, keys_file: Path) -> Iterator[Api]:
    contract = Contract(world.api.call("GET", "/openapi.json").json)
    settings = {
        "IDENTITY_API_KEYS_FILE": str(keys_file),
        "IDENTITY_JWKS_URL": issuer.url,
        "IDENTITY_ISSUER": issuer.url,
        "IDENTITY_AUDIENCE": "heyday",
    }
    with beside(world.mesh, _NAME, **settings) as gateway:
        yield Api(gateway.url, contract)


def test_nobody_calls_unknown(guarded: Api) -> None:
    answer = guarded.call("GET", USERS)
    assert (answer.status, answer.reason, answer.json["code"]) == (401, "CREDENTIALS_MISSING", 16)
    assert 'realm="heyday"' in answer.headers["www-authenticate"]
    assert _with_key(guarded, "GET", USERS, "made up").reason == "API_KEY_UNKNOWN"


def test_a_key_that_reads_does_not_write(guarded: Api, world: World) -> None:
    assert _with_key(guarded, "GET", USERS, _READER).status == 200
    person = somebody()
    answer = _with_key(guarded, "POST", USERS, _READER, person)
    assert (answer.status, answer.reason, answer.metadata) == (403, "ROLE_MISSING", {"role": "write"})
    assert world.api.ok("GET", USERS, email=person["email"])["users"] == []


def test_a_key_that_writes_does_not_run_jobs(guarded: Api) -> None:
    assert _with_key(guarded, "POST", USERS, _IMPORTER, somebody()).status == 200
    assert _with_key(guarded, "POST", _RUN, _IMPORTER, {}).metadata == {"role": "operate"}


def test_a_token_does_what_its_roles_allow(guarded: Api, issuer: Issuer) -> None:
    operator = issuer.token("kari", "operate", "something-elsewhere")
    assert _with_token(guarded, "POST", _RUN, operator, {}).status == 200
    assert _with_token(guarded, "GET", USERS, operator).metadata == {"role": "read"}


def test_a_token_is_refused_with_the_reason(guarded: Api, issuer: Issuer) -> None:
    expired, right = issuer.token("kari", "read", seconds=-60), issuer.token("kari", "read")
    forged = Issuer(issuer.url).token("kari", "read")
    header, claims, _ = right.split(".")
    reasons = [_with_token(guarded, "GET", USERS, token).reason for token in (expired, forged, f"{header}.{claims}.", "kari")]
    assert reasons == ["TOKEN_EXPIRED", "TOKEN_SIGNATURE_INVALID", "TOKEN_SIGNATURE_INVALID", "TOKEN_MALFORMED"]
    assert _with_token(guarded, "GET", USERS, right).status == 200


def test_a_new_key_is_taken_in_and_an_old_one_goes(guarded: Api, keys_file: Path) -> None:
    before = keys_file.read_text()
    keys_file.write_text(_line("newcomer", _NEWCOMER, "read"))
    eventually(lambda: _with_key(guarded, "GET", USERS, _NEWCOMER).status == 200, "the new key")
    assert _with_key(guarded, "GET", USERS, _READER).status == 401
    keys_file.write_text(before)
    eventually(lambda: _with_key(guarded, "GET", USERS, _READER).status == 200, "the old key")


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/openapi.json", "/docs/"])
def test_health_and_the_description_are_for_everybody(guarded: Api, path: str) -> None:
    assert guarded.call("GET", path).status == 200


def test_no_secret_is_logged(guarded: Api, world: World, issuer: Issuer) -> None:
    token = issuer.token("kari.nordmann", "read")
    assert _with_token(guarded, "GET", USERS, token).status == 200
    assert _with_key(guarded, "GET", USERS, _READER).status == 200
    log = (world.mesh.logs / f"{_NAME}.log").read_text()
    assert '"status":401' in log
    assert not [secret for secret in (_READER, _IMPORTER, "kari.nordmann", *token.split(".")) if secret in log]


def _line(name: str, key: str, roles: str) -> str:
    return f"{name} {hashlib.sha256(key.encode()).hexdigest()} {roles}\n"


def _with_key(api: Api, method: str, path: str, key: str, body: object = None) -> Answer:
    return api.call(method, path, body, headers={"X-Api-Key": key})


def _with_token(api: Api, method: str, path: str, token: str, body: object = None) -> Answer:
    return api.call(method, path, body, headers={"Authorization": f"Bearer {token}"})
