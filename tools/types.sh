#!/bin/sh
# Checks types: all packages at once, then each tree of tests by itself, since test modules have no package and so may share names.
set -eu
cd "$(dirname "$0")/.."

.venv/bin/mypy $(ls -d libs/*/src services/*/src loadtest tests | grep -v contracts)
for tests in libs/*/tests services/*/tests; do
    [ ! -d "$tests" ] || .venv/bin/mypy "$tests"
done
