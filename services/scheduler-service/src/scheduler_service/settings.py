"""The scheduler's settings; maps are by kind of occasion, and a kind that is not named has the default."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Literal, Self

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, model_validator

from occasions.occasion import Occasion
from occasions.registry import discover
from scheduler_service.domain import JobName, KindRules, PlanRules
from servicekit.settings import KafkaSettings, PostgresSettings, Seconds, ServiceSettings

DEFAULT_BELATED_HOURS = 48.0


def _cron(expression: str) -> str:
    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise ValueError("this is not a cron expression of five fields, such as 0 0 * * *") from None
    return expression


Cron = Annotated[str, AfterValidator(_cron)]
Count = Annotated[int, Field(ge=1)]
Hours = Annotated[float, Field(gt=0)]


class MigrationSettings(PostgresSettings, ServiceSettings):
    """What migrations need to be told."""


class Settings(KafkaSettings, MigrationSettings):
    """What the scheduler can be told."""

    send_times: dict[str, time] = Field(
        {}, description='Local send time by kind: `{"birthday": "08:30"}`. Default: the kind\'s own, 09:00.'
    )
    on_time_seconds: dict[str, Seconds] = Field({}, description="Lateness by kind that is still reported as on time. Default: 60.")
    late_minutes: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="Lateness budget by kind for the text of the day; never beyond the local day. Default: until the local day ends."
    )
    belated_hours: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="Lateness budget by kind for the belated text, after the late one. 0: none. Default: 48."
    )
    created_on_the_day: dict[str, Literal["now", "next_year"]] = Field(
        {}, description="What is done by kind for a date that becomes known on its day, after the send time. Default: `now`."
    )
    plan_horizon_hours: Hours = Field(48, description="How far ahead messages are planned.")
    plan_epoch: int = Field(
        0, ge=0, description="Raise it with a change of send times, budgets or kinds: replicas with a lower one stop planning."
    )
    plan_batch_slots: Count = Field(10_000, description="Slots planned by one statement.")
    plan_concurrency: Count = Field(2, description="Statements that plan side by side.")
    partition_months_ahead: Count = Field(3, description="Months for which partitions of messages are made ahead.")
    message_retention_months: Count = Field(25, description="Months after which messages are dropped with their partition.")

    jobs_enabled: dict[JobName, bool] = Field({}, description='Switches jobs off by name: `{"plan": false}`. Default: on.')
    cron_daily_schedule: Cron = Field("0 0 * * *", description="When *plan* runs, in UTC.")
    cron_minute_schedule: Cron = Field("* * * * *", description="When *emit* runs, in UTC; it also runs whenever a message comes due.")
    cron_recovery_schedule: Cron = Field("*/10 * * * *", description="When *recover* runs, in UTC.")
    job_lease_seconds: Seconds = Field(
        60, description="Silence after which another replica takes a job's run over; prolonged while it runs."
    )
    emit_batch_messages: Count = Field(1000, description="Messages handed over in one transaction.")
    outcome_patience_seconds: Seconds = Field(300, description="Wait for an outcome before *recover* looks for a lost record.")
    answer_patience_seconds: Seconds = Field(60, description="Wait for the answer to a question before *recover* asks again.")
    emit_patience_seconds: Seconds = Field(120, description="Wait for *emit* before a due message counts as missed.")
    notifier_group: str = Field(
        "notifier.due", description="Consumer group of the due topic, whose offsets tell *recover* what is not lost."
    )
    consumer_batch_records: Count = Field(500, description="Records of a topic taken in by one transaction.")

    @model_validator(mode="after")
    def _refuse_unknown_kinds(self) -> Self:
        known = discover()
        for name in ("send_times", "on_time_seconds", "late_minutes", "belated_hours", "created_on_the_day"):
            for kind in getattr(self, name):
                if kind not in known:
                    raise ValueError(f'{name.upper()} names the kind "{kind}"; the kinds are {", ".join(known)}.')
        return self

    @property
    def enabled_jobs(self) -> frozenset[str]:
        return frozenset(str(job) for job in JobName if self.jobs_enabled.get(job, True))

    @property
    def plan_rules(self) -> PlanRules:
        kinds = {name: self._kind_rules(kind) for name, kind in discover().items()}
        return PlanRules(kinds, timedelta(hours=self.plan_horizon_hours), self.plan_epoch)

    @property
    def on_time(self) -> Mapping[str, float]:
        """The lateness in seconds, by kind, that is still on time."""
        return {kind: self.on_time_seconds.get(kind, 60.0) for kind in discover()}

    def _kind_rules(self, kind: Occasion) -> KindRules:
        late = self.late_minutes.get(kind.name)
        return KindRules(
            occasion=kind,
            send_time=self.send_times.get(kind.name, kind.send_time),
            late=None if late is None else timedelta(minutes=late),
            belated=timedelta(hours=self.belated_hours.get(kind.name, DEFAULT_BELATED_HOURS)),
            sends_at_once=self.created_on_the_day.get(kind.name, "now") == "now",
        )
