"""A date that becomes known on its day, after the send time, is greeted at once."""

from e2e.world import World, years_since_joining


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
