"""Trying again, at somebody's wish, what has ended unsent."""

from datetime import datetime

from scheduler_service.domain.states import State, Transition, allowed


def refusal(state: State, expires_at: datetime, *, active: bool, year_free: bool, now: datetime) -> str:
    """Why the message cannot be planned again, as a sentence; empty where it can. Identity and lateness budget stay what they were."""
    if not allowed(Transition.REPLAYED, state):
        return f"it is {state}; only FAILED and EXPIRED messages are sent again"
    if expires_at <= now:
        return "its lateness budget is over"
    if not active:
        return "its user was deleted, has opted out, or has no such date any more"
    if not year_free:
        return "another message of the year was sent, or may have been"
    return ""
