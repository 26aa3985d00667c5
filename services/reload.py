"""Runs a module and runs it anew whenever a source file changes: `python -m reload user_service`. Only in development images."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

SOURCES = Path(__file__).parent
POLL_SECONDS = 0.5


def main() -> int:
    process = _start()

    def pass_on(number: int, _: FrameType | None) -> None:
        process.send_signal(number)
        sys.exit(process.wait())

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    seen = _newest()
    while True:
        time.sleep(POLL_SECONDS)
        if (code := process.poll()) is not None:
            return code
        if (newest := _newest()) > seen:
            seen = newest
            process.terminate()
            process.wait()
            process = _start()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *sys.argv[1:]])


def _newest() -> int:
    return max(path.stat().st_mtime_ns for path in SOURCES.rglob("*.py"))


if __name__ == "__main__":
    sys.exit(main())
