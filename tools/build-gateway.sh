#!/bin/sh
# Builds the gateway as one static binary: tools/build-gateway.sh [OUTPUT], by default .build/gateway.
set -eu
cd "$(dirname "$0")/.."
output=$(realpath -m "${1:-.build/gateway}")
version=$(git describe --tags --always --dirty -- 2>/dev/null || echo development)
CGO_ENABLED=0 tools/go.sh -C services/gateway build -trimpath -ldflags "-s -w -X main.version=$version" -o "$output" ./cmd/gateway
