"""The verdicts of the bench, without a mesh."""

from bench.delivery import LoopRun, PathRun
from bench.meter import Cost, Statement
from bench.planning import PlanRun
from bench.report import Delivery, as_json, checks, table

PARTS = ("scheduler-service", "notifier-service", "dispatcher-service", "postgres", "kafka", "redis", "simulator")
BEGIN, CLAIM, COMMIT = (Statement(text, calls, 0, 1.0) for text, calls in (("BEGIN", 900), ("SELECT 1", 40), ("COMMIT", 900)))


def delivery(own_seconds: float, broken: list[str] | None = None) -> Delivery:
    cost = Cost(dict.fromkeys(PARTS, own_seconds / 3), {"dispatcher-service": 8}, [BEGIN, CLAIM, COMMIT])
    loop, path = LoopRun(2000, 1.0, 0.2, 0.05), PathRun(2000, 2.0, 1.0, 1.9, cost, broken or [])
    return Delivery(2000, [loop], [path])


def verdicts(deliveries: list[Delivery], plans: list[PlanRun]) -> dict[str, bool]:
    return {check.what.partition(",")[0]: check.passed for check in checks(deliveries, plans)}


def test_cpu_is_compared_with_the_loop_of_the_same_sitting() -> None:
    assert verdicts([delivery(0.8)], [])["own CPU over the bare loop's"]
    assert not verdicts([delivery(0.9)], [])["own CPU over the bare loop's"]


def test_the_ends_of_transactions_are_no_statements() -> None:
    assert delivery(0.3).paths[0].cost.sql == 40
    assert delivery(0.3).paths[0].cost.transactions == 900


def test_a_broken_promise_is_a_missed_target() -> None:
    assert not verdicts([delivery(0.3, ["lost"])], [])["broken promises"]


def test_a_plan_is_bound_by_its_size() -> None:
    cost = Cost(dict.fromkeys(PARTS, 1.0))
    small, large = PlanRun(10_000, 100_000, 1.5, 0.5, cost, cost), PlanRun(1_000_000, 2_000_000, 14.0, 7.0, cost, cost)
    assert [check.passed for check in checks([], [small, large])] == [False, True, True, False]


def test_table_and_json_hold_every_run() -> None:
    cost = Cost(dict.fromkeys(PARTS, 1.0))
    plans = [PlanRun(10_000, 100_000, 0.5, 0.4, cost, cost)]
    text = table([delivery(0.3)], plans)
    assert "bare loop" in text
    assert "MISSED" not in text
    assert as_json([delivery(0.3)], plans, {"cores": 2})["delivery"][0]["path"][0]["sql_per_1000"] == 20
