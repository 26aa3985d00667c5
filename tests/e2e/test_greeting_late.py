"""A date that becomes known on its day, after the send time, is greeted at once."""

import pytest

from e2e.world import World, eventually, years_since_joining


def test_a_greeting_goes_from_rest_to_the_provider(world: World) -> None:
    place = world.sky.past("anniversary")
    user = world.create_at(place)
    message = world.message(user, "SENT")
    assert (message["kind"], message["localDate"], message["timezone"]) == ("anniversary", place.today.isoformat(), place.timezone)
    assert (message["variant"], message["provider"], message["attemptCount"]) == ("on_the_day", "http_email", 1)
    assert message["latenessSeconds"] > 0
    [letter] = world.provider.letters(user["email"])
    assert (letter["key"], letter["message_id"], letter["calls"]) == (message["id"], message["providerMessageId"], 1)
    years = years_since_joining(place.today)
    assert letter["message"] == f"Hey, {user['firstName']} {user['lastName']} it's your work anniversary! {years} years with us!"


def test_its_delivery_tells_how_it_was_sent(world: World) -> None:
    user = world.create_at(world.sky.past("anniversary"))
    message = world.message(user, "SENT")
    delivery = world.delivery(message)
    assert (delivery["state"], delivery["userId"], delivery["attemptCount"]) == ("SENT", user["id"], 1)
    assert delivery["providerMessageId"] == message["providerMessageId"]
    assert world.api.ok("GET", "/api/v1/deliveries", userId=user["id"], state="SENT")["deliveries"][0]["id"] == message["id"]


@pytest.mark.parametrize("name", ["{{ 7 * 7 }}", "{% for x in y %}", "<b>Ada</b>", "O'Neill & Søn", "%s %(email)s", "$(id)"])
def test_a_name_is_plain_text_whatever_it_looks_like(world: World, name: str) -> None:
    user = world.create_at(world.sky.past("anniversary"), lastName=name)
    world.message(user, "SENT")
    [text] = world.provider.greetings(user["email"])
    assert text.startswith(f"Hey, {user['firstName']} {name} it's your work anniversary!")


def test_what_is_with_the_provider_shows_as_sending(world: World) -> None:
    provider = world.mesh.simulator.process
    provider.pause()  # It takes the call and does not answer; we wait for it for ten seconds.
    try:
        user = world.create_at(world.sky.past("anniversary"))
        sending = eventually(lambda: world.api.ok("GET", "/api/v1/deliveries", userId=user["id"])["deliveries"], "the delivery")
    finally:
        provider.resume()
    assert (sending[0]["state"], "leaseEndTime" in sending[0], sending[0]["attemptCount"]) == ("CLAIMED", True, 0)
    world.message(user, "SENT")


def test_the_text_is_in_the_persons_language(world: World) -> None:
    texts = {}
    for locale in ("de-AT", "pt-BR", "tlh"):
        user = world.create_at(world.sky.past("anniversary"), locale=locale)
        world.message(user, "SENT")
        [texts[locale]] = world.provider.greetings(user["email"])
    assert len(set(texts.values())) == 3
    assert "it's your work anniversary!" in texts["tlh"]  # Klingon is not among the texts: English stands in.
