"""The mesh on which is measured, as in production but for its size, and what is put on it."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import grpc.aio
import psycopg

from backing.mesh import DATABASE, Mesh
from heyday.scheduler.v1.scheduler_service_pb2 import Job, RunJobRequest
from heyday.scheduler.v1.scheduler_service_pb2_grpc import SchedulerServiceStub

_EMPTY = {
    "scheduler": ("messages", "occasions", "recipients"),
    "notifier": ("deliveries", "attempts", "dead_letters"),
}
_SETTINGS = {
    "*": {"ENVIRONMENT": "performance"},
    "gateway": {"ENVIRONMENT": "development", "RATE_LIMIT_PER_MINUTE": "0"},
}


class Stage:
    """Used as a context manager, the mesh runs inside."""

    def __init__(self, directory: Path, replicas: dict[str, int], settings: dict[str, dict[str, str]], say: Callable[[str], None]) -> None:
        merged = {name: {**_SETTINGS.get(name, {}), **settings.get(name, {})} for name in _SETTINGS.keys() | settings.keys()}
        self.mesh = Mesh(directory, settings=merged, replicas=replicas, durable=True, progress=say)
        self.mesh.forget()

    def __enter__(self) -> "Stage":
        self.mesh.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.mesh.stop()

    def scheduler(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.mesh.addresses().database_url("scheduler"), autocommit=True)

    def owner(self) -> psycopg.Connection[Any]:
        return self.mesh.postgres.connect(DATABASE)

    def clear(self) -> None:
        """Forget all people, messages and letters, and let what that leaves behind be done before anything is measured."""
        tables = [f"{schema}.{table}" for schema, names in _EMPTY.items() for table in names]
        with self.owner() as connection:
            connection.execute(f"TRUNCATE {', '.join(tables)}".encode())
            connection.execute("CHECKPOINT")
        self.post(f"{self.mesh.provider_url}/reset")

    def run_job(self, job: str) -> Job:
        return asyncio.run(_run_job(self.mesh.replicas["scheduler-service"][0].target, job))

    def nudge(self) -> None:
        """Let the scheduler look when the next message is due, as any change of a user does: rows that came by SQL alone wake nobody."""
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        user = {"firstName": "Nudge", "lastName": "Nobody", "email": f"nudge{time.time_ns()}@example.org", "timezone": "Etc/UTC"}
        self.post(f"{self.mesh.url}/api/v1/users", user | {"birthday": f"--{tomorrow:%m-%d}"})

    def letters(self) -> int:
        with urlopen(f"{self.mesh.provider_url}/stats", timeout=30) as answer:
            return int(json.load(answer)["letters"])

    def received(self) -> bytes:
        with urlopen(f"{self.mesh.provider_url}/received", timeout=120) as answer:
            return bytes(answer.read())

    def post(self, url: str, body: object = None) -> None:
        request = Request(url, json.dumps(body or {}).encode(), {"Content-Type": "application/json"})
        urlopen(request, timeout=60).close()


async def _run_job(target: str, job: str) -> Job:
    async with grpc.aio.insecure_channel(target) as channel:
        return await SchedulerServiceStub(channel).RunJob(RunJobRequest(id=job), timeout=600)
