"""`python -m backing up|status|logs [NAME]|down`: the whole mesh on this machine."""

import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from backing import lock, probe, supervisor
from backing.supervisor import Description, NotRunning


def up() -> None:
    """Starts the mesh unless it runs, and says where everything is."""
    try:
        description = supervisor.running()
        print("It runs already.")
    except NotRunning:
        description = supervisor.launch()
    _describe(description)


def status() -> None:
    """Asks each part whether it answers; exit code 1 if one does not."""
    addresses = supervisor.running().addresses
    with ThreadPoolExecutor() as pool:
        answers = dict(zip(addresses, pool.map(probe.answers, addresses.values()), strict=True))
    for name, address in addresses.items():
        print(f"{name:22} {'answers' if answers[name] else 'DOES NOT ANSWER':16} {address}")
    sys.exit(0 if all(answers.values()) else 1)


def logs(name: str = "") -> None:
    """Follows the logs until interrupted."""
    files = sorted(str(file) for file in (supervisor.RUN / "logs").glob(f"{name}*.log"))
    if not files:
        sys.exit(f"No logs of {name or 'anything'} in {supervisor.RUN / 'logs'}.")
    os.execvp("tail", ["tail", "-n", "20", "-F", *files])


def down() -> None:
    """Stops the mesh."""
    supervisor.end()


def _describe(description: Description) -> None:
    print(f"""
REST              {description.url}/api/v1/users
API page          {description.url}/docs
Health, metrics   {description.internal_url}/health/detailed
Provider          {description.provider_url}   (another one: make down, then make up PROVIDER_URL=http://HOST:PORT)
""")
    for name, address in description.addresses.items():
        print(f"{name:22} {address}")
    print(f"\nLogs and data are in {supervisor.RUN}. See also: make status, make logs, make down.")


_COMMANDS: Mapping[str, Callable[..., None]] = {"up": up, "status": status, "logs": logs, "down": down, "supervise": supervisor.supervise}

if __name__ == "__main__":
    match sys.argv[1:]:
        case [command, *arguments] if command in _COMMANDS:
            try:
                _COMMANDS[command](*arguments)
            except (NotRunning, lock.Held) as error:
                sys.exit(str(error))
            except KeyboardInterrupt:
                sys.exit(130)
        case _:
            sys.exit(__doc__)
