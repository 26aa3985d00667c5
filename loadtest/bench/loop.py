"""The bare loop: `python -m bench.loop DATABASE PROVIDER AT`. Leases a batch in Postgres, posts it by aiohttp, marks what was taken in.

The least that anybody would write who sends each letter once in the usual case, and again after a crash: no plan, no partitions,
no cancels, no retries, no metrics. It prints how it went as JSON.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any

import aiohttp
import orjson
import psycopg
import uvloop

BATCH = 500
IN_FLIGHT = 100
_LEASE = """
UPDATE bare.greetings SET state = 'LEASED', lease_until_at = clock_timestamp() + interval '30 s'
WHERE id IN (
    SELECT id FROM bare.greetings
    WHERE state = 'DUE' OR (state = 'LEASED' AND lease_until_at < clock_timestamp())
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
RETURNING id, email, first_name, last_name
"""
_MARK = """
UPDATE bare.greetings g SET state = 'SENT', provider_message_id = u.provider_message_id, sent_at = clock_timestamp()
FROM unnest(%s::uuid[], %s::text[]) AS u(id, provider_message_id) WHERE g.id = u.id
"""

Row = tuple[Any, str, str, str]


async def main(database: str, provider: str, at: float) -> dict[str, float]:
    connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
        await asyncio.sleep(at - time.time())
        cpu, sent = _cpu_seconds(), 0
        while rows := await (await connection.execute(_LEASE, [BATCH])).fetchall():
            taken_in = await asyncio.gather(*(_post(session, f"{provider}/send-email", row) for row in rows))
            marked = [(row[0], identity) for row, identity in zip(rows, taken_in, strict=True) if identity]
            await connection.execute(_MARK, [[id_ for id_, _ in marked], [identity for _, identity in marked]])
            sent += len(marked)
        return {"sent": sent, "seconds": time.time() - at, "cpu_seconds": _cpu_seconds() - cpu}


async def _post(session: aiohttp.ClientSession, url: str, row: Row) -> str:
    id_, email, first_name, last_name = row
    body = orjson.dumps({"email": email, "message": f"Hey, {first_name} {last_name} it's your birthday"})
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(id_)}
    async with session.post(url, data=body, headers=headers) as response:
        answer = orjson.loads(await response.read())
    return str(answer["messageId"]) if answer.get("success") else ""


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
