import aiohttp

from dispatcher_service.ports import NotSent, Reply, Unanswered


class AiohttpClient:
    """Over aiohttp: the better known one, at more than twice the CPU."""

    def __init__(self, connect_timeout_seconds: float, user_agent: str) -> None:
        self._connect_timeout_seconds = connect_timeout_seconds
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=30),
            headers={"User-Agent": user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def post(self, url: str, headers: dict[str, str], body: bytes, timeout_seconds: float) -> Reply:
        timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=self._connect_timeout_seconds)
        try:
            async with self._session.post(url, headers=headers, data=body, timeout=timeout, allow_redirects=False) as response:
                content = await response.read()
                return Reply(response.status, response.headers, content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(type(error).__name__) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unanswered(type(error).__name__) from error

    async def close(self) -> None:
        await self._session.close()
