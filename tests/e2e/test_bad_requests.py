"""What is no proper request gets a proper answer: a status, a google.rpc.Status with a sentence, and nothing is stored."""

import json
from typing import Any

import pytest

from e2e.rest import Api, segment
from e2e.world import USERS, somebody

_JSON = {"Content-Type": "application/json"}
_NOBODY = "01932c07-20a4-7cd1-8000-2b1f4a5e6d7c"
_NO_MESSAGE = "20301230-1c2d-8e3f-8a4b-5c6d7e8f9a0b"
_INSIDES = ("Traceback", "psycopg", "SELECT ", "sqlalchemy", ".py", "grpc::", "goroutine")


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        pytest.param(b"", 400, "The body is empty; it must be a JSON object.", id="empty"),
        pytest.param(b"{", 400, "The body is not valid JSON: it ends too early.", id="broken off"),
        pytest.param(b'{"firstName": "Ada",}', 400, "The body is not valid JSON: it breaks at line 1, column 21.", id="trailing comma"),
        pytest.param(b'{"firstName": Ada}', 400, "The body is not valid JSON: it breaks at line 1, column 15.", id="no quotes"),
        pytest.param(b"[]", 400, "The body must be a JSON object, not a list.", id="list"),
        pytest.param(b'"Ada"', 400, "The body must be a JSON object, not a string.", id="string"),
        pytest.param(b"null", 400, "The body must be a JSON object, not null.", id="null"),
        pytest.param(b"{} {}", 400, "The body goes on after its JSON object.", id="two objects"),
        pytest.param(b'{"firstName": "\xff"}', 400, "The body is not valid UTF-8.", id="not UTF-8"),
        pytest.param(b'{"firstName": "' + b"x" * (1 << 20) + b'"}', 413, "The body is larger than 1048576 bytes.", id="over 1 MiB"),
    ],
)
def test_a_body_that_cannot_be_read(api: Api, body: bytes, status: int, sentence: str) -> None:
    answer = api.send("POST", USERS, body, _JSON)
    assert (answer.status, answer.json["code"], answer.violations) == (status, 3, {"body": sentence})
    assert answer.json["message"] == sentence


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("firstName", 7, '"firstName" must be a string, not a number.'),
        ("firstName", True, '"firstName" must be a string, not a boolean.'),
        ("firstName", ["Ada"], '"firstName" must be a string, not a list.'),
        ("firstName", {"first": "Ada"}, '"firstName" must be a string, not an object.'),
        ("suppressedOccasions", "birthday", '"suppressedOccasions" must be a list, not a string.'),
        ("version", "many", '"version" is not a number; it must be a whole number from -2147483648 to 2147483647.'),
        ("version", 1.5, '"version" must be a whole number from -2147483648 to 2147483647.'),
        ("version", 1 << 40, '"version" must be a whole number from -2147483648 to 2147483647.'),
        ("leapDayRule", 9, '"leapDayRule" must be one of FEB_28, MAR_1, LEAP_YEARS_ONLY.'),
        ("firstNme", "Ada", '"firstNme" is not a field; did you mean "firstName"?'),
        ("isAdmin", True, '"isAdmin" is not a field.'),
    ],
)
def test_a_field_of_the_wrong_kind(api: Api, field: str, value: object, sentence: str) -> None:
    person = somebody()
    answer = api.call("POST", USERS, {**person, field: value})
    assert (answer.status, answer.json["code"], answer.violations) == (400, 3, {field: sentence})
    assert api.ok("GET", USERS, email=person["email"])["users"] == []


