"""Cancels: a group of their own, so that they overtake a backlog of due messages."""

from collections.abc import Mapping, Sequence

from notifier_service.domain import Cancellation
from notifier_service.service import DeliveryService


async def take_cancelled(service: DeliveryService, asked: Sequence[Cancellation], _: Mapping[tuple[str, int], int]) -> None:
    """Of several questions about one message the highest revision stands for all."""
    highest: dict[bytes, Cancellation] = {}
    for each in asked:
        if each.id not in highest or highest[each.id].revision < each.revision:
            highest[each.id] = each
    await service.cancel(list(highest.values()))
