"""Users over REST on real servers: conflicts, versions, request ids, lists."""

from typing import Any

import pytest

from e2e.rest import Api
from e2e.world import USERS, User, World, somebody

_NOBODY = "01932c07-20a4-7cd1-8000-2b1f4a5e6d7c"


def path(user: User) -> str:
    return f"{USERS}/{user['id']}"


def test_a_user_lives_through_every_call(api: Api) -> None:
    user = api.ok("POST", USERS, somebody(birthday="1990-12-30"))
    assert (user["version"], user["leapDayRule"], user["locale"], user["suppressedOccasions"]) == (1, "FEB_28", "en", [])
    assert user["createTime"] == user["updateTime"]
    changed = api.ok("PATCH", path(user), {"lastName": "Rasmussen", "birthday": ""})
    assert (changed["lastName"], changed["birthday"], changed["email"], changed["version"]) == ("Rasmussen", "", user["email"], 2)
    replaced = api.ok("PUT", path(user), somebody(email=user["email"]))
    assert (replaced["id"], replaced["version"], replaced["firstName"] != user["firstName"]) == (user["id"], 3, True)
    deleted = api.ok("DELETE", path(user))
    assert (deleted["version"], "deleteTime" in deleted) == (4, True)
    assert api.ok("GET", path(user)) == deleted
    restored = api.ok("POST", f"{path(user)}:restore", {})
    assert (restored["version"], "deleteTime" in restored) == (5, False)


def test_what_changes_nothing_makes_no_version(api: Api) -> None:
    user = api.ok("POST", USERS, somebody())
    assert api.ok("PATCH", path(user), {"email": user["email"]}) == user
    deleted = api.ok("DELETE", path(user))
    assert api.ok("DELETE", path(user)) == deleted
    restored = api.ok("POST", f"{path(user)}:restore", {})
    assert api.ok("POST", f"{path(user)}:restore", {}) == restored


def test_a_mask_changes_only_what_it_names(api: Api) -> None:
    user = api.ok("POST", USERS, somebody(birthday="1990-12-30"))
    changed = api.ok("PATCH", path(user), {"lastName": "Rasmussen", "email": "ignored@example.com"}, updateMask="lastName,birthday")
    assert (changed["lastName"], changed["birthday"], changed["email"]) == ("Rasmussen", "", user["email"])


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("PATCH", ""), ("PUT", ""), ("DELETE", ""), ("POST", ":restore")])
def test_a_user_who_is_not_there(api: Api, method: str, suffix: str) -> None:
    body = {"PATCH": {"locale": "nb"}, "PUT": somebody(), "POST": {}}.get(method)
    answer = api.call(method, f"{USERS}/{_NOBODY}{suffix}", body)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (404, 5, "There is no user of this id.")


def test_nothing_was_done_for_a_user_of_whom_nothing_was_heard(api: Api) -> None:
    assert api.ok("GET", f"{USERS}/{_NOBODY}/replans") == {"replans": [], "nextPageToken": ""}


@pytest.mark.parametrize("field", ["email", "externalId"])
def test_what_belongs_to_another_is_refused_and_named(api: Api, field: str) -> None:
    owner = api.ok("POST", USERS, somebody(externalId=somebody()["email"]))
    wanted = owner[field].upper() if field == "email" else owner[field]
    answer = api.call("POST", USERS, somebody(**{field: wanted}))
    assert (answer.status, answer.json["code"], answer.metadata["field"]) == (409, 6, field)
    assert answer.json["message"] == {"email": "Another user has this email.", "externalId": "Another user has this external id."}[field]
    other = api.ok("POST", USERS, somebody())
    assert api.call("PATCH", path(other), {field: wanted}).status == 409
    assert api.ok("GET", path(other)) == other


def test_an_address_is_free_again_once_its_user_is_deleted(api: Api) -> None:
    gone = api.ok("POST", USERS, somebody())
    api.ok("DELETE", path(gone))
    taker = api.ok("POST", USERS, somebody(email=gone["email"].upper()))
    answer = api.call("POST", f"{path(gone)}:restore", {})
    assert (answer.status, answer.json["code"], answer.metadata["field"]) == (409, 6, "email")
    api.ok("DELETE", path(taker))
    api.ok("POST", f"{path(gone)}:restore", {})


def test_what_belongs_to_two_others_is_refused_and_both_are_named(api: Api) -> None:
    wanted = somebody(externalId=somebody()["email"])
    gone = api.ok("POST", USERS, wanted)
    api.ok("DELETE", path(gone))
    api.ok("POST", USERS, somebody(email=wanted["email"]))
    api.ok("POST", USERS, somebody(externalId=wanted["externalId"]))
    for answer in (api.call("POST", USERS, wanted), api.call("POST", f"{path(gone)}:restore", {})):
        assert (answer.status, answer.json["code"], answer.metadata["field"]) == (409, 6, "email,externalId")
        assert answer.json["message"] == "Other users have this email and this external id."


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_stale_version_is_refused(api: Api, method: str) -> None:
    user = api.ok("POST", USERS, somebody())
    current = api.ok("PATCH", path(user), {"locale": "nb"})
    query: dict[str, Any] = {"version": 1} if method == "DELETE" else {}
    body = None if method == "DELETE" else {**somebody(), "version": 1}
    answer = api.call(method, path(user), body, **query)
    assert (answer.status, answer.json["code"]) == (409, 10)
    assert answer.json["message"] == "The user is at version 2, not 1: read it again and repeat the change."
    assert api.ok("GET", path(user)) == current


