"""Becomes another program, after arranging that this one ends when the process that started it ends.

`python child.py PARENT_PID DEATH_SIGNAL USER PROGRAM ARGUMENT...`, USER `-` to stay who one is. A program of its own and not a function run
between fork and exec: the parent may have gRPC's and Kafka's threads, and must not run Python after a fork.
"""

import ctypes
import os
import pwd
import sys

_PR_SET_PDEATHSIG = 1


def main(parent_pid: str, death_signal: str, user: str, *command: str) -> None:
    if user != "-":
        _become(user)
    if sys.platform == "linux":  # Elsewhere the parent's own clean-up is all there is.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(death_signal))  # After _become: a change of user clears it.
    if os.getppid() != int(parent_pid):
        sys.exit("The parent ended before its death could be listened for.")
    os.execv(command[0], command)


def _become(user: str) -> None:
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    main(*sys.argv[1:])
