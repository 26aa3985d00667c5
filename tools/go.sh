#!/bin/sh
# Runs Go: the machine's own where it is new enough, else the locked wheel's, so that a machine without Go can build too.
# Never lets Go fetch another toolchain.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
oldest=$(sed -n 's/^go //p' "$root/tools/go.mod")
export GOTOOLCHAIN=local GOFLAGS="${GOFLAGS:-} -buildvcs=false"
export HOME="${HOME:-$root/.cache}" # where Go keeps its caches

is_new_enough() {
    version=$("$1" env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n%s\n' "$oldest" "${version#go}" | sort -V | head -n 1)" = "$oldest" ]
}

go=$(command -v go || true)
if [ -z "$go" ] || ! is_new_enough "$go"; then
    go=$root/.venv/bin/go
    [ -x "$go" ] || { echo "No Go $oldest or newer, and no $go: run 'make venv' first." >&2; exit 1; }
fi
case ${1:-} in
gofmt) shift; exec "$("$go" env GOROOT)/bin/gofmt" "$@" ;;
*) exec "$go" "$@" ;;
esac
