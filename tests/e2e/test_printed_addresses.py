"""Whoever calls a service directly finds its API at the address that `make up` prints."""

from urllib.parse import urlsplit

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from e2e.world import World

_APIS = {
    "user-service": "heyday.user.v1.UserService",
    "scheduler-service": "heyday.scheduler.v1.SchedulerService",
    "notifier-service": "heyday.notifier.v1.NotifierService",
    "dispatcher-service": "heyday.dispatcher.v1.DispatcherService",
}


@pytest.mark.parametrize("service", _APIS)
def test_the_printed_address_is_the_apis(world: World, service: str) -> None:
    [replica] = world.mesh.replicas[service]
    with grpc.insecure_channel(urlsplit(replica.address).netloc) as channel:
        assert _APIS[service] in ProtoReflectionDescriptorDatabase(channel).get_services()
