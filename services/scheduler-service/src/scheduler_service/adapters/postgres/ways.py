"""Which ways a statement may take to its rows, for the rest of a transaction.

A fresh month has no statistics, and a plan made while it was empty may be kept when it is full: ways that are right only for a few rows,
or only for all, are ruled out.
"""

# From row to row by index, so that the cost grows with the rows that are meant and not with all. Without the last setting a whole month
# may be kept in memory and compared with each row. A batch of slots is sorted in memory.
BY_ROW = """
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_material', 'off', true), set_config('work_mem', '64MB', true)
"""

# Thousands of zones and dates meet all that waits.
BY_HASH = "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_mergejoin', 'off', true)"

# The same where all that waits is only read: right after a million were planned, by statistics of before, row by row looked cheap and
# took more than the longest statement may.
BY_HASH_ALONE = """
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_mergejoin', 'off', true), set_config('enable_nestloop', 'off', true)
"""

# In the order of the index, a page at a time: the estimate of a date multiplies the shares of two conditions that are one, and would sort
# a whole day's messages for a page.
IN_ORDER = "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)"

# For a burst, whose statistics are of a quiet time: by them nothing waits and nothing is queued, so that to read and sort all of it looks
# cheap, and that would be paid again for each batch. Planned once: planning for all months costs more than reading.
EARLIEST_FIRST = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true),
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)
"""

# For a burst too: rows are found by `= ANY(array)` alone and meet the new values in a hash. A statement that joins without such a condition
# must not follow.
BY_IDS = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_hashjoin', 'on', true), set_config('enable_nestloop', 'off', true),
       set_config('enable_mergejoin', 'off', true)
"""
