"""A gRPC server with health, reflection, limits, and errors a client can act on."""

from collections.abc import Callable, Sequence

import grpc.aio

from servicekit.readiness import Readiness
from servicekit.runtime import Component
from servicekit.settings import ServiceSettings

LIVENESS = "liveness"
READINESS = "readiness"

Registration = Callable[[grpc.aio.Server], None]


def server(
    settings: ServiceSettings,
    registrations: Sequence[Registration],
    *,
    readiness: Readiness,
    reflected: Sequence[str] = (),
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
) -> Component:
    """A server of the servicers that `registrations` add: `lambda s: pb2_grpc.add_FooServicer_to_server(servicer, s)`.

    `reflected` are full names of services shown by reflection (`DESCRIPTOR.services_by_name["Foo"].full_name`). Health answers for the
    service names `liveness` (the process serves) and `readiness` and "" (all its parts are ready). A DomainError becomes its status with
    google.rpc details; any other exception becomes INTERNAL without a word of its message, and is logged with its trace id.
    """
    raise NotImplementedError
