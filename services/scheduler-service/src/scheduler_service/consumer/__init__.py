"""The Kafka edges: changes of users, and outcomes of messages."""

from scheduler_service.consumer.intake import Intake
from scheduler_service.consumer.parsing import message_outcome, user_changed

__all__ = ["Intake", "message_outcome", "user_changed"]
