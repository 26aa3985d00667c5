"""Values as protos."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from heyday.scheduler.v1 import message_pb2, scheduler_service_pb2
from scheduler_service.domain import Action, JobRun, JobStatus, Message, Replan


def to_message(message: Message) -> message_pb2.Message:
    moments = message.moments
    lateness = (message.sent_at - moments.due_at).total_seconds() if message.sent_at else 0
    return message_pb2.Message(
        id=str(message.id),
        user_id=str(message.user_id),
        kind=message.kind,
        local_date=message.local_date.isoformat(),
        state=str(message.state),
        revision=message.revision,
        due_time=_timestamp(moments.due_at),
        schedule_time=_timestamp(message.send_at),
        late_until_time=_timestamp(moments.late_until_at),
        expire_time=_timestamp(moments.expires_at),
        timezone=moments.timezone,
        tzdata_version=moments.tzdata_version,
        variant=message.variant,
        attempt_count=message.attempts,
        unsure=message.unsure,
        reason=message.reason,
        provider=message.provider,
        provider_message_id=message.provider_message_id,
        sent_time=_timestamp(message.sent_at),
        lateness_seconds=lateness,
        create_time=_timestamp(message.created_at),
        update_time=_timestamp(message.updated_at),
        zone_rule=moments.zone_rule,
    )


def to_replan(replan: Replan) -> scheduler_service_pb2.Replan:
    return scheduler_service_pb2.Replan(
        user_id=str(replan.user_id),
        version=replan.version,
        replan_time=_timestamp(replan.replanned_at),
        cancelled_count=replan.count(Action.CANCELLED, Action.SUPPRESSED),
        rescheduled_count=replan.count(Action.PLANNED, Action.MOVED, Action.RECALLED),
        kept_count=replan.count(Action.KEPT),
        actions=[
            scheduler_service_pb2.Replan.Action(
                message_id=str(done.message_id),
                kind=done.kind,
                local_date=done.local_date.isoformat(),
                action=done.action,
                reason=done.reason,
            )
            for done in replan.actions
        ],
        errors=replan.errors,
    )


def to_job(job: JobStatus) -> scheduler_service_pb2.Job:
    return scheduler_service_pb2.Job(
        id=job.id,
        enabled=job.enabled,
        schedule=job.schedule,
        next_run_time=_timestamp(job.next_run_at),
        last_run=_run(job.last_run) if job.last_run else None,
    )


def _run(run: JobRun) -> scheduler_service_pb2.Job.Run:
    return scheduler_service_pb2.Job.Run(
        tick_time=_timestamp(run.tick_at),
        start_time=_timestamp(run.started_at),
        end_time=_timestamp(run.finished_at),
        duration_seconds=(run.finished_at - run.started_at).total_seconds() if run.finished_at else 0,
        result=run.result,
        counts=run.counts,
        error=run.error,
        manual=run.manual,
    )


def _timestamp(instant: datetime | None) -> Timestamp | None:
    if instant is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(instant)
    return timestamp
