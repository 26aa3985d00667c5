from datetime import timedelta

from pyreqwest.client import ClientBuilder
from pyreqwest.exceptions import PyreqwestError, RequestError

from dispatcher_service.ports import NotSent, Reply, Unanswered

# The only sign of a failure before the request went out. The classes do not tell: ConnectError is also a reset after sending, and
# ConnectTimeoutError also a whole call that took too long.
_BEFORE_SENDING = "client error (Connect)"


class PyreqwestClient:
    """Over the Rust client: the cheaper one."""

    def __init__(self, connect_timeout_seconds: float, user_agent: str) -> None:
        self._client = (
            ClientBuilder()
            .runtime_multithreaded(False)
            .follow_redirects(False)
            .connect_timeout(timedelta(seconds=connect_timeout_seconds))
            .user_agent(user_agent)
            .no_proxy()
            .build()
        )

    async def post(self, url: str, headers: dict[str, str], body: bytes, timeout_seconds: float) -> Reply:
        request = self._client.post(url).headers(headers).body_bytes(body).timeout(timedelta(seconds=timeout_seconds)).build()
        try:
            response = await request.send()
            content = bytes(await response.bytes())
        except RequestError as error:
            causes = [cause["message"] for cause in error.details["causes"] or ()]
            raise (NotSent if _BEFORE_SENDING in causes else Unanswered)(causes[-1] if causes else str(error)) from error
        except PyreqwestError as error:
            raise Unanswered(str(error)) from error
        return Reply(response.status, response.headers, content)

    async def close(self) -> None:
        await self._client.close()
