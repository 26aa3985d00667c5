"""Plans of the hot statements, which are made once and kept.

Statistics are made at quiet times: by them nothing waits and nothing is queued, so a plan that reads all of it looks cheap, and in a burst
that is paid again for each batch. What such a plan needs is switched off for the transaction.
"""

from typing import Any

from psycopg import AsyncConnection

_IN_ORDER = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)
"""
_BY_IDS = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'on', true), set_config('enable_nestloop', 'off', true),
       set_config('enable_mergejoin', 'off', true)
"""


async def read_in_order(connection: AsyncConnection[Any]) -> None:
    """Let the next statements follow an index in its order, row by row, and stop at their limit."""
    await connection.execute(_IN_ORDER)


async def find_by_ids(connection: AsyncConnection[Any]) -> None:
    """Let the next statements find their rows by `= ANY(array)` alone, and meet the new values in a hash.

    One that joins and has no such condition must not follow.
    """
    await connection.execute(_BY_IDS)
