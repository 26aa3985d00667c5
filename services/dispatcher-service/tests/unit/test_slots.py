"""A bound on what is in flight that loses no slot, whatever becomes of those who wait."""

import asyncio

import pytest

from dispatcher_service.slots import Slots


async def test_as_many_as_there_are_slots() -> None:
    slots = Slots(2)
    assert [await slots.take(0) for _ in range(3)] == [True, True, False]
    assert slots.taken == 2


async def test_a_slot_given_back_goes_to_the_one_who_waits_longest() -> None:
    slots = Slots(1)
    order: list[int] = []

    async def wait(number: int) -> None:
        assert await slots.take(5)
        order.append(number)
        slots.give_back()

    await slots.take(0)
    tasks = [asyncio.create_task(wait(number)) for number in range(5)]
    await asyncio.sleep(0)
    slots.give_back()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]


async def test_who_gives_up_waiting_takes_no_slot_along() -> None:
    slots = Slots(1)
    await slots.take(0)
    assert not await slots.take(0.01)
    slots.give_back()
    assert await slots.take(0)


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_who_is_cancelled_takes_no_slot_along(turns: int) -> None:
    slots = Slots(1)
    await slots.take(0)
    waiting = asyncio.create_task(slots.take(5))
    await asyncio.sleep(0)
    slots.give_back()
    for _ in range(turns):
        await asyncio.sleep(0)
    cancelled = waiting.cancel()
    (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
    if outcome is True:
        slots.give_back()
    else:
        assert cancelled
    assert await slots.take(0)
    assert not await slots.take(0)


async def test_no_slot_is_lost_or_made_among_many_who_come_go_and_give_up() -> None:
    slots = Slots(7)
    held = most = 0

    async def visit(number: int) -> None:
        nonlocal held, most
        if await slots.take(0.001 * (number % 5)):
            held += 1
            most = max(most, held)
            try:
                await asyncio.sleep(0.001 * (number % 3))
            finally:
                held -= 1
                slots.give_back()

    tasks = [asyncio.create_task(visit(number)) for number in range(500)]
    await asyncio.sleep(0.002)
    for task in tasks[::4]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [each for each in outcomes if isinstance(each, Exception)]
    assert most == 7
    assert [await slots.take(0) for _ in range(8)].count(True) == 7
