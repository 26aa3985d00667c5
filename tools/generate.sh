#!/bin/sh
# Generates all code from protos/: Python for libs/contracts, Go and the OpenAPI document for the gateway.
#
#   tools/generate.sh          writes it into the tree
#   tools/generate.sh --check  writes nothing; fails and shows where what is checked in differs
set -eu
cd "$(dirname "$0")/.."
root=$PWD
generated="libs/contracts/src/heyday services/gateway/gen services/gateway/internal/openapi/generated"

[ -x .build/tools/protoc-gen-go ] || echo "Building the generators for Go; the first time this takes a minute or two."
GOBIN=$root/.build/tools tools/go.sh -C tools install \
    google.golang.org/protobuf/cmd/protoc-gen-go \
    google.golang.org/grpc/cmd/protoc-gen-go-grpc \
    github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway \
    github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2
PATH=$root/.build/tools:$root/.venv/bin:$PATH

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
# The plugins talk on stderr even when all is well.
buf generate --template protos/buf.gen.yaml --output "$fresh" 2>"$fresh/log" || { cat "$fresh/log" >&2; exit 1; }
python tools/tidy_openapi.py "$fresh/services/gateway/internal/openapi/generated/openapi.swagger.json"
touch "$fresh/libs/contracts/src/heyday/py.typed"

if [ "${1:-}" = --check ]; then
    for path in $generated; do
        diff -r -q -x __pycache__ "$fresh/$path" "$path" || { echo "Generated code is not up to date: run 'make protos'." >&2; exit 1; }
    done
    exit 0
fi
for path in $generated; do
    rm -rf "$path"
    mkdir -p "$path"
    cp -R "$fresh/$path/." "$path"
done
