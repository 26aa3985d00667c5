"""gRPC server metrics under the names of go-grpc-prometheus, so that public dashboards and alerts fit."""

import grpc
from prometheus_client import Counter, Histogram

_CALL = ["grpc_type", "grpc_service", "grpc_method"]
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

STARTED = Counter("grpc_server_started_total", "Calls begun.", _CALL)
HANDLED = Counter("grpc_server_handled_total", "Calls ended, by status code.", [*_CALL, "grpc_code"])
SECONDS = Histogram("grpc_server_handling_seconds", "Time from begin to end of a call.", _CALL, buckets=_BUCKETS)


class MethodMetrics:
    """The bound metrics of one method."""

    def __init__(self, kind: str, service: str, method: str) -> None:
        self._labels = (kind, service, method)
        self._started = STARTED.labels(*self._labels)
        self._seconds = SECONDS.labels(*self._labels)
        self._handled: dict[str, Counter] = {}

    def begin(self) -> None:
        self._started.inc()

    def end(self, code: str, seconds: float) -> None:
        if code not in self._handled:
            self._handled[code] = HANDLED.labels(*self._labels, _go_name(code))
        self._handled[code].inc()
        self._seconds.observe(seconds)


def kind_of(handler: "grpc.RpcMethodHandler[object, object]") -> str:
    kinds = {(False, False): "unary", (False, True): "server_stream", (True, False): "client_stream", (True, True): "bidi_stream"}
    return kinds[bool(handler.request_streaming), bool(handler.response_streaming)]


def _go_name(code: str) -> str:
    if code == "CANCELLED":
        return "Canceled"
    return code if code == "OK" else code.title().replace("_", "")
