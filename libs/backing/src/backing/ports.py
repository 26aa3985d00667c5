import random
import socket

# Below the ephemeral range: while a server is down for a restart, nobody's outgoing connection takes its port.
_LOWEST, _HIGHEST = 15_000, 32_000
# A mesh draws all its ports before it listens on any: of thirty, two would be the same in one mesh of forty.
_given: set[int] = set()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, and that this process was not given before."""
    while True:
        port = random.randint(_LOWEST, _HIGHEST)
        if port not in _given and can_listen_on(port):
            _given.add(port)
            return port


def can_listen_on(port: int) -> bool:
    """Whether nobody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