def test_mistakes_of_form_are_told_together(api: Api) -> None:
    person = {**somebody(), "firstNme": "Ada", "lastName": 7, "leapDayRule": "FEB_29", "suppressedOccasions": "birthday"}
    answer = api.call("POST", USERS, person, page="2")
    assert (answer.status, set(answer.violations)) == (400, {"page", "firstNme", "lastName", "leapDayRule", "suppressedOccasions"})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", USERS, "GET, HEAD, POST"),
        ("POST", f"{USERS}/{_NOBODY}", "DELETE, GET, HEAD, PATCH, PUT"),
        ("GET", f"{USERS}/{_NOBODY}:restore", "POST"),
        ("DELETE", "/api/v1/messages", "GET, HEAD"),
        ("POST", f"/api/v1/deliveries/{_NO_MESSAGE}", "GET, HEAD"),
        ("GET", "/api/v1/jobs/plan:run", "POST"),
    ],
)
def test_a_method_that_the_path_does_not_take(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.call(method, path, {})
    assert (answer.status, answer.json["code"], answer.headers["allow"]) == (405, 12, allowed)
    assert answer.json["message"] == f"This path does not take that method, but {allowed}."


@pytest.mark.parametrize(
    "path", ["/api/v1/user", "/api/v2/users", "/api/v1/users/a/b/c", "/api/v1/", "/", "/admin", "/.env", "//x", "/../", "/docs/x"]
)
def test_a_path_where_nothing_is(api: Api, path: str) -> None:
    answer = api.call("GET", path)
    assert (answer.status, answer.json["code"]) == (404, 5)
    assert answer.json["message"] == "There is nothing at this path; /openapi.json lists what there is."
    assert [(detail["reason"], detail["domain"]) for detail in answer.json["details"] if "reason" in detail] == [("NOT_FOUND", "gateway")]
    assert [detail["requestId"] for detail in answer.json["details"] if "requestId" in detail] == [answer.headers["x-request-id"]]


def test_a_patch_of_nothing(api: Api) -> None:
    answer = api.call("PATCH", f"{USERS}/{_NOBODY}", {})
    assert (answer.status, answer.violations) == (400, {"body": "The body changes nothing: name at least one field."})


@pytest.mark.parametrize("written", ["7", "not-an-id", "{" + _NOBODY + "}", f"urn:uuid:{_NOBODY}", "%27 OR 1=1 --", "é"])
def test_an_id_that_is_none(api: Api, written: str) -> None:
    for path in (USERS, "/api/v1/messages", "/api/v1/deliveries", "/api/v1/deadLetters"):
        answer = api.send("GET", f"{path}/{segment(written)}", None, {})
        assert (answer.status, answer.json["code"], set(answer.violations)) == (400, 3, {"id"}), path


def test_a_null_byte_in_the_path(api: Api) -> None:
    answer = api.send("GET", f"{USERS}/a%00b", None, {})
    assert (answer.status, answer.violations) == (400, {"path": "The path holds a null byte or is not valid UTF-8."})


def test_a_null_byte_in_the_query(api: Api) -> None:
    answer = api.send("GET", f"{USERS}?email=a%00b", None, {})
    assert (answer.status, answer.violations) == (400, {"email": '"email" holds a null byte.'})


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (f"/api/v1/messages/{_NO_MESSAGE}", "There is no such message."),
        (
            f"/api/v1/deliveries/{_NO_MESSAGE}",
            "There is no delivery of this id: its message has not come to be sent, or is older than what is kept.",
        ),
        (
            f"/api/v1/deadLetters/{_NO_MESSAGE}",
            "There is no dead letter of this id: its message was not given up, or is being tried again.",
        ),
        ("/api/v1/jobs/plam", 'There is no job "plam"; the jobs are emit, plan, recover.'),
    ],
)
def test_a_thing_that_is_not_there(api: Api, path: str, sentence: str) -> None:
    answer = api.call("GET", path)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (404, 5, sentence)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/api/v1/messages", {"localDate": "30.12.2026"}, "localDate"),
        ("/api/v1/messages", {"localDate": "2026-02-30"}, "localDate"),
        ("/api/v1/messages", {"state": "LOST"}, "state"),
        ("/api/v1/messages", {"userId": "7"}, "userId"),
        ("/api/v1/messages", {"pageToken": "x"}, "pageToken"),
        ("/api/v1/messages", {"pageSize": "-1"}, "pageSize"),
        ("/api/v1/messages", {"user": _NOBODY}, "user"),
        ("/api/v1/deliveries", {"state": "QUEUED"}, "state"),
        ("/api/v1/deliveries", {"userId": "7"}, "userId"),
        ("/api/v1/deliveries", {"pageToken": "x"}, "pageToken"),
        ("/api/v1/deliveries", {"pageSize": "-1"}, "pageSize"),
        ("/api/v1/deadLetters", {"userId": "7"}, "userId"),
        ("/api/v1/deadLetters", {"pageToken": "x"}, "pageToken"),
        (f"{USERS}/{_NOBODY}/replans", {"pageToken": "x"}, "pageToken"),
        (f"{USERS}/7/replans", {}, "userId"),
    ],
)
def test_a_filter_that_makes_no_sense(api: Api, path: str, query: dict[str, Any], field: str) -> None:
    answer = api.call("GET", path, **query)
    assert (answer.status, answer.json["code"], set(answer.violations)) == (400, 3, {field})
    assert answer.violations[field].endswith((".", "?"))


