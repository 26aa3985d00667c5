#!/bin/sh
# Locks the requirements and Kafka's jars anew, each with its hash and without any address.
set -eu
cd "$(dirname "$0")/.."

uv=.build/uv/bin/uv
[ -x "$uv" ] || { python3.11 -m venv .build/uv && .build/uv/bin/pip install --quiet uv; }
for set in runtime dev; do
    "$uv" pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
        --no-emit-index-url --no-header "requirements/$set.in" --output-file "requirements/$set.txt"
done
cd libs/backing/kafka
../../../.venv/bin/jgo --class-path-only --resolver python lock
