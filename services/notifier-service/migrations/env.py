from servicekit.postgres.migrations import run_env

run_env()
