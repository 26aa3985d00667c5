import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from backing.environment import with_settings

_CHILD = Path(__file__).with_name("child.py")

# The kernel sends the death signal when the *thread* that forked ends, so one thread that lives as long as this process starts every child.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


class ProcessFailed(RuntimeError):
    """A process ended, or did not answer in time; the message ends with the last lines of its log."""


@dataclass
class Process:
    """One child process with a log file, which dies with this process and can be stopped, killed, paused and started again."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)  # Beside it the process sees what `backing.environment` lets through.
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL  # Unlike SIGTERM it also ends one that is paused.
    _child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; raises ProcessFailed if it was never started."""
        if self._child is None:
            raise ProcessFailed(f"{self.name} was not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._child is None else self._child.poll()

    def start(self) -> None:
        """Starts the process and returns at once; nothing happens if it runs already."""
        if self.running:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._child = _starter.submit(self._fork).result()

    def ask_to_end(self) -> None:
        """Sends the stop signal, to a paused process too, and does not wait."""
        self.resume()
        if self._child is not None:
            self._child.send_signal(self.stop_signal)

    def stop(self, timeout_seconds: float = 25.0) -> None:
        """Asks the process to end and waits for it; kills it after the timeout."""
        self.ask_to_end()
        self.wait_for_end(timeout_seconds)

    def wait_for_end(self, timeout_seconds: float = 25.0) -> None:
        """Waits for a process that was asked to end; kills it after the timeout. A second stop signal would end its grace."""
        if self._child is None:
            return
        try:
            self._child.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the process and all below it; returns when they are gone."""
        if self._child is None:
            return
        family = self._family()
        self._signal(family, signal.SIGKILL)
        self._child.wait()
        psutil.wait_procs(family, timeout=10)

    def pause(self) -> None:
        """SIGSTOP to the process and all below it: connections stay open, nothing answers."""
        self._signal(self._family(), signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(self._family(), signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """CPU time, user and system, used so far by the process and those below it."""
        seconds = 0.0
        for process in self._family():
            with suppress(psutil.Error):
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds

    def failed(self, what: str) -> ProcessFailed:
        """An exception that says what went wrong and shows the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-25:] if self.log.exists() else []
        return ProcessFailed("\n    ".join([f"{self.name} {what} (log: {self.log})", *lines]))

    def _fork(self) -> "subprocess.Popen[bytes]":
        # -I -S: the launcher needs neither site-packages nor the caller's PYTHON* variables, and starts in 10 ms.
        launcher = [sys.executable, "-I", "-S", str(_CHILD), str(os.getpid()), str(int(self.death_signal)), self.user or "-"]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*launcher, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=with_settings(self.environment),
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops its children in order.
            )

    def _family(self) -> list[psutil.Process]:
        if not self.running:
            return []
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            return [process, *process.children(recursive=True)]
        return []

    @staticmethod
    def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