@pytest.mark.parametrize(
    ("path", "query", "fields"),
    [
        (USERS, {"pageSize": "-1", "timezone": "Foo"}, {"pageSize", "timezone"}),
        ("/api/v1/messages", {"userId": "7", "localDate": "x"}, {"userId", "localDate"}),
        ("/api/v1/messages", {"userId": "7", "pageSize": "-1"}, {"userId", "pageSize"}),
        ("/api/v1/deliveries", {"userId": "7", "pageSize": "-1"}, {"userId", "pageSize"}),
        ("/api/v1/deadLetters", {"userId": "7", "pageSize": "-1"}, {"userId", "pageSize"}),
        (f"{USERS}/7/replans", {"pageSize": "-1"}, {"userId", "pageSize"}),
    ],
)
def test_two_mistakes_of_a_list_are_told_together(api: Api, path: str, query: dict[str, Any], fields: set[str]) -> None:
    answer = api.call("GET", path, **query)
    assert (answer.status, answer.json["code"], set(answer.violations)) == (400, 3, fields)
    assert all(sentence in answer.json["message"] for sentence in answer.violations.values())


@pytest.mark.parametrize(
    ("path", "query", "sentence"),
    [
        ("/api/v1/messages", {"localDate": "2026-02-30"}, "2026-02-30 does not exist: February has the days 01 to 28."),
        ("/api/v1/messages", {"localDate": "30.12.2026"}, "The local date is written YYYY-MM-DD, such as 2026-12-30."),
        ("/api/v1/messages", {"userId": "7"}, f"This is not the id of a user: one looks like {_NOBODY}."),
        ("/api/v1/deliveries", {"userId": "7"}, f"This is not the id of a user: one looks like {_NOBODY}."),
        ("/api/v1/deadLetters", {"userId": "7"}, f"This is not the id of a user: one looks like {_NOBODY}."),
    ],
)
def test_a_filter_is_refused_in_words(api: Api, path: str, query: dict[str, Any], sentence: str) -> None:
    assert api.call("GET", path, **query).violations == dict.fromkeys(query, sentence)


def test_a_body_of_another_kind(api: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml"):
        answer = api.call("POST", USERS, somebody(), headers={"Content-Type": kind})
        assert (answer.status, answer.json["code"]) == (415, 3)
        assert "must be plain JSON: Content-Type: application/json" in answer.json["message"]


def test_headers_beyond_the_limit(api: Api) -> None:
    answer = api.call("GET", USERS, headers={"X-Padding": "x" * 20_000})
    assert (answer.status, answer.json["message"]) == (431, "The headers are larger than 16384 bytes.")


def test_a_body_of_unknown_length_over_the_limit(api: Api) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = api.send("POST", USERS, chunk * 17 + b"0\r\n\r\n", {**_JSON, "Transfer-Encoding": "chunked"})
    assert answer.status == 413


def test_a_bad_request_id(api: Api) -> None:
    answer = api.call("POST", USERS, somebody(), headers={"Idempotency-Key": "x" * 129})
    wanted = {"Idempotency-Key": "Idempotency-Key must have at most 128 printable ASCII characters."}
    assert (answer.status, answer.violations) == (400, wanted)


@pytest.mark.parametrize(
    ("tag", "version", "sentence"),
    [
        ("seven", None, 'If-Match must be one ETag of a user, such as "7".'),
        ('"1"', 2, "If-Match and the version of the request differ: send one of them."),
    ],
)
def test_a_bad_if_match(api: Api, tag: str, version: int | None, sentence: str) -> None:
    user = api.ok("POST", USERS, somebody())
    change = {"locale": "nb", **({"version": version} if version else {})}
    answer = api.call("PATCH", f"{USERS}/{user['id']}", change, headers={"If-Match": tag})
    assert (answer.status, answer.violations) == (400, {"If-Match": sentence})
    assert api.ok("GET", f"{USERS}/{user['id']}") == user


def test_a_deeply_nested_body(api: Api) -> None:
    nested = json.dumps("x")
    for _ in range(2000):
        nested = f"[{nested}]"
    answer = api.send("POST", USERS, f'{{"firstName": {nested}}}'.encode(), _JSON)
    assert (answer.status, answer.json["code"]) == (400, 3)


def test_no_answer_tells_of_our_insides(api: Api) -> None:
    for path in (f"{USERS}/'", f"{USERS}/{_NOBODY}", "/api/v1/messages?localDate=x", "/api/v1/jobs/x%27", "/nowhere"):
        content = api.send("GET", path, None, {}).content.decode()
        assert not any(inside in content for inside in _INSIDES), content