def test_an_etag_guards_and_spares(api: Api) -> None:
    user = api.ok("POST", USERS, somebody())
    read = api.call("GET", path(user))
    assert read.headers["etag"] == '"1"'
    again = api.call("GET", path(user), headers={"If-None-Match": '"1"'})
    assert (again.status, again.content) == (304, b"")
    assert api.call("PATCH", path(user), {"locale": "nb"}, headers={"If-Match": '"1"'}).status == 200
    stale = api.call("PATCH", path(user), {"locale": "de"}, headers={"If-Match": '"1"'})
    assert (stale.status, stale.json["code"]) == (412, 10)
    assert api.call("GET", path(user), headers={"If-None-Match": '"1"'}).json["locale"] == "nb"


def test_a_request_id_makes_one_user(api: Api) -> None:
    person, key = somebody(), {"Idempotency-Key": somebody()["email"]}
    first = api.call("POST", USERS, person, headers=key)
    api.ok("PATCH", path(first.json), {"locale": "nb"})
    again = api.call("POST", USERS, person, headers=key)
    assert (again.status, again.json) == (200, first.json)
    assert len(api.ok("GET", USERS, email=person["email"])["users"]) == 1


def test_a_request_id_is_for_one_request(api: Api) -> None:
    key = {"Idempotency-Key": somebody()["email"]}
    api.call("POST", USERS, somebody(), headers=key)
    answer = api.call("POST", USERS, somebody(), headers=key)
    assert (answer.status, answer.json["message"]) == (400, "This request id was used for another request: choose a new one.")


@pytest.fixture(scope="module")
def crowd(world: World) -> list[User]:
    """Five people of a zone nobody else uses."""
    shared: dict[str, Any] = {"timezone": "Antarctica/Troll", "birthday": "1990-06-17"}
    people = [world.create(**shared, externalId=f"crowd-{number}") for number in range(4)]
    return [*people, world.create(**{**shared, "birthday": "1990-06-18", "anniversary": "--06-17"})]


def test_pages_follow_each_other_without_gap_or_repeat(api: Api, crowd: list[User]) -> None:
    assert list(api.all(USERS, "users", timezone="Antarctica/Troll", pageSize=2)) == crowd


def test_lists_are_filtered(api: Api, crowd: list[User]) -> None:
    zone = {"timezone": "Antarctica/Troll"}
    assert api.ok("GET", USERS, **zone, occasionDay="--06-17")["users"] == crowd
    assert api.ok("GET", USERS, **zone, occasionDay="--06-17", occasion="birthday")["users"] == crowd[:4]
    assert api.ok("GET", USERS, **zone, occasionDay="--06-18")["users"] == crowd[4:]
    assert api.ok("GET", USERS, externalId="crowd-2")["users"] == crowd[2:3]
    assert api.ok("GET", USERS, email=crowd[3]["email"].upper())["users"] == crowd[3:4]
    assert api.ok("GET", USERS, email="nobody.at.all@example.com") == {"users": [], "nextPageToken": ""}


def test_deleted_users_are_listed_only_on_request(api: Api) -> None:
    user = api.ok("POST", USERS, somebody())
    api.ok("DELETE", path(user))
    assert api.ok("GET", USERS, email=user["email"])["users"] == []
    assert [found["id"] for found in api.ok("GET", USERS, email=user["email"], showDeleted="true")["users"]] == [user["id"]]


@pytest.mark.parametrize(
    ("query", "field", "sentence"),
    [
        ({"timezone": "Europe/Olso"}, "timezone", '"Europe/Olso" is not a known time zone: did you mean Europe/Oslo?'),
        ({"occasionDay": "1990-06-17"}, "occasionDay", "1990-06-17 has a year: a day of the year is written --06-17."),
        ({"occasionDay": "--06-31"}, "occasionDay", "--06-31 does not exist: June has the days 01 to 30."),
        ({"occasion": "birthday"}, "occasion", "An occasion is looked for on a day: give occasionDay too."),
        (
            {"occasionDay": "--06-17", "occasion": "birtday"},
            "occasion",
            '"birtday" is no kind of occasion: did you mean birthday?',
        ),
        ({"pageSize": "-1"}, "pageSize", "The page size is -1: it goes from 1 to 1000, 0 means 50."),
        ({"pageSize": "many"}, "pageSize", '"pageSize" is not a number; it must be a whole number from -2147483648 to 2147483647.'),
        ({"showDeleted": "perhaps"}, "showDeleted", '"showDeleted" must be true or false.'),
        ({"timzone": "Europe/Oslo"}, "timzone", '"timzone" is not a parameter of this call; did you mean "timezone"?'),
    ],
)
def test_a_filter_that_breaks_a_rule_is_refused(api: Api, query: dict[str, Any], field: str, sentence: str) -> None:
    answer = api.call("GET", USERS, **query)
    assert (answer.status, answer.json["code"], answer.violations) == (400, 3, {field: sentence})


def test_a_page_token_belongs_to_its_list(api: Api, crowd: list[User]) -> None:
    token = api.ok("GET", USERS, timezone="Antarctica/Troll", pageSize=2)["nextPageToken"]
    for wrong in ({"timezone": "Europe/Oslo", "pageToken": token}, {"pageToken": "not-a-token"}, {"pageToken": "AAAA"}):
        answer = api.call("GET", USERS, **wrong)
        assert (answer.status, set(answer.violations)) == (400, {"pageToken"})
        assert "use the nextPageToken of a response to the same filters" in answer.json["message"]
