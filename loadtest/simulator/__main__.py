"""`python -m simulator --failure-share 0.1`: see README.md."""

import argparse
import asyncio
import signal
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import uvloop

from simulator.behaviour import BadBehaviour, Behaviour
from simulator.server import Server


def main(arguments: Sequence[str] | None = None) -> None:
    parser = _parser()
    options = vars(parser.parse_args(arguments))
    host, port, log = (options.pop(name) for name in ("host", "port", "log"))
    try:
        behaviour = Behaviour().changed({name: value for name, value in options.items() if value is not None})
    except BadBehaviour as error:
        parser.error(str(error))
    uvloop.run(_serve(Server(host, port, behaviour, log)))


async def _serve(server: Server) -> None:
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    await server.start()
    print(f"The simulated provider listens at {server.url}", flush=True)
    await stop.wait()
    await server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", description="A provider of e-mail that fails at will and remembers all it got.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    parser.add_argument("--port", type=int, default=8025, help="port to listen at, 0: a free one (%(default)s)")
    parser.add_argument("--log", type=Path, help="append each call to this file, and know at start what it holds")
    for each in fields(Behaviour):
        assert each.default is not MISSING
        parser.add_argument(f"--{each.name.replace('_', '-')}", help=f"{each.metadata['meaning']} ({each.default})", **_kind(each.default))
    return parser


def _kind(default: Any) -> dict[str, Any]:
    if isinstance(default, bool):
        return {"type": {"on": True, "off": False}.__getitem__, "metavar": "on|off"}
    if isinstance(default, tuple):
        return {"type": int, "nargs": "+", "metavar": "CODE"}
    return {"type": type(default), "metavar": "N"}


if __name__ == "__main__":
    main()
