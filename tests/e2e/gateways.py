"""Further gateways beside the mesh's own, before the same services."""

from collections.abc import Iterator
from contextlib import contextmanager

from backing import server
from backing.mesh import Mesh
from backing.ports import free_port
from backing.process import Process
from backing.replica import HttpServer


@contextmanager
def beside(mesh: Mesh, name: str, **settings: str) -> Iterator[HttpServer]:
    """A gateway that differs from the mesh's in these settings; an empty one stands for its default."""
    own = mesh.gateway.process
    public, internal = (f"127.0.0.1:{free_port()}" for _ in range(2))
    process = Process(name, own.command, mesh.logs / f"{name}.log")
    process.environment = {**own.environment, **settings, "HTTP_ADDRESS": public, "INTERNAL_ADDRESS": internal}
    gateway = HttpServer(process, f"http://{public}", f"http://{internal}/health/detailed")
    server.start(gateway)
    try:
        yield gateway
    finally:
        server.stop(gateway)
