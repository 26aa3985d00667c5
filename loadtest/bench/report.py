"""What was measured, against the most that is allowed, as a table and as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.delivery import LoopRun, PathRun
from bench.meter import SERVICES, Cost
from bench.planning import PlanRun

#: Statements listed in the JSON, the costliest first.
_STATEMENTS = 15
_PARTS = (*SERVICES[:3], "postgres", "kafka", "redis", "simulator")
#: The largest plan that is bound, and by how much: messages, seconds, seconds of planning again.
_PLAN_BOUNDS = ((10_000, 1.0, 1.0), (1_000_000, 15.0, 6.0))


@dataclass
class Delivery:
    """The runs of one size: each of the path beside one of the loop."""

    messages: int
    loops: list[LoopRun] = field(default_factory=list)
    paths: list[PathRun] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """CPU of all our processes over the loop's, of all runs together."""
        return _mean(path.cpu_per_1000 for path in self.paths) / _mean(loop.cpu_per_1000 for loop in self.loops)


@dataclass(frozen=True)
class Check:
    """One measurement beside the most it may be; `row` says of what kind."""

    row: str
    what: str
    measured: float
    bound: float
    unit: str = ""

    @property
    def passed(self) -> bool:
        return self.measured <= self.bound

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "MISSED"
        return f"  {verdict}  {self.row:<5}  {self.what}: {self.measured:,.2f}{self.unit}, at most {self.bound:g}{self.unit}"


def checks(deliveries: Sequence[Delivery], plans: Sequence[PlanRun]) -> list[Check]:
    found: list[Check] = []
    for each in deliveries:
        sizes, path = f"{each.messages:,} messages", each.paths[-1]
        found.append(Check("CPU", f"own CPU over the bare loop's, {sizes}", each.ratio, 2))
        found.append(Check("calls", f"RPCs per 1,000, {sizes}", per_1000(sum(path.cost.rpcs.values()), each.messages), 20))
        found.append(Check("calls", f"SQL statements per 1,000, {sizes}", per_1000(path.cost.sql, each.messages), 20))
        found.append(Check("truth", f"broken promises, {sizes}", sum(len(run.violations) for run in each.paths), 0))
    for plan in plans:
        first, again = next(((f, a) for size, f, a in _PLAN_BOUNDS if plan.birthdays <= size), (float("inf"), float("inf")))
        found.append(Check("time", f"planning {plan.birthdays:,} of {plan.people:,}", plan.seconds, first, " s"))
        found.append(Check("time", f"planning these {plan.birthdays:,} again", plan.again_seconds, again, " s"))
    return found


def table(deliveries: Sequence[Delivery], plans: Sequence[PlanRun]) -> str:
    lines = ["", "Delivery: CPU seconds per 1,000 messages" + " " * 21 + "".join(f"{_short(part):>11}" for part in _PARTS)]
    for each in deliveries:
        lines += [_loop_line(loop) for loop in each.loops]
        lines += [_path_line(path) for path in each.paths]
    lines += ["", "Planning" + " " * 26 + "first  postgres CPU     again  postgres CPU"] if plans else []
    lines += [_plan_line(plan) for plan in plans]
    return "\n".join([*lines, "", "Targets", *map(str, checks(deliveries, plans))])


def as_json(deliveries: Sequence[Delivery], plans: Sequence[PlanRun], circumstances: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "circumstances": dict(circumstances),
        "delivery": [
            {
                "messages": each.messages,
                "own_cpu_over_bare_loop": round(each.ratio, 3),
                "bare_loop": [asdict(loop) | {"messages_per_second": round(loop.per_second)} for loop in each.loops],
                "path": [_path_json(path) for path in each.paths],
            }
            for each in deliveries
        ],
        "planning": [
            {
                "birthdays": plan.birthdays,
                "people": plan.people,
                "seconds": plan.seconds,
                "again_seconds": plan.again_seconds,
                "cost": _cost_json(plan.cost, plan.birthdays),
                "again_cost": _cost_json(plan.again_cost, plan.birthdays),
            }
            for plan in plans
        ],
        "targets": [asdict(check) | {"passed": check.passed} for check in checks(deliveries, plans)],
    }


def per_1000(total: float, messages: int) -> float:
    return total / messages * 1000


def _loop_line(loop: LoopRun) -> str:
    parts = {"postgres": loop.postgres_cpu_per_1000}
    return _line("bare loop", loop.messages, loop.per_second, loop.cpu_per_1000, parts)


def _path_line(path: PathRun) -> str:
    parts = {part: per_1000(path.cost.cpu_seconds[part], path.messages) for part in _PARTS}
    return _line("path", path.messages, path.per_second, path.cpu_per_1000, parts)


def _line(name: str, messages: int, per_second: float, own: float, parts: Mapping[str, float]) -> str:
    rest = "".join(f"{parts[part]:11.3f}" if part in parts else " " * 11 for part in _PARTS)
    return f"  {name:10}{messages:9,} messages  {per_second:7,.0f}/s  own CPU {own:6.3f}    {rest}"


def _plan_line(plan: PlanRun) -> str:
    first, again = plan.cost.cpu_seconds["postgres"], plan.again_cost.cpu_seconds["postgres"]
    return f"  {plan.birthdays:9,} of {plan.people:9,}    {plan.seconds:7.2f} s {first:11.1f} s {plan.again_seconds:7.2f} s {again:11.1f} s"


def _path_json(path: PathRun) -> dict[str, Any]:
    return {
        "messages_per_second": round(path.per_second),
        "seconds": path.seconds,
        "median_sent_after_seconds": path.median_sent_after_seconds,
        "last_sent_after_seconds": path.last_sent_after_seconds,
        "own_cpu_per_1000": round(path.cpu_per_1000, 4),
        "broken_promises": path.violations[:20],
        **_cost_json(path.cost, path.messages),
    }


def _cost_json(cost: Cost, messages: int) -> dict[str, Any]:
    return {
        "cpu_per_1000": {part: round(per_1000(seconds, messages), 4) for part, seconds in cost.cpu_seconds.items()},
        "rpcs_per_1000": {service: round(per_1000(calls, messages), 2) for service, calls in cost.rpcs.items()},
        "sql_per_1000": round(per_1000(cost.sql, messages), 2),
        "transactions_per_1000": round(per_1000(cost.transactions, messages), 2),
        "statements": [asdict(each) | {"text": " ".join(each.text.split())[:160]} for each in cost.statements[:_STATEMENTS]],
    }


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def _short(part: str) -> str:
    return part.removesuffix("-service")
