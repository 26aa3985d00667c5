"""The protocol between the plan and the provider, as the services' code has it, searched exhaustively.

One user, one kind of occasion, two dates of one year that are due at once, two notifiers. The decisions are the services' own functions
(replan, settle, refusal, variant_at, not_after; judge, cancel, conclude); only what they decide in SQL is repeated here.

    python -m model                                  every scenario of the tests
    python -m model --deeper                         scenarios that take minutes and gigabytes
    python -m model --without RULE                   a shortest run that breaks a promise without a rule
    python -m model --rules                          the same for each rule in turn
    python -m model --faults 3 --edits 1 ...         bounds of your own, as deep as memory allows: some 1 kB for a state
"""

import argparse
from collections.abc import Sequence
from dataclasses import fields

from model.cases import ALL_CHANGES, DEEPER, SCENARIOS, WITHOUT
from model.rules import RULES, Bounds, Keys, Setup
from model.search import search


def main() -> int:
    given = _parser().parse_args()
    off = [frozenset({rule}) for rule in (RULES if given.rules else given.without)]
    if off:
        return sum(not _report(f"without {rule}", Setup(_bounds(given) or WITHOUT[rule].bounds, rules)) for rules in off for rule in rules)
    own = _bounds(given)
    searches = {"these bounds": own} if own else DEEPER if given.deeper else SCENARIOS
    return sum(_report(name, Setup(bounds)) for name, bounds in searches.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without", action="append", default=[], choices=RULES, metavar="RULE", help=", ".join(RULES))
    parser.add_argument("--deeper", action="store_true")
    parser.add_argument("--rules", action="store_true", help="each rule in turn")
    for name in ("faults", "edits", "hours", "decisions", "lulls"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--changes", nargs="+", choices=ALL_CHANGES)
    parser.add_argument("--keys", type=Keys, choices=Keys)
    return parser


def _bounds(given: argparse.Namespace) -> Bounds | None:
    """Those that were given, the others as they are by default; None where none was."""
    own = {field.name: getattr(given, field.name) for field in fields(Bounds) if getattr(given, field.name) is not None}
    return Bounds(**own | {"changes": tuple(own.get("changes", Bounds().changes))}) if own else None


def _report(name: str, setup: Setup) -> bool:
    """Print what was found; whether a promise is broken."""
    found = search(setup, limit=50_000_000)
    print(f"{name}: {found.broken or 'holds'} ({found.states:,} states, {found.at_rest:,} at rest)", flush=True)
    _print_run(found.run)
    return bool(found.broken)


def _print_run(run: Sequence[str]) -> None:
    for label in run:
        print("   ", label)


if __name__ == "__main__":
    raise SystemExit(main())
