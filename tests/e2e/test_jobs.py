"""The scheduler's jobs, by hand and by schedule, over REST."""

from e2e.rest import Api
from e2e.world import World
from invariants import connect

_OVER = """
UPDATE messages SET send_at = clock_timestamp() - interval '1 hour', expires_at = clock_timestamp() - interval '1 minute' WHERE id = %s
"""


def recover(api: Api) -> tuple[int, int, int]:
    """Run *recover*; what its status then says was missed, recovered, and failed."""
    api.ok("POST", "/api/v1/jobs/recover:run", {})
    counts = api.ok("GET", "/api/v1/jobs/recover")["lastRun"]["counts"]
    return counts["missed"], counts["recovered"], counts["failed"]


def test_the_jobs_are_listed_with_their_schedules(api: Api) -> None:
    jobs = {job["id"]: job for job in api.ok("GET", "/api/v1/jobs")["jobs"]}
    assert {name: job["schedule"] for name, job in jobs.items()} == {
        "emit": "* * * * *",
        "plan": "0 0 * * *",
        "recover": "0 0 1 1 *",
    }
    assert all(job["enabled"] and job["nextRunTime"] for job in jobs.values())
    assert api.ok("GET", "/api/v1/jobs/plan")["id"] == "plan"


def test_a_run_missed_while_down_was_made_up_at_the_start(api: Api) -> None:
    run = api.ok("GET", "/api/v1/jobs/plan")["lastRun"]
    assert (run["result"], run["error"]) == ("SUCCEEDED", "")
    assert run["tickTime"].endswith("T00:00:00Z") or run["manual"]


def test_a_job_is_run_by_hand(api: Api) -> None:
    for name in ("plan", "emit", "recover"):
        run = api.ok("POST", f"/api/v1/jobs/{name}:run", {})["lastRun"]
        assert (run["manual"], run["result"], run["error"]) == (True, "SUCCEEDED", ""), name
        assert run["startTime"] <= run["endTime"]
        assert run["durationSeconds"] > 0
        assert run["counts"], name


def test_planning_again_plans_nothing_twice(world: World) -> None:
    user = world.create_at(world.sky.ahead("anniversary"))
    planned = world.message(user, "SCHEDULED")
    world.api.ok("POST", "/api/v1/jobs/plan:run", {})
    assert world.messages(user) == [planned]


def test_recover_reports_what_failed_and_takes_up_that_alone(world: World) -> None:
    message = world.message(user := world.create_at(world.sky.ahead("anniversary")), "SCHEDULED")
    recover(world.api)  # whatever others have left
    with connect(world.mesh, "scheduler") as holder, holder.transaction():
        holder.execute("SELECT FROM occasions WHERE user_id = %s FOR UPDATE", [user["id"]])
        with connect(world.mesh, "scheduler") as plan:
            plan.execute(_OVER, [message["id"]])
        assert [recover(world.api), recover(world.api)] == [(1, 0, 1)] * 2
        assert world.message(user, "SCHEDULED")["id"] == message["id"]
    assert recover(world.api) == (1, 0, 1)
    assert world.message(user, "EXPIRED")["id"] == message["id"]
    assert recover(world.api) == (0, 0, 0)


def test_a_job_that_is_none_is_not_run(api: Api) -> None:
    answer = api.call("POST", "/api/v1/jobs/plam:run", {})
    assert (answer.status, answer.json["message"]) == (404, 'There is no job "plam"; the jobs are emit, plan, recover.')


def test_a_run_takes_no_settings(api: Api) -> None:
    answer = api.call("POST", "/api/v1/jobs/plan:run", {"force": True})
    assert (answer.status, answer.violations) == (400, {"force": '"force" is not a field.'})
